#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests wait for conditions. A pause inside such a wait, or a span that is the very thing under test,
says so with a comment "wait: …" on its line or the one before."""
import re

import tree

CALLS = re.compile(r"\b(?:usleep|sleep|nanosleep|clock_nanosleep|time\.sleep|asyncio\.sleep)\s*\(")
SHELL = re.compile(r"(?:^|[;&|]|\bdo\b|\bthen\b)\s*sleep\s+[\d.$]")

complaints = []
paths = [p for p in tree.files() if p.startswith("tests/") and not p.startswith(
    ("tests/lint/", "tests/data/")) and (p.endswith((".c", ".h", ".py", ".sh")) or tree.is_script(p))]
for path in paths:
    before = ""
    pattern = CALLS if path.endswith((".c", ".h")) else re.compile(
        f"{CALLS.pattern}|{SHELL.pattern}")
    for number, line in enumerate(tree.text(path).split("\n"), 1):
        if pattern.search(line) and "wait:" not in line and "wait:" not in before:
            complaints.append(f"{path}:{number}: sleeps; wait for a condition")
        before = line
tree.finish(complaints, len(paths))
