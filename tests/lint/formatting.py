#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format decides. Skipped (77) where its version 14 is not installed: others decide differently."""
import re
import shutil
import subprocess
import sys

import tree

VERSION = 14
tool = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout if tool else ""
if not re.search(rf"version {VERSION}\.", version):
    print(f"clang-format {VERSION} is not installed")
    sys.exit(77)
paths = tree.files(".c", ".h")
done = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1", *paths], cwd=tree.ROOT,
                      capture_output=True, text=True)
wrong = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: error", done.stderr, re.M)))
complaints = [f"{path}: run clang-format -i" for path in wrong]
if done.returncode and not complaints:
    complaints = [done.stderr]
tree.finish(complaints, len(paths))
