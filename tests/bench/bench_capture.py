# SPDX-License-Identifier: Apache-2.0
"""capture: everything about the recorder, beside the tools people use for the same purpose."""

import bench_armed
import bench_flood
import bench_recorder
import bench_write

PARTS = {"armed": bench_armed, "write": bench_write, "flood": bench_flood, "recorder": bench_recorder}


def bench(context):
    parts = [PARTS[name] for name in context.parts or PARTS]
    minutes = sum(part.estimate(context) for part in parts) / 60
    context.note(f"capture: takes about {minutes:.0f} minutes on a quiet machine")
    for part in parts:
        part.bench(context)
