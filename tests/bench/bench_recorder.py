# SPDX-License-Identifier: Apache-2.0
"""What only a flight recorder has: history to disk after a trigger, first byte, restart, toggling."""

import glob
import mmap
import os
import re
import statistics
import time

import measure
import packets
from contestants import MIB, Ringbell
from network import Traffic, wait_for_packets
from waiting import wait_for

HISTORY_RATE = 700_000
HISTORY_RING = 1536 * MIB # three quarters of it are a bit more than 1 GiB
TRIGGERS = 100
TOGGLES = 1000


def estimate(context):
    return 60 if context.quick else 150


def direct_rate(folder):
    """MiB/s that the disk takes with O_DIRECT, 1 MiB at a time."""
    path = f"{folder}/ringbell-bench-direct"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600)
    try:
        data = mmap.mmap(-1, MIB)
        data.write(os.urandom(MIB))
        start = time.monotonic()
        for _ in range(1024):
            os.write(fd, data)
        return 1024 / (time.monotonic() - start)
    finally:
        os.close(fd)
        os.unlink(path)


def written_bytes(folder):
    return sum(os.stat(path).st_size for path in glob.glob(f"{folder}/captures/*/.*.pcapng")
               + glob.glob(f"{folder}/captures/*/*.pcapng"))


def history_once(context):
    context.settle()
    contestant = Ringbell(context.network, context.tools, "armed", context.disk,
                          rings={"memory_bytes": HISTORY_RING})
    try:
        traffic = Traffic(context.network, context.tools.gen, HISTORY_RATE, size=512, seconds=20)
        wait_for_packets(int(HISTORY_RING / 600), 30)
        pids = contestant.pids()
        cpu = measure.cpu_ns(pids)
        start = time.monotonic()
        contestant.daemon.switch(contestant.policy, "enable", lookback="10m")
        wait_for("1 GiB written", lambda: written_bytes(contestant.folder) >= 1024 * MIB, 30,
                 pause=0.005)
        seconds = time.monotonic() - start
        cpu = (measure.cpu_ns(pids) - cpu) / 1e9
        traffic.stop()
        contestant.daemon.switch(contestant.policy, "automatic")
        row = contestant.daemon.wait_capture(contestant.policy, "finished", 60)
        facts = packets.verify(context.tools.verify,
                               *sorted(glob.glob(f"{contestant.folder}/captures/*/*.pcapng")))
        return {"seconds": seconds, "cpu": cpu, "rate": 1024 / seconds,
                "lost": facts["span_lost"] + sum(row["coverage"]["loss"].values()),
                "direct": direct_rate(context.disk)}
    finally:
        contestant.close()


def history(context):
    context.note("history: 1 GiB to disk after a trigger, 700 kpps going on")
    runs = [history_once(context) for _ in range(1 if context.quick else 3)]
    for run in runs:
        context.note(f"  {run['seconds']:.2f} s, {run['cpu']:.3f} CPU s, {run['rate']:.0f} of "
                     f"{run['direct']:.0f} MiB/s, lost {run['lost']}")
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    context.add("capture", "history_lost, 1 GiB at 700 kpps", max(run["lost"] for run in runs), None,
                None, "packets", 0, absolute=True)
    context.add("capture", "history_cpu, 1 GiB at 700 kpps", middle["cpu"], None, None, "CPU s", 0.25,
                absolute=True)
    context.add("capture", "history_time, 1 GiB at 700 kpps", middle["seconds"],
                "O_DIRECT writes", 1024 / middle["direct"], "s", 1 / 0.8)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def first_byte(context, contestant):
    """The recorder's own word in its log: from the order it received to bytes on the disk."""
    daemon = contestant.daemon
    count = 20 if context.quick else TRIGGERS
    for _ in range(count):
        daemon.switch(contestant.policy, "enable", lookback="1s")
        wait_for("capturing", lambda: daemon.policy(contestant.policy)["state"] == "on")
        daemon.switch(contestant.policy, "automatic")
    daemon.wait_capture(contestant.policy, "finished", 60)
    for what in ("byte", "packets"):
        took = [float(ms) for ms in re.findall(rf"first {what} on disk ([\d.]+) ms after",
                                               daemon.read_log())]
        context.note(f"first {what}: {len(took)} triggers, p50 {percentile(took, 0.5)} ms, "
                     f"p99 {percentile(took, 0.99)} ms, most {max(took)} ms")
        context.add("capture", f"order → first {what} on disk, p50", percentile(took, 0.5), None,
                    None, "ms", None)
        context.add("capture", f"order → first {what} on disk, p99", percentile(took, 0.99), None,
                    None, "ms", 10, absolute=True)


def restart(context, contestant):
    daemon = contestant.daemon
    for _ in range(2 if context.quick else 5):
        daemon.kill_child("recorder")
    mapped = [float(ms) for ms in re.findall(r"mapped in ([\d.]+) ms", daemon.read_log())][1:]
    context.note(f"restart: ring mapped again in {mapped} ms")
    context.add("capture", "restart: 512 MiB ring mapped again, slowest", max(mapped), None, None,
                "ms", 50, absolute=True)


def resources(contestant):
    pid = contestant.daemon.pid_of("recorder")
    return {"KiB": measure.memory_kib(pid)["private"],
            "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def toggle(context, contestant):
    """Policy A captures all the time, B is switched on and off."""
    daemon = contestant.daemon
    other = daemon.add_policy("toggled", rotate_bytes=256 * MIB)["id"]
    daemon.switch(contestant.policy, "enable")
    wait_for("capturing", lambda: daemon.policy(contestant.policy)["state"] == "on")
    before = None
    for i in range(50 if context.quick else TOGGLES):
        daemon.switch(other, "enable")
        daemon.switch(other, "automatic")
        if i == 20:
            before = resources(contestant)
    wait_for("all toggled captures over", lambda: not any(
        row["state"] != "finished" for row in daemon.captures_of(other)), 60, pause=0.2)
    after = resources(contestant)
    daemon.switch(contestant.policy, "automatic")
    row = daemon.wait_capture(contestant.policy, "finished", 60)
    facts = packets.verify(context.tools.verify, *sorted(
        glob.glob(f"{contestant.folder}/captures/{row['id']}/*.pcapng")))
    context.note(f"toggle: {facts['span_lost']} lost of {facts['uniq']}, {before} → {after}")
    context.add("capture", "toggling B: gap in A", facts["span_lost"], None, None, "packets", 0,
                absolute=True)
    context.add("capture", "toggling B: more descriptors",
                max(0, after["descriptors"] - before["descriptors"]), None, None, "", 0,
                absolute=True)
    context.add("capture", "toggling B: more memory", max(0, after["KiB"] - before["KiB"]) / 1024,
                None, None, "MiB", 4, absolute=True)


def bench(context):
    history(context)
    contestant = Ringbell(context.network, context.tools, "armed", context.disk,
                          rings={"memory_bytes": 512 * MIB})
    traffic = Traffic(context.network, context.tools.gen, 20_000, size=512, seconds=300)
    try:
        first_byte(context, contestant)
        toggle(context, contestant)
        restart(context, contestant)
    finally:
        traffic.stop()
        contestant.close()
