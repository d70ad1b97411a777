# SPDX-License-Identifier: Apache-2.0
"""memory: resident memory of each process, armed and capturing."""

import measure
from bench_armed import SIZE
from contestants import CHILDREN, MIB, Peer, Ringbell
from network import Traffic

RATE = 300_000
SECONDS = 4
PEER_NAMES = ("tcpdump", "dumpcap")
RING_BYTES = 256 * MIB
ROLES = ("supervisor", *CHILDREN)


def memory_of(contestant):
    """{role or name: memory}."""
    if isinstance(contestant, Peer):
        return {contestant.name: measure.memory_kib(contestant.pid)}
    return {role: measure.memory_kib(pid) for role, pid in contestant.roles().items()}


def armed_memory(context):
    contestant = Ringbell(context.network, context.tools, "armed", context.disk,
                          rings={"memory_bytes": RING_BYTES})
    try:
        Traffic(context.network, context.tools.gen, RATE, size=SIZE, count=3 * RATE).finish()
        return memory_of(contestant)
    finally:
        contestant.close()


def capturing_memory(context, make):
    contestant = make()
    try:
        Traffic(context.network, context.tools.gen, RATE, size=SIZE,
                count=SECONDS * RATE).finish()
        return memory_of(contestant)
    finally:
        contestant.close()


def bench(context):
    armed = armed_memory(context)
    writing = capturing_memory(context, lambda: Ringbell(
        context.network, context.tools, "write", context.disk, rings={"memory_bytes": RING_BYTES}))
    peers = {}
    for name in PEER_NAMES:
        peers.update(capturing_memory(
            context, lambda: Peer(context.network, context.tools, name, context.disk)))
    report_memory(context, armed, writing, peers)


def report_memory(context, armed, writing, peers):
    for role in ROLES:
        for kind in ("rss", "private"):
            context.add("memory", f"{kind}, {role} armed", armed[role][kind] / 1024, None, None,
                        "MiB", None)
    table = {**{f"{role}, armed": armed[role] for role in ROLES},
             **{f"{role}, capturing": writing[role] for role in ROLES},
             **{f"{name}, capturing": memory for name, memory in peers.items()}}
    context.detail("memory", f"MiB, ring {RING_BYTES // MIB} MiB", {
        name: {kind: kib / 1024 for kind, kib in of.items()} for name, of in table.items()})
