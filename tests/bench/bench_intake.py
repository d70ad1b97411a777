# SPDX-License-Identifier: Apache-2.0
"""intake: alerts taken per second and the time to the answer, beside Alertmanager taking the same
alerts the same way. Ours are on the disk when they are answered, Alertmanager's in its memory. Then
10 000 alerts within a second: each is accepted or refused, and what was accepted is there."""

import json
import os
import statistics
import subprocess
import tempfile
import time

import measure
from daemon import ADDRESS, Daemon
from senders import ALERTMANAGER_ADDRESS, Alertmanager

SENDERS = (1, 16, 256)
SECONDS = 4
BURST = 10_000
P99_GOAL_US = 15_000
SYNCS = 200


# it tells nobody, as ours has no endpoint
ALERTMANAGER_CONFIG = """\
route: {{receiver: nobody}}
receivers: [{{name: nobody}}]
"""


def fsync_us(folder):
    """Median and 99th percentile of a 4 KiB append made durable, in microseconds."""
    spans = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            spans.append((time.perf_counter() - began) * 1e6)
    return statistics.median(spans), sorted(spans)[int(SYNCS * 0.99)]


# TCT-03
def send(context, address, path, senders, seconds, count=0):
    output = subprocess.run(
        [context.tools.bench_intake, address.rsplit(":", 1)[1], path, str(senders), str(seconds),
         str(count)], check=True, timeout=seconds + 60, capture_output=True, text=True).stdout
    return json.loads(output)


def resident_mib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm") as file:
                total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            pass # it ended
    return total / (1 << 20)


def start_daemon(context):
    daemon = Daemon(context.network, context.tools.ringbelld,
                    sections={"http": {"connections_per_address": 900}})
    daemon.start()
    daemon.clear()
    source = daemon.api.call("POST", "/api/v1/sources", {"name": "bench", "kind": "alertmanager",
                                                         "rate": 0})
    return daemon, f"/in/bench/{source['token']}/api/v2/alerts"


def stored(daemon, run):
    """How many alerts of this run the journal has."""
    return len({row["object"]["id"] for row in pages(daemon) if row["object"]["id"].endswith(run)})


def pages(daemon):
    before = ""
    while True:
        page = daemon.api.call("GET", f"/api/v1/alerts?source=bench&limit=200{before}")
        yield from page["items"]
        if not page["next"]:
            return
        before = f"&before={page['next']}"


# ALR-17
def burst(context, daemon, path):
    """BURST alerts over 256 connections as fast as they go. Each has an object of its own."""
    before = {row["object"]["id"] for row in pages(daemon)} if context.quick else set()
    result = send(context, ADDRESS, path, 256, 60, BURST)
    assert result["sent"] == BURST, result
    assert not result["failed"] and not result["broken"], f"neither taken nor refused: {result}"
    known = {row["object"]["id"] for row in pages(daemon)} - before
    found = len(known)
    assert found >= result["accepted"], f"{result['accepted']} accepted, {found} stored"
    return result


def bench(context):
    context.settle()
    sync = fsync_us("/tmp")
    for senders in SENDERS:
        context.note(f"intake: {senders} senders")
        daemon, path = start_daemon(context)
        try:
            pids = measure.tree(daemon.process.pid)
            ours = send(context, ADDRESS, path, senders, SECONDS)
            memory = resident_mib(pids)
        finally:
            daemon.close()
        peer_process = Alertmanager("", ALERTMANAGER_CONFIG)
        try:
            peer = send(context, ALERTMANAGER_ADDRESS, "/api/v2/alerts", senders, SECONDS)
            peer_memory = resident_mib([peer_process.process.pid])
        finally:
            peer_process.close()
        add_rows(context, senders, ours, peer, memory, peer_memory)
    daemon, path = start_daemon(context)
    try:
        result = burst(context, daemon, path)
    finally:
        daemon.close()
    context.add("intake", f"{BURST} alerts at once over 256 connections, seconds",
                result["seconds"], None, None, "s", None)
    context.detail("intake", f"{BURST} alerts at once; none lost", {"answers": {
        "accepted": result["accepted"], "429 or 503": result["refused"],
        "lost": result["failed"] + result["broken"], "p99 ms": result["p99_us"] / 1000}})
    context.detail("intake", "The disk beneath", {"fdatasync of 4 KiB": {
        "median µs": sync[0], "p99 µs": sync[1]}})


def add_rows(context, senders, ours, peer, memory, peer_memory):
    for result in (ours, peer):
        assert not result["failed"], result
    name = f"{senders} sender{'s'[:senders > 1]}"
    rate, peer_rate = (result["accepted"] / result["seconds"] for result in (ours, peer))
    context.add("intake", f"{name}: alerts taken per second", rate, "Alertmanager", peer_rate,
                "1/s", None)
    context.add("intake", f"{name}: time to the answer, median", ours["p50_us"], "Alertmanager",
                peer["p50_us"], "µs", None)
    context.add("intake", f"{name}: time to the answer, p99", ours["p99_us"], "Alertmanager",
                peer["p99_us"], "µs", None)
    context.detail("intake", f"Memory after {name}",
                   {"MiB resident": {"ringbell, all processes": memory,
                                     "Alertmanager": peer_memory}})
