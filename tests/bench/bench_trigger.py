# SPDX-License-Identifier: Apache-2.0
"""trigger: from the moment an alert is sent to the running capture, and to the first packet in a
downloaded file. Seen from outside, over HTTP, with the durable commit in between."""

import http.client
import time

from contestants import Ringbell
from daemon import ADDRESS
from network import Traffic, wait_for_packets
from waiting import wait_for

RATE = 20_000
SIZE = 512
POLL_S = 0.0005
PACKET = (6).to_bytes(4, "little")


def has_packet(data):
    """True once the bytes contain one whole enhanced packet block."""
    at = 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at + 4:at + 8], "little")
        if at + length > len(data):
            return False
        if data[at:at + 4] == PACKET:
            return True
        at += length
    return False


def readable(daemon, capture):
    """Whether a download begun now contains a packet; reads no further than that."""
    connection = http.client.HTTPConnection(ADDRESS, timeout=10)
    try:
        connection.request("GET", f"/api/v1/captures/{capture}/download",
                           headers={"Authorization": f"Bearer {daemon.api.token}"})
        response = connection.getresponse()
        data = response.read(4096) if response.status == 200 else b""
        return has_packet(data)
    finally:
        connection.close()


# PEP-16
def trigger_once(daemon, policy, number):
    """(answered, running, readable) in seconds after the alert was sent."""
    began = time.perf_counter()
    daemon.send_alert(level="critical", policy="bench", object=f"object-{number}")
    answered = time.perf_counter() - began
    wait_for("on", lambda: daemon.policy(policy)["state"] == "on", 10, pause=POLL_S)
    running = time.perf_counter() - began
    capture = daemon.captures_of(policy)[0]["id"]
    wait_for("first packet", lambda: readable(daemon, capture), 10, pause=POLL_S)
    first = time.perf_counter() - began
    daemon.send_alert(level="recovery", policy="bench", object=f"object-{number}")
    daemon.wait_capture(policy, "finished")
    return answered, running, first


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def bench(context):
    context.settle()
    contestant = Ringbell(context.network, context.tools, "armed", context.disk)
    try:
        daemon = contestant.daemon
        policy = daemon.add_policy("trigger", margin="500ms")["id"]
        daemon.add_endpoint("pcap", kind="pcap", policy=policy)
        traffic = Traffic(context.network, context.tools.gen, RATE, size=SIZE, seconds=600)
        try:
            wait_for_packets(3 * RATE)
            times = [trigger_once(daemon, policy, number)
                     for number in range(15 if context.quick else 100)]
        finally:
            traffic.stop()
    finally:
        contestant.close()
    steps = ("answer", "capture running", "first packet downloadable")
    table = {}
    for step, values in zip(steps, zip(*times)):
        figures = {name: 1000 * percentile(values, share)
                   for name, share in (("p50", .5), ("p99", .99))}
        table[step] = figures
        for name, value in figures.items():
            context.add("trigger", f"trigger_ms, alert → {step}, {name}", value, None, None, "ms", None)
    context.detail("trigger", f"{len(times)} triggers, {RATE} pps of {SIZE} B", table)
