#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ustr_table.c: Unicode's case mappings and classes, as this Python knows them.

Usage: ustr_table.py > ustr_table.c"""
import sys
import unicodedata

LIMIT = 0x110000


def ranges(holds):
    found = []
    for code in range(LIMIT):
        if holds(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return found


def case_ranges(change):
    """[first, last, stride, delta] of single-character mappings, and the rest as texts."""
    runs, special = [], []
    for code in range(LIMIT):
        other = change(chr(code))
        if other == chr(code):
            continue
        if len(other) > 1:
            special.append((code, other))
            continue
        delta = ord(other) - code
        last = runs[-1] if runs else None
        if last and last[3] == delta and (
                code - last[1] == last[2] or (last[0] == last[1] and code - last[1] in (1, 2))):
            last[2] = code - last[1]
            last[1] = code
        else:
            runs.append([code, code, 1, delta])
    return runs, special


def show(kind, name, rows):
    print(f"\nconst {kind} {name}[] = {{")
    line = "\t"
    for row in rows:
        item = row + ", "
        if len(line.expandtabs(8)) + len(item) > 99:
            print(line.rstrip())
            line = "\t"
        line += item
    print(line.rstrip())
    print("};")
    print(f"const size_t {name}_count = {len(rows)};")


def show_ranges(name, holds):
    show("struct ustr_range", name, [f"{{0x{a:x}, 0x{b:x}}}" for a, b in ranges(holds)])


def texts(special):
    return ['{0x%x, "%s"}' % (c, "".join(f"\\{b:03o}" for b in t.encode())) for c, t in special]


def show_case(name, change):
    runs, special = case_ranges(change)
    show("struct ustr_case", f"ustr_{name}",
         [f"{{0x{a:x}, 0x{b:x}, {s}, {d}}}" for a, b, s, d in runs])
    show("struct ustr_special", f"ustr_{name}_special",
         texts(special))


print("/* SPDX-License-Identifier: Apache-2.0 */")
print(f"/* Unicode {unicodedata.unidata_version}. Made by ustr_table.py; do not edit. */")
print("/* clang-format off */")
print('#include "base/jinja/ustr_table.h"')
show_case("upper", str.upper)
show_case("lower", str.lower)
titles = [(code, chr(code).title()) for code in range(LIMIT) if chr(code).title() != chr(code).upper()]
show("struct ustr_special", "ustr_title_special", texts(titles))
show_ranges("ustr_unprintable", lambda c: not c.isprintable() and not 0xd800 <= ord(c) < 0xe000)
sys.stdout.flush()
