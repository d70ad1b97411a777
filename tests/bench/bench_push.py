# SPDX-License-Identifier: Apache-2.0
"""push: alerts on their way out. Pushes per second from alert to nginx's answer, with 1, 10 and 100 endpoints;
the time from an alert's acceptance to the first bytes of its push; how long the courier's loop and the API
stand still while every peer of every kind hangs; rows per second of the outbox alone."""

import http.client
import json
import multiprocessing
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import measure
import vendors
from bench_intake import send
from daemon import ADDRESS, Daemon
from network import die_with_parent
from waiting import wait_for

ENDPOINTS = (1, 10, 100)
PUSHES = 6000          # of each measurement, all endpoints together
ALERTS = 400           # whose way is timed
HANGING = 40           # alerts to every kind while nobody answers
HANG_SECONDS = 15
WIRE_GOAL_MS, STALL_GOAL_MS = 50, 20
ROWS = 20000


class Nginx:
    """Takes every push."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="ringbell-bench-push-", dir="/tmp")
        self.port = vendors.free_ports(1)[0]
        config = f"{self.folder}/nginx.conf"
        with open(config, "w") as out:
            out.write(f"daemon off; user root; pid {self.folder}/pid; error_log {self.folder}/log;\n"
                      "events { worker_connections 4096; }\n"
                      f"http {{ access_log off; client_body_temp_path {self.folder}/body;\n"
                      f"server {{ listen 127.0.0.1:{self.port} backlog=4096;\n"
                      "location / { return 204; } } }\n")
        self.process = subprocess.Popen(["nginx", "-c", config], stderr=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)
        wait_for("nginx", lambda: vendors.connects(self.port), 30)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_daemon(context):
    daemon = Daemon(context.network, context.tools.ringbelld, rings={"memory_bytes": 8 << 20})
    daemon.start()
    daemon.clear()
    return daemon


def outbox(daemon):
    return daemon.status()["outbox"]


def rate(context, count):
    """Pushes per second from the first alert to the last settled push, and the processes' CPU seconds."""
    alerts = PUSHES // count // (4 if context.quick else 1)
    daemon, nginx = start_daemon(context), Nginx()
    try:
        for number in range(count):
            daemon.add_endpoint(f"e{number}", kind="http", rate=0, concurrency=32,
                                url=f"http://127.0.0.1:{nginx.port}/{number}")
        source = daemon.api.call("POST", "/api/v1/sources",
                                 {"name": "bench", "kind": "alertmanager", "rate": 0})
        pids = measure.tree(daemon.process.pid)
        used, began = measure.cpu_ns(pids), time.monotonic()
        taken = send(context, ADDRESS, f"/in/bench/{source['token']}/api/v2/alerts", 16, 60, alerts)
        assert taken["accepted"] == alerts, taken

        def over():
            counts = outbox(daemon)
            assert counts["delivered"] == alerts * count, counts
            return True
        wait_for("the last push", over, 300, pause=0.05)
        seconds = time.monotonic() - began
        return alerts * count / seconds, (measure.cpu_ns(pids) - used) / 1e9 / (alerts * count)
    finally:
        daemon.close()
        nginx.close()


# ---- from acceptance to the wire ----

def serve_clock(pipe):
    """Takes one push after the other; tells (number, when its first bytes came)."""
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    pipe.send(server.getsockname()[1])
    while True:
        connection, _ = server.accept()
        data = connection.recv(65536)
        at = time.monotonic()
        while data and not (found := re.search(rb"bench-(\d+)", data)):
            data += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        connection.close()
        if data:
            pipe.send((int(found[1]), at))


