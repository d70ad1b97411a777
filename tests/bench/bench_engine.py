# SPDX-License-Identifier: Apache-2.0
"""engine: decisions of the engine alone, with 1 000 policies and so many open alerts."""

import json
import subprocess

GOAL_NS = 2000 # 500 000 a second
COUNTS = ("10", "100", "1000", "10000")


def bench(context):
    context.settle()
    context.note("engine: decisions")
    output = subprocess.run([context.tools.bench_engine], check=True, timeout=120,
                            capture_output=True, text=True).stdout
    result = json.loads(output)
    table = {}
    for count in COUNTS:
        found = result[count]
        table[f"{count} open alerts"] = {
            "repeat ns": found["repeat_ns"], "opens or closes ns": found["change_ns"],
            "repeats/s": 1e9 / found["repeat_ns"]}
    context.add("engine", "a repeat, 1 000 policies and 10 000 open alerts",
                result["10000"]["repeat_ns"], None, None, "ns", GOAL_NS, absolute=True)
    context.add("engine", "the same with 1 000 open alerts", result["1000"]["repeat_ns"], None,
                None, "ns", GOAL_NS, absolute=True)
    context.add("engine", "an alert opens or closes, 10 000 open alerts",
                result["10000"]["change_ns"], None, None, "ns", GOAL_NS, absolute=True)
    context.detail("engine", "Nanoseconds of processor time for one decision. Up to 1 000 open "
                   "alerts each one that opens or closes also begins or ends a capture", table)
