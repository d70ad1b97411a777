#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every requirement has its row in docs/requirements.md, and every test named there names the id.

A row says which tests show it, or begins with *not yet*: those become less and never more. With
--self-check, the rule is shown a page it must complain about."""
import re
import sys

import tree

PAGE = "docs/requirements.md"
PAYLOADS = "tests/data/intake/README.md"
FAMILIES = {"ALR": 18, "APL": 9, "EPC": 25, "PEP": 20, "POL": 24, "TCT": 12, "TCF": 21, "TCO": 24,
            "EMQ": 9, "EMC": 14, "INB": 16, "DEF": 16, "VEC": 5}
# decided elsewhere: templates of endpoints, storage, kinds of endpoints
OTHER_PARTS = {7, 9, 14, 15, 16, 18, 19, 23, 33, 34, 36, 37, 38}
AMBIGUITIES = 44
NOT_YET_MAX = 6 # set lower with each one that is shown

ROW = re.compile(r"^\| ([A-Z]+-\d\d) \| ([^|]+) \| ([^|]*) \|$", re.M)
NAMED = re.compile(r"`([^`]+)`(?: (\w+))?")


def wanted():
    ids = [f"{family}-{number:02}" for family, count in FAMILIES.items()
           for number in range(1, count + 1)]
    return ids + [f"A-{number:02}" for number in range(1, AMBIGUITIES + 1)
                  if number not in OTHER_PARTS]


def check_test(identity, place, function, payload):
    """What is wrong with one test that a row names; None = nothing."""
    if payload:
        row = re.search(rf"^\| `{re.escape(place)}` \| (.*) \|$", tree.text(PAYLOADS), re.M)
        folder = tree.ROOT / "tests/data/intake"
        there = any((folder / f"{place}.{end}").exists() for end in ("json", "jsonl"))
        named = row and identity in row[1].split(", ")
        return None if there and named else f"payload {place} is not there or names no {identity}"
    path = f"tests/{place}"
    if not (tree.ROOT / path).exists():
        return f"{path} does not exist"
    text = tree.text(path)
    if not re.search(rf"\b{identity}\b", text):
        return f"{path} does not name {identity}"
    return None if not function or re.search(rf"\b{function}\b", text) else \
        f"{path} has no {function}"


def check_row(identity, shown):
    if shown.startswith("*not yet*"):
        return []
    payload = False
    complaints, count = [], 0
    for part in shown.split(", "):
        found = NAMED.search(part)
        payload = part.startswith("payload")
        if not found:
            complaints.append(f"{identity}: \"{part}\" names no test")
            continue
        count += 1
        problem = check_test(identity, found[1], found[2], payload)
        if problem:
            complaints.append(f"{identity}: {problem}")
    return complaints if count else complaints + [f"{identity}: no test"]


def check(page, ids):
    rows = {identity: shown for identity, _, shown in ROW.findall(page)}
    complaints = [f"{PAGE}: no row for {identity}" for identity in ids if identity not in rows]
    complaints += [f"{PAGE}: {identity} is no requirement" for identity in rows
                   if identity not in ids]
    open_ones = [identity for identity in ids if rows.get(identity, "").startswith("*not yet*")]
    if len(open_ones) > NOT_YET_MAX:
        complaints.append(f"{PAGE}: {len(open_ones)} are not yet shown, {NOT_YET_MAX} may be")
    if len(open_ones) < NOT_YET_MAX:
        complaints.append(f"{__file__}: NOT_YET_MAX can be {len(open_ones)} now")
    for identity, shown in rows.items():
        complaints += check_row(identity, shown)
    return complaints


def self_check():
    page = ("| ALR-01 | x | `unit/test_level.c` nobody |\n| ALR-02 | x | `unit/absent.c` |\n"
            "| ALR-03 | x | *not yet* |\n| ALR-04 | x | payload `nobody/nothing` |\n")
    found = "\n".join(check(page, ["ALR-01", "ALR-02", "ALR-03", "ALR-04", "ALR-05"]))
    for word in ("no row for ALR-05", "has no nobody", "absent.c does not exist", "nobody/nothing",
                 "NOT_YET_MAX"):
        assert word in found, f"{word} in {found}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-check"]:
        self_check()
    else:
        tree.finish(check(tree.text(PAGE), wanted()), len(wanted()))
