#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people read names no folder of the machine it was written on."""
import re

import tree

FOREIGN = re.compile(r"(?<![\w.~$}>])/(?:home/\w|root\b|Users/\w|work\b|build\b|mnt/|data\d*/)[\w./-]*")

paths = [p for p in tree.files() if p.endswith(".md") or p.startswith("docs/man/")]
complaints = []
for path in paths:
    for number, line in enumerate(tree.text(path).split("\n"), 1):
        complaints += [f"{path}:{number}: \"{found}\" is a path of one machine"
                       for found in FOREIGN.findall(line)]
tree.finish(complaints, len(paths))
