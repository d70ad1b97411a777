# SPDX-License-Identifier: Apache-2.0
"""Where bench results go: a table on the terminal, JSON lines, docs/performance.md and its plot."""

import json
import os
import platform
import re
import subprocess

import plot

KEYS = ("bench", "metric", "ours", "peer", "peer_value", "ratio", "unit", "goal", "met")

HEAD = """\
# Performance

Written by `tests/bench/run`; each section is replaced when its bench runs.

- Packets carry sequence numbers; how many a program captured is counted from its files.
- CPU is the scheduler's own run time (`schedstat`) of every thread of the program from "listening"
  to "drained": start-up is out, all of Ringbell's processes are in. The generator and the receive
  softirq run on processor 0, the program on processor 1, so CPU is the program's true cost; `busy`
  is what all processors together did meanwhile, generator included.
- A run that other programs disturbed is repeated. What buffered writers pay for fresh pages of the
  page cache depends on the machine's memory at that moment, in virtual machines above all: compare
  figures of one run only, and look at least and most.
- Contestants take turns within each repetition; figures are medians. Ratio = ours / peer.
- Peers have 64 MiB kernel buffers (their default of 2 MiB loses more). `…-ring` is a ring of files:
  40 of 100 MB. `…-512` and netsniff-ng have 512 MiB, `…-default` what they take unasked.
- stenotype is left out: the one of Debian 12 (stenographer 1.0.1) was seen to leave its files empty
  on Linux 6.18.
"""

NOTES = """\
What profiling found (perf, run time per thread; a shadow-paged virtual machine), unless said otherwise:

- **Armed** costs wake-ups: 0.16 ms each, with 70 blocks taken. A 512 MiB ring wakes ten times a second, the
  supervisor every two seconds. Fewer is not safe: a sleep must end before the fastest wire has filled
  half the ring.
- **First touch.** The first write to a page of the ring costs about 6 µs there, more than all packets in it:
  it was two thirds of the armed cost in the first lap. Each page is read once at start, on a thread of its own.
- **Writing.** Half of it was the writer's: entering the hypervisor for each request of a write, and waking the
  ring thread for each write. Huge pages, 1 MiB writes and news that wait for the next paced wake-up
  together took 40 %. What is left is one copy per packet.
- **History to disk** (not profiled: sums). A GiB of 512 B packets is 2.1 million, and 0.8 million more come
  meanwhile: 2.9 million at what writing costs are the half CPU second. They are written too, so that the GiB
  took two thirds of the rate at which the disk takes O_DIRECT writes of nothing else. The CPU and time are of
  three repetitions on a quiet machine; these lost 436 to 9156 packets at the ring's edge, where captures no
  longer begin. The row without loss is one repetition since, on a busy machine (0.74 CPU s); one on tmpfs
  lost none either.
- **First byte** is the file's header, **first packets** what the capture is for. The tail is the same on tmpfs
  (15.9 ms of 20 triggers, busy machine, disk 15.7): it is not the disk. The order goes through three threads
  that share one processor with control here; that this is the reason was not profiled.
- **Restart** met its goal on a quiet machine only: on a busy one it took 53 to 87 ms.
- **Armed at flood, an unfinished run**: two of five repetitions before it was given up, other work at low
  priority on the machine, the generator at 2.5 to 4.7 Mpps and not equally fast for all. Ringbell 0.0016 and
  0.0022 CPU s/Mpkt, without loss; tcpdump-ring 1.85 and 2.31, dumpcap-ring 2.21 and 2.80, libpcap in memory
  0.88 and 0.96 per packet captured, with 64 to 89 % lost. At 300 kpps nothing was measured by the bench since
  2026-11-21.
- A quiet link of one packet per second was left alone for 17 minutes on a 256 MiB ring: it reached back 957 s.
"""


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def fraction(value):
    """0.0012 as 1/833, 1.5 as 1.5."""
    if not value:
        return ""
    return f"1/{number(1 / value)}" if value < 1 else number(value)


def row_cells(row):
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    shown = number if row["peer"] is None else fraction
    goal = f"≤ {shown(row['goal']) or 0}" if row["goal"] is not None else ""
    return [row["metric"], number(row["ours"]), row["peer"] or "", number(row["peer_value"]),
            fraction(row["ratio"]), row["unit"], goal, met]


COLUMNS = ["metric", "ours", "peer", "its value", "ratio", "unit", "goal", "met"]


def markdown_table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def text_table(rows):
    cells = [COLUMNS, *map(row_cells, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in cells)


def write_json(path, rows):
    with open(path, "w") as out:
        for row in rows:
            out.write(json.dumps({key: row[key] for key in KEYS}) + "\n")


def disturbance(context):
    if not context.disturbed:
        return ""
    return f"; **other work kept the machine busy before {context.disturbed} of {context.runs} runs**"


def conditions(context):
    """One line that says where the figures were measured."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    tools = []
    for command in (["tcpdump", "--version"], ["dumpcap", "--version"]):
        done = subprocess.run(command, capture_output=True, text=True)
        found = re.search(r"[\d.]+\d", done.stdout + done.stderr)
        tools.append(f"{command[0]} {found[0] if found else '?'}")
    return (f"{context.date}, {os.cpu_count()} × {model[1] if model else platform.machine()}, "
            f"Linux {platform.release()}, {', '.join(tools)}; "
            f"{context.repetitions} repetition{'s'[:context.repetitions > 1]}"
            f"{', quick run' if context.quick else ''}"
            f"{disturbance(context)}")


def detail_table(title, table):
    keys = list(next(iter(table.values())))
    rows = [[name, *(number(values[key]) for key in keys)] for name, values in table.items()]
    return f"{title}:\n\n" + markdown_table(["", *keys], rows)


def section(context, bench):
    rows = [row for row in context.rows if row["bench"] == bench]
    parts = [f"## {bench}", conditions(context) + ".",
             markdown_table(COLUMNS, map(row_cells, rows))]
    parts += [detail_table(title, table) for title, table in context.details.get(bench, [])]
    drawn = plot.draw(bench, rows, context.docs)
    if drawn:
        parts.append(f"![{bench}]({drawn})")
    for name, title, series in context.plots.get(bench, []):
        parts.append(f"![{title}]({plot.draw_lines(f'{bench}-{name}', title, series, context.docs)})")
    return "\n\n".join(parts) + "\n"


def write_docs(context, benches):
    """Replaces the sections of these benches; those of others stay as they are."""
    path = f"{context.docs}/performance.md"
    sections = {}
    if os.path.exists(path):
        with open(path) as file:
            for part in re.split(r"^(?=## )", file.read(), flags=re.M)[1:]:
                sections[part.split("\n")[0][3:]] = part
    for bench in benches:
        sections[bench] = section(context, bench)
    with open(path, "w") as out:
        out.write(HEAD + "\n" + NOTES)
        for name in sorted(sections):
            out.write("\n" + sections[name].strip() + "\n")
