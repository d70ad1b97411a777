#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source and script names its licence in the first line (the second, after #!)."""
import tree

SUFFIXES = (".c", ".h", ".py", ".sh", ".cmake", "CMakeLists.txt", ".service", ".ts", ".tsx", ".js",
            ".css", ".yaml", ".yml", ".1", ".5", ".7", ".8", ".clang-format", ".clang-tidy")
WANTED = "SPDX-License-Identifier: Apache-2.0"
# what a tool writes, or what a test feeds to the product as it was found
EXEMPT = ("tests/data/", "package-lock.json")


def names_licence(path):
    lines = tree.text(path).split("\n", 2)
    return WANTED in lines[1 if lines[0].startswith("#!") else 0]


paths = [p for p in tree.files()
         if not p.startswith(EXEMPT) and (p.endswith(SUFFIXES) or tree.is_script(p))]
tree.finish([f"{p}: no \"{WANTED}\" in its first line" for p in paths if not names_licence(p)],
            len(paths))
