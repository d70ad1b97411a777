# SPDX-License-Identifier: Apache-2.0
"""dispatch/serve/routes.c as data, for the rules and the end-to-end tests that go through it."""
import re

import tree

PATH = "dispatch/serve/routes.c"
ROW = re.compile(r"\{\s*(METHOD_\w+(?:\s*\|\s*METHOD_\w+)*)\s*,\s*((?:V1\s*)?\"[^\"]*\")\s*,"
                 r"\s*PERMISSION_(\w+)\s*,\s*(\w+)\s*\}")


def rows():
    """(method, pattern with {}, permission in lower case) for each method of each row."""
    text = tree.text(PATH)
    prefix = re.search(r'#define V1 "([^"]*)"', text).group(1)
    found = []
    for methods, pattern, permission, _ in ROW.findall(text):
        literal = re.search(r'"([^"]*)"', pattern).group(1)
        pattern = prefix + literal if pattern.startswith("V1") else literal
        found += [(method.strip()[len("METHOD_"):], pattern, permission.lower())
                  for method in methods.split("|")]
    if len(ROW.findall(text)) != len(re.findall(r"\bapi_\w+\s*\}", text)):
        raise SystemExit(f"{PATH}: a row is not understood")
    return found


def plain(path):
    """The path with the names of its parameters taken out."""
    return re.sub(r"\{[^}]*\}|<[^>]*>", "{}", path)
