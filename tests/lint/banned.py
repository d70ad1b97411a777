#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that have no bound, run a shell, or hide a failed conversion."""
import re

import tree

BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy with a checked length",
    "stpcpy": "memcpy with a checked length", "strcat": "struct buf", "strncat": "struct buf",
    "gets": "fgets", "strtok": "strsep or strcspn", "system": "posix_spawn", "popen": "posix_spawn",
    "alloca": "a bounded array or xmalloc", "atoi": "strtol with its end checked",
    "atol": "strtol with its end checked", "atoll": "strtoll with its end checked",
    "atof": "strtod with its end checked", "tmpnam": "mkstemp", "mktemp": "mkstemp",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")

complaints = []
paths = tree.files(".c", ".h")
for path in paths:
    for number, line in enumerate(tree.code(path).split("\n"), 1):
        complaints += [f"{path}:{number}: {name}() is banned, use {BANNED[name]}"
                       for name in CALL.findall(line)]
tree.finish(complaints, len(paths))
