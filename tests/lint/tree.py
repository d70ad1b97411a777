# SPDX-License-Identifier: Apache-2.0
"""The project's files, and how a rule tells what it found."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", "dist"}


def files(*suffixes):
    """Paths relative to the root, of files that end with one of the suffixes (all, if none given)."""
    found = []
    pending = [ROOT]
    while pending:
        for entry in pending.pop().iterdir():
            if entry.is_symlink():
                continue
            if entry.is_dir():
                if entry.name not in SKIPPED_FOLDERS:
                    pending.append(entry)
            elif not suffixes or entry.name.endswith(suffixes):
                found.append(entry.relative_to(ROOT).as_posix())
    return sorted(found)


def product_files(*suffixes):
    return [path for path in files(*suffixes) if not path.startswith(("tests/", "web/"))]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def is_script(path):
    with open(ROOT / path, "rb") as file:
        return file.read(2) == b"#!"


_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(path):
    """C without comments and the insides of strings; line numbers stay."""

    def blank(match):
        token = match.group(0)
        return token[0] * 2 if token[0] in "\"'" else "\n" * token.count("\n")

    return _TOKENS.sub(blank, text(path))


def finish(complaints, looked_at):
    """Prints what is wrong and ends the program; a rule that looked at nothing is wrong itself."""
    for complaint in complaints:
        print(complaint)
    print(f"{len(complaints)} complaints, {looked_at} looked at")
    sys.exit(1 if complaints or not looked_at else 0)
