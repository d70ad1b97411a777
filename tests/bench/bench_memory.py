# SPDX-License-Identifier: Apache-2.0
"""memory: resident memory of each process, armed and capturing. write_cpu, sealed_cpu: the cost of
writing everything to disk at 300 kpps, without and with the hashing of sealed segments."""

import statistics

import measure
from bench_capture import SIZE
from contestants import CHILDREN, MIB, Peer, Ringbell
from network import Traffic
from waiting import wait_for

RATE = 300_000
SECONDS = 4
PEER_GOALS = {"tcpdump": 1 / 3.5, "dumpcap": 1 / 7}
RING_BYTES = 256 * MIB
ROLES = ("supervisor", *CHILDREN)


def memory_of(contestant):
    """{role or name: memory}."""
    if isinstance(contestant, Peer):
        return {contestant.name: measure.memory_kib(contestant.pid)}
    return {role: measure.memory_kib(pid) for role, pid in contestant.roles().items()}


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
        traffic = Traffic(context.network, context.tools.gen, RATE, size=SIZE,
                          count=RATE * SECONDS)
        facts = traffic.finish()
        used = meter.stop()
        contestant.wait_all(int(facts["sent"]))
        memory = memory_of(contestant)
        sealed = used["cpu_s"]
        if isinstance(contestant, Ringbell):
            contestant.daemon.switch(contestant.policy, "automatic")
            wait_digested(contestant.daemon, contestant.policy)
            sealed += measure.reaped_cpu_s(contestant.pid) - workers
        captured = contestant.finish()
        million = captured / 1e6
        return {"name": contestant.name, "cpu": used["cpu_s"] / million, "sealed": sealed / million,
                "loss": 1 - captured / facts["sent"], "memory": memory}
    finally:
        contestant.close()


def armed_memory(context):
    contestant = Ringbell(context.network, context.tools, "armed", context.disk,
                          rings={"memory_bytes": RING_BYTES})
    try:
        Traffic(context.network, context.tools.gen, RATE, size=SIZE, count=3 * RATE).finish()
        return memory_of(contestant)
    finally:
        contestant.close()


def bench(context):
    context.note("write_cpu, 512 B 300 kpps to disk")
    runs = {}
    for repetition in range(context.repetitions):
        makers = [lambda: Ringbell(context.network, context.tools, "write", context.disk,
                                   rings={"memory_bytes": RING_BYTES})]
        makers += [lambda name=name: Peer(context.network, context.tools, name, context.disk)
                   for name in PEER_GOALS]
        for make in makers:
            run = run_once(context, make)
            runs.setdefault(run["name"], []).append(run)
            context.note(f"  {repetition + 1}: {run['name']:14} {run['cpu']:.4f} s/Mpkt, "
                         f"loss {100 * run['loss']:.3f} %")
    middle = {name: {key: statistics.median(run[key] for run in of)
                     for key in ("cpu", "sealed", "loss")} for name, of in runs.items()}
    for metric, key in (("write_cpu", "cpu"), ("sealed_cpu", "sealed")):
        for peer, goal in PEER_GOALS.items():
            sealed_goal = {"tcpdump": 1.0, "dumpcap": 0.5}[peer]
            context.add("memory", f"{metric}, 512 B 300 kpps", middle["ringbell"][key], peer,
                        middle[peer]["cpu"], "CPU s/Mpkt",
                        goal if metric == "write_cpu" else sealed_goal)
    context.detail("memory", "512 B 300 kpps to disk", {
        name: {"CPU s/Mpkt": of["cpu"], "least": min(run["cpu"] for run in runs[name]),
               "most": max(run["cpu"] for run in runs[name]), "with SHA-256": of["sealed"],
               "loss %": 100 * of["loss"]}
        for name, of in middle.items()})
    report_memory(context, runs)


def report_memory(context, runs):
    armed = armed_memory(context)
    writing = runs["ringbell"][-1]["memory"]
    for role in ROLES:
        for kind in ("rss", "private"):
            context.add("memory", f"{kind}, {role} armed", armed[role][kind] / 1024, None, None,
                        "MiB", None)
    peers = {name: of[-1]["memory"][name] for name, of in runs.items() if name in PEER_GOALS}
    table = {**{f"{role}, armed": armed[role] for role in ROLES},
             **{f"{role}, capturing": writing[role] for role in ROLES},
             **{f"{name}, capturing": memory for name, memory in peers.items()}}
    context.detail("memory", f"MiB, ring {RING_BYTES // MIB} MiB", {
        name: {kind: kib / 1024 for kind, kib in of.items()} for name, of in table.items()})