def time_to_wire(context):
    """ms from the answer that says "taken", and from the first byte of the request, to the push's bytes."""
    ours, theirs = multiprocessing.Pipe()
    clock = multiprocessing.Process(target=serve_clock, args=(theirs,), daemon=True)
    clock.start()
    daemon = start_daemon(context)
    try:
        daemon.add_endpoint("clock", kind="http", rate=0, url=f"http://127.0.0.1:{ours.recv()}/")
        taken, whole = [], []
        for number in range(ALERTS // (4 if context.quick else 1)):
            began = time.monotonic()
            daemon.send_alert(level="error", policy="bench", object=f"host-{number}",
                              title=f"bench-{number}")
            answered = time.monotonic()
            assert ours.poll(60), f"push {number} did not come"
            got, at = ours.recv()
            assert got == number, (got, number)
            taken.append(max(0, at - answered) * 1000)
            whole.append((at - began) * 1000)
        return taken, whole
    finally:
        daemon.close()
        clock.kill()
        clock.join()


# ---- every peer hangs ----

def hanging_settings(port, ca):
    base, more = f"http://127.0.0.1:{port}", {"rate": 0, "timeout": "5s"}
    return {kind: {**more, **settings} for kind, settings in {
        "http": {"url": f"{base}/"},
        "slack": {"url": f"{base}/slack"},
        "pagerduty": {"routing_key": vendors.ROUTING_KEY, "api_url": base},
        "wecom_app": {"corp_id": "corp", "agent_id": 7, "secret": "s", "recipient": "1",
                      "api_url": base},
        "wecom_robot": {"url": f"{base}/cgi-bin/webhook/send?key=k"},
        "dingtalk": {"url": f"{base}/robot/send?access_token=t"},
        "email": {"host": "127.0.0.1", "port": port, "from": "a@example.org", "to": "b@example.org"},
        "kafka": {"brokers": f"127.0.0.1:{port}", "topic": "t"},
        "syslog": {"destination": f"tls://127.0.0.1:{port}", "ca": ca},
    }.items()}


def longest_answer(seconds):
    """ms of the slowest answer of the API meanwhile, asked one after the other."""
    connection, longest = http.client.HTTPConnection(ADDRESS, timeout=60), 0
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        longest = max(longest, (time.monotonic() - began) * 1000)
        time.sleep(0.002) # wait: it is asked often, not without a pause
    connection.close()
    return longest


def stalls(context):
    """ms the courier's loop did not turn, ms of the API's slowest answer."""
    folder = tempfile.mkdtemp(prefix="ringbell-bench-push-", dir="/tmp")
    silent = socket.create_server(("127.0.0.1", 0), backlog=4096)
    daemon = start_daemon(context)
    try:
        ca = vendors.certificate(folder)
        for kind, settings in hanging_settings(silent.getsockname()[1], ca).items():
            daemon.add_endpoint(kind, kind=kind, **settings)
        for number in range(HANGING):
            daemon.send_alert(level="error", policy="bench", object=f"host-{number}")
        answer = longest_answer(5 if context.quick else HANG_SECONDS)
        counts = outbox(daemon)
        assert not counts["delivered"] and counts["pending"], counts
        metrics = daemon.api.ask("GET", "/metrics").body.decode()
        loop = re.search(r"^ringbell_courier_loop_stall_seconds ([\d.]+)", metrics, re.M)
        return float(loop[1]) * 1000, answer
    finally:
        daemon.close()
        silent.close()
        shutil.rmtree(folder, ignore_errors=True)


def outbox_rates(context, endpoints):
    folder = tempfile.mkdtemp(prefix="ringbell-bench-outbox-", dir=context.disk)
    try:
        done = subprocess.run([context.tools.bench_outbox, folder, str(endpoints),
                               str(ROWS // (4 if context.quick else 1))],
                              check=True, timeout=300, capture_output=True, text=True)
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def add(context, metric, value, unit, goal=None):
    context.note(f"push: {metric}: {value:,.3g} {unit}")
    context.add("push", metric, value, None, None, unit, goal, absolute=True)


def bench(context):
    context.settle()
    for count in ENDPOINTS:
        per_second, cpu = rate(context, count)
        name = f"{count} endpoint{'s'[:count > 1]}"
        add(context, f"{name}: pushes per second, alert to nginx's answer", per_second, "1/s")
        add(context, f"{name}: CPU of all processes per push", cpu * 1e6, "µs")
    taken, whole = time_to_wire(context)
    add(context, "acceptance to bytes on the wire, median", statistics.median(taken), "ms")
    add(context, "acceptance to bytes on the wire, p99", percentile(taken, 0.99), "ms", WIRE_GOAL_MS)
    add(context, "alert sent to bytes on the wire, median", statistics.median(whole), "ms")
    add(context, "alert sent to bytes on the wire, p99", percentile(whole, 0.99), "ms", WIRE_GOAL_MS)
    loop, answer = stalls(context)
    add(context, "every peer hangs: the courier's loop stood still for", loop, "ms", STALL_GOAL_MS)
    add(context, "every peer hangs: slowest answer of the API", answer, "ms", STALL_GOAL_MS)
    for endpoints in (10, 100):
        rates = outbox_rates(context, endpoints)
        add(context, f"outbox alone, {endpoints} endpoints: rows added", rates["added_per_s"], "1/s")
        add(context, f"outbox alone, {endpoints} endpoints: rows leased and settled",
            rates["sent_per_s"], "1/s")
