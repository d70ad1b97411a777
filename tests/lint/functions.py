#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Short functions and files (docs/STYLE.md): median ≤ 15 lines, nine of ten ≤ 50, at most 2 % over 80;
no file over 800 lines. Product C only."""
import json
import statistics
import subprocess

import tree

MEDIAN_MAX, P90_MAX, LONG, LONG_SHARE_MAX, FILE_MAX = 15, 50, 80, 0.02, 800


def spans(paths):
    """(lines, file, function) of every function, by universal-ctags."""
    out = subprocess.run(
        ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "--language-force=C",
         "-f", "-", *paths], cwd=tree.ROOT, check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        tag = json.loads(line)
        if tag.get("kind") == "function" and "end" in tag:
            yield tag["end"] - tag["line"] + 1, tag["path"], tag["name"]


sources = tree.product_files(".c")
functions = sorted(spans(sources), reverse=True)
lengths = sorted(length for length, _, _ in functions)
median = statistics.median(lengths)
p90 = lengths[int(len(lengths) * 0.9)]
long = [f for f in functions if f[0] > LONG]
complaints = []

if median > MEDIAN_MAX:
    complaints.append(f"the median function has {median} lines, at most {MEDIAN_MAX} are wanted")
if p90 > P90_MAX:
    complaints.append(f"nine of ten functions have up to {p90} lines, not {P90_MAX}")
if len(long) > LONG_SHARE_MAX * len(lengths):
    complaints += [f"{path}: {name}() has {length} lines" for length, path, name in long]
for path in tree.product_files(".c", ".h"):
    count = tree.text(path).count("\n")
    if count > FILE_MAX:
        complaints.append(f"{path}: {count} lines, at most {FILE_MAX} are wanted")
print(f"{len(lengths)} functions, median {median:.0f}, p90 {p90}, {len(long)} over {LONG}; longest:")
for length, path, name in functions[:5]:
    print(f"  {length:4} {path}: {name}()")
tree.finish(complaints, len(lengths))
