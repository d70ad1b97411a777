#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ringbell(1) has every command and option of the program's own table, and no other option; man
accepts it without a warning. Usage: manual.py RINGBELL"""
import re
import shutil
import subprocess
import sys

import tree

PAGE = "docs/man/ringbell.1"
ringbell = sys.argv[1]


def run(*arguments):
    return subprocess.run([ringbell, *arguments], check=True, capture_output=True,
                          text=True).stdout


def commands():
    section = run("help").split("Commands:\n")[1].split("\n\n")[0]
    return [usage.split() for usage in re.findall(r"^  ringbell (.+)$", section, re.M)]


def options(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text))


def defined(words):
    """The options a command's help lists."""
    text = run(*words, "--help")
    return {o for line in text.split("\n") for o in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", line)}


page = tree.text(PAGE).replace(r"\-", "-")
plain = re.sub(r"^\.[A-Z]+ |\\f[BIRP]", "", page, flags=re.M).replace('"', "")
complaints = []
known = {o for o in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", run("help"), re.M)}
table = commands()
for words in table:
    name = [w for w in words if w.islower()]
    if f"ringbell {' '.join(words)}" not in plain:
        complaints.append(f"{PAGE}: command \"ringbell {' '.join(words)}\" is missing")
    known |= defined(name) if name != ["help"] else set()
complaints += [f"{PAGE}: option {o} is missing" for o in sorted(known - options(plain))]
complaints += [f"{PAGE}: there is no option {o}" for o in sorted(options(plain) - known)]
if shutil.which("groff"):
    warnings = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8",
                               str(tree.ROOT / PAGE)], capture_output=True, text=True).stderr
    complaints += [w for w in warnings.splitlines() if w]
tree.finish(complaints, len(table) + len(known))
