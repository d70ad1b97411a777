# SPDX-License-Identifier: Apache-2.0
"""armed_cpu: what it costs to remember the newest traffic all the time, without any alert.

Ringbell keeps it in the kernel's ring; the peers keep it in a ring of files. Runs are interleaved:
every repetition measures each contestant once, one after the other.
"""

import os
import statistics

import measure
from contestants import FULL_REACH, MIB, Peer, Ringbell, slot_bytes
from network import Traffic

SIZE = 512
CASES = (
    # name, packets per second (0 = as fast as the generator goes), seconds, goal beside each peer
    ("512 B flood", 0, 2,
     {"tcpdump-ring": 1 / 500, "dumpcap-ring": 1 / 1000, "libpcap-memory": 1 / 50}),
    ("512 B 300 kpps", 300_000, 4, {"tcpdump-ring": 1 / 200, "dumpcap-ring": 1 / 200}),
)
PEER_NAMES = ("tcpdump-ring", "dumpcap-ring", "libpcap-memory")
RUN_SECONDS = 9
FLOOD_RATE = 1_500_000 # upper bound, for the number of packets only


def run_once(context, make, rate, seconds):
    """One contestant, one burst: {cpu, busy, loss, …} per million packets captured."""
    context.settle()
    contestant = make()
    try:
        meter = measure.Meter(contestant.pids())
        meter.start()
        traffic = Traffic(context.network, context.tools.gen, rate, size=SIZE,
                          count=int((rate or FLOOD_RATE) * seconds))
        facts = traffic.finish()
        used = meter.stop()
        contestant.wait_all(int(facts["sent"]))
        captured = contestant.finish()
        million = captured / 1e6
        return {"name": contestant.name, "cpu": used["cpu_s"] / million,
                "busy": used["busy_s"] / (facts["sent"] / 1e6), "pps": facts["pps"],
                "loss": 1 - captured / facts["sent"],
                "reach": getattr(contestant, "reach_packets", None)}
    finally:
        contestant.close()


def check_reach(run, ring_bytes):
    """A cheap history that is not there when it is asked for would be no history."""
    needed = FULL_REACH * ring_bytes / slot_bytes(SIZE)
    if run["reach"] < needed:
        raise AssertionError(f"history returned {run['reach']} packets, expected {needed:.0f}")


def run_case(context, rate, seconds):
    """{contestant: [run, …]}, interleaved."""
    # The flood goes to memory, so that a stalling disk is not held against the peers.
    base = "/dev/shm" if rate == 0 and os.path.isdir("/dev/shm") else context.disk
    runs = {}
    for repetition in range(context.repetitions):
        makers = [lambda: Ringbell(context.network, context.tools, "armed", base,
                                   rings={"memory_bytes": context.ring_bytes})]
        makers += [lambda name=name: Peer(context.network, context.tools, name, base)
                   for name in PEER_NAMES]
        for make in makers:
            run = run_once(context, make, rate, seconds)
            if run["reach"] is not None:
                check_reach(run, context.ring_bytes)
            runs.setdefault(run["name"], []).append(run)
            context.note(f"  {repetition + 1}: {run['name']:14} {run['cpu']:.5f} s/Mpkt, "
                         f"loss {100 * run['loss']:.2f} %, {run['pps']:.0f} pps")
    return runs


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def estimate(context):
    return len(CASES) * (1 + len(PEER_NAMES)) * context.repetitions * RUN_SECONDS


def bench(context):
    context.ring_bytes = 512 * MIB
    for name, rate, seconds, goals in CASES:
        context.note(f"armed_cpu, {name}")
        runs = run_case(context, rate, seconds)
        for metric, key, unit in (("armed_cpu", "cpu", "CPU s/Mpkt"), ("busy", "busy", "s/Mpkt")):
            for peer in PEER_NAMES:
                goal = goals.get(peer) if metric == "armed_cpu" else None
                context.add("capture", f"{metric}, {name}", median(runs["ringbell"], key), peer,
                            median(runs[peer], key), unit, goal)
        context.detail("capture", name, {
            contestant: {"CPU s/Mpkt": median(of, "cpu"), "least": min(run["cpu"] for run in of),
                         "most": max(run["cpu"] for run in of), "busy s/Mpkt": median(of, "busy"),
                         "loss %": 100 * median(of, "loss"), "offered pps": median(of, "pps")}
            for contestant, of in runs.items()})
