#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ringbelld(8) has every option of the program and no other; ringbell.yaml(5) every key the program
reads and no other; man accepts both without a warning. Usage: manual_daemon.py RINGBELLD"""
import re
import shutil
import subprocess
import sys
import tempfile

import tree

DAEMON, FILE = "docs/man/ringbelld.8", "docs/man/ringbell.yaml.5"
ringbelld = sys.argv[1]
complaints = []


def allowed_keys(section):
    """What the program says is allowed there when it is given something else."""
    text = f"{section}: {{nothing: 1}}\n" if section else "nothing: 1\n"
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        said = subprocess.run([ringbelld, "--check-config", "--config", file.name],
                              capture_output=True, text=True).stderr
    found = re.search(r"unknown key; allowed: (.*)", said)
    return found[1].split(", ") if found else []


def compare(page, what, documented, real):
    for name in sorted(real - documented):
        complaints.append(f"{page}: {what} {name} is missing")
    for name in sorted(documented - real):
        complaints.append(f"{page}: {what} {name} does not exist")


def plain(page):
    """Without the escapes that make no difference here."""
    return tree.text(page).replace(r"\-", "-")


said = subprocess.run([ringbelld, "--help"], check=True, capture_output=True, text=True).stdout
options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", said, re.M))
described = re.findall(r"^\.TP\n\.BI? (.*)$", plain(DAEMON), re.M)
compare(DAEMON, "option", set(re.findall(r"--[a-z-]+", " ".join(described))), options)

parts = re.split(r"^\.SS (\w+)$", plain(FILE).split(".SH EXAMPLE")[0], flags=re.M)
pages = {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}
top = set(allowed_keys(""))
compare(FILE, "section", set(pages) - {""}, {key for key in top if allowed_keys(key)})
for section, text in pages.items():
    names = {name for line in re.findall(r"^\.TP\n\.BR? (.*)$", text, re.M)
             for name in re.findall(r"[a-z_]+", line)}
    real = set(allowed_keys(section)) - (set() if section else set(pages))
    compare(FILE, f"key of \"{section}\"", names, real)

if shutil.which("groff"):
    for page in (DAEMON, FILE):
        warnings = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8",
                                   str(tree.ROOT / page)], capture_output=True, text=True)
        complaints += [f"{page}: {line}" for line in warnings.stderr.splitlines()]
tree.finish(complaints, len(options) + len(top))
