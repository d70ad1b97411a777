# SPDX-License-Identifier: Apache-2.0
"""write_cpu: the cost of writing everything to disk. sealed_cpu: the same with what the worker does to
each sealed segment."""

import statistics

import measure
from bench_armed import SIZE
from contestants import MIB, Peer, Ringbell, installed
from network import Traffic
from waiting import wait_for

RATE = 300_000
SECONDS = 4
RUN_SECONDS = 11
RING_BYTES = 256 * MIB
GOALS = {"stenotype": 0.7, "netsniff-ng": 1 / 2.5, "tcpdump": 1 / 3.5, "dumpcap": 1 / 7}
SEALED_GOALS = {"tcpdump": 1.0, "dumpcap": 0.5}


def wait_digested(daemon, policy):
    """Until every segment of the newest capture has its hash."""
    def digested():
        row = daemon.capture(daemon.captures_of(policy)[0]["id"])
        return row["segments"] and all(segment["sha256"] for segment in row["segments"])
    wait_for("all segments hashed", digested, 60, pause=0.1)


def run_once(context, make):
    context.settle()
    contestant = make()
    try:
        meter = measure.Meter(contestant.pids())
        workers = measure.reaped_cpu_s(contestant.pid)
        meter.start()
        facts = Traffic(context.network, context.tools.gen, RATE, size=SIZE,
                        count=RATE * SECONDS).finish()
        used = meter.stop()
        contestant.wait_all(int(facts["sent"]))
        sealed = used["cpu_s"]
        if isinstance(contestant, Ringbell):
            contestant.daemon.switch(contestant.policy, "automatic")
            wait_digested(contestant.daemon, contestant.policy)
            sealed += measure.reaped_cpu_s(contestant.pid) - workers
        captured = contestant.finish()
        million = captured / 1e6
        return {"name": contestant.name, "cpu": used["cpu_s"] / million, "sealed": sealed / million,
                "loss": 1 - captured / facts["sent"]}
    finally:
        contestant.close()


def estimate(context):
    return (1 + len(GOALS)) * context.repetitions * RUN_SECONDS


def collect(context, peers):
    runs = {}
    for repetition in range(context.repetitions):
        makers = [lambda: Ringbell(context.network, context.tools, "write", context.disk,
                                   rings={"memory_bytes": RING_BYTES})]
        makers += [lambda name=name: Peer(context.network, context.tools, name, context.disk)
                   for name in peers]
        for make in makers:
            run = run_once(context, make)
            runs.setdefault(run["name"], []).append(run)
            context.note(f"  {repetition + 1}: {run['name']:14} {run['cpu']:.4f} s/Mpkt, "
                         f"loss {100 * run['loss']:.3f} %")
    return runs


def bench(context):
    context.note("write_cpu, 512 B 300 kpps to disk")
    runs = collect(context, installed(GOALS))
    middle = {name: {key: statistics.median(run[key] for run in of)
                     for key in ("cpu", "sealed", "loss")} for name, of in runs.items()}
    for metric, key, goals in (("write_cpu", "cpu", GOALS), ("sealed_cpu", "sealed", SEALED_GOALS)):
        for peer in filter(runs.get, goals):
            context.add("capture", f"{metric}, 512 B 300 kpps", middle["ringbell"][key], peer,
                        middle[peer]["cpu"], "CPU s/Mpkt", goals[peer])
    context.detail("capture", "512 B 300 kpps to disk", {
        name: {"CPU s/Mpkt": of["cpu"], "least": min(run["cpu"] for run in runs[name]),
               "most": max(run["cpu"] for run in runs[name]), "with SHA-256": of["sealed"],
               "loss %": 100 * of["loss"]}
        for name, of in middle.items()})
