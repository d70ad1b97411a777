# SPDX-License-Identifier: Apache-2.0
"""filter: what judging a packet costs with 1, 10 and 100 policies, beside libpcap's interpreter run
once for each of them over the same packets; how long 10 000 addresses take to compile."""

import json
import subprocess

COUNTS = (1, 10, 100)
GOALS = {1: 1.0, 10: None, 100: 0.2}
LIST_MS = 50


def bench(context):
    context.settle()
    context.note("filter: classifier and bpf_filter")
    output = subprocess.run([context.tools.bench_filter], check=True, timeout=120,
                            capture_output=True, text=True).stdout
    report(context, json.loads(output))


def report(context, result):
    table = {}
    for count in COUNTS:
        found = result[str(count)]
        context.add("filter", f"{count} policies with host and port", found["classifier_ns"],
                    f"bpf_filter x {count}", found["bpf_ns"], "ns/packet", GOALS[count])
        table[f"{count} policies"] = {"classifier ns/packet": found["classifier_ns"],
                                      "bpf_filter ns/packet": found["bpf_ns"]}
    context.add("filter", "10 000 addresses from JSON to a classifier", result["list_ms"], None,
                None, "ms", LIST_MS, absolute=True)
    context.detail("filter", "Judging a packet", table)
