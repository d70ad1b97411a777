# SPDX-License-Identifier: Apache-2.0
"""Thousands of slow clients on loopback, and one healthy client that is timed meanwhile."""

import json
import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import time

PER_ADDRESS = 40
HEAD = b"GET /livez HTTP/1.1\r\nHost: probe\r\nX-Slow: "
BODY = b"POST /in/native/x HTTP/1.1\r\nHost: probe\r\nContent-Length: 100000\r\n\r\n{"
# the beginning of a ClientHello: a record of 512 bytes, of which 11 come
HELLO = bytes.fromhex("1603010200010001fc0303")
CONNECTS_AT_ONCE = 200

PLAIN_KINDS = ("silent", "drip", "half head", "slow body", "slow reader")
TLS_KINDS = ("silent", "half hello", "drip hello", "half head", "slow body")


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """One slow client: `first` once, then `drip` each second."""

    def __init__(self, kind, source, address, context, many_requests):
        self.kind = kind
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        self.drip = None
        self.ended = None
        self.context = context
        self.many_requests = many_requests
        if kind == "slow reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.settimeout(10)
        self.started = time.monotonic()
        self.socket.connect(address)
        self.begin()
        self.fd = self.socket.fileno()
        self.socket.setblocking(False)

    def begin(self):
        if self.kind in ("half head", "slow body") and self.context:
            self.socket = self.context.wrap_socket(self.socket)
        first = {"silent": b"", "drip": HEAD, "half head": HEAD, "slow body": BODY,
                 "half hello": HELLO, "drip hello": HELLO[:5],
                 "slow reader": self.many_requests}[self.kind]
        if first:
            self.socket.sendall(first)
        if self.kind in ("drip", "slow body"):
            self.drip = b"x"
        if self.kind == "drip hello":
            self.drip = b"\x00"

    def look(self):
        """Something can be read, or the connection is gone. A slow reader takes one byte."""
        try:
            while True:
                data = self.socket.recv(1 if self.kind == "slow reader" else 4096)
                if not data:
                    break
                if self.kind == "slow reader":
                    return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        self.end()

    def end(self):
        self.ended = time.monotonic()
        self.socket.close()

    def tick(self):
        if not self.drip or self.ended:
            return
        try:
            self.socket.send(self.drip)
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.end()


class Crowd:
    """`count` slow clients of all kinds, from as many loopback addresses as are needed."""

    def __init__(self, count, address, token, tls=False):
        kinds = TLS_KINDS if tls else PLAIN_KINDS
        self.context = unverified() if tls else None
        request = (f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: probe\r\n"
                   f"Authorization: Bearer {token}\r\n\r\n").encode() * 40
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 20000), max(hard, 20000)))
        self.poll = select.epoll()
        self.clients = {}
        self.all = []
        self.next_tick = time.monotonic() + 1
        for i in range(count):
            source = f"127.1.{i // PER_ADDRESS // 200}.{i // PER_ADDRESS % 200 + 1}"
            try:
                client = Client(kinds[i % len(kinds)], source, address, self.context, request)
            except OSError as error:
                raise AssertionError(f"client {i}: {error}") from error
            self.all.append(client)
            self.clients[client.socket.fileno()] = client
            # a slow reader is only told that its peer is gone: it reads once a second
            self.poll.register(client.socket, select.EPOLLRDHUP if client.kind == "slow reader"
                               else select.EPOLLIN | select.EPOLLRDHUP)
            if i % CONNECTS_AT_ONCE == 0:
                self.pump(0)

    def pump(self, timeout):
        for fd, what in self.poll.poll(timeout, 1000):
            self.visit(self.clients[fd], what)
        if time.monotonic() >= self.next_tick:
            self.next_tick = time.monotonic() + 1
            for client in list(self.clients.values()):
                client.tick()
                if client.kind == "slow reader" and not client.ended:
                    client.look()
                self.forget(client)

    def visit(self, client, what):
        if client.kind == "slow reader" and what & (select.EPOLLERR | select.EPOLLHUP):
            client.end()
        else:
            client.look()
        self.forget(client)

    def forget(self, client):
        if client.ended:
            self.clients.pop(client.fd, None)

    def run(self, limit):
        """Until all are gone, or the limit; returns how many are left."""
        end = time.monotonic() + limit
        while self.clients and time.monotonic() < end:
            self.pump(0.05)
        return len(self.clients)

    def longest(self):
        """{kind: seconds the longest-lived of it was there}."""
        found = {}
        for client in self.all:
            lived = (client.ended or time.monotonic()) - client.started
            found[client.kind] = max(found.get(client.kind, 0), lived)
        return found

    def close(self):
        for client in self.clients.values():
            client.socket.close()
        self.poll.close()


# One request after another, each on a connection of its own, until standard input ends.
HEALTHY = """
import http.client, json, select, ssl, sys, time
address, tls = json.loads(sys.argv[1])
context = ssl._create_unverified_context() if tls else None
took, failed = [], 0
while not select.select([sys.stdin], [], [], 0.02)[0]:
    start = time.monotonic()
    try:
        c = (http.client.HTTPSConnection(address, context=context, timeout=10) if tls
             else http.client.HTTPConnection(address, timeout=10))
        c.request("GET", "/livez")
        failed += c.getresponse().status != 200
        c.close()
    except OSError:
        failed += 1
    took.append(time.monotonic() - start)
took.sort()
print(json.dumps({"requests": len(took), "failed": failed, "median": took[len(took) // 2],
                  "p99": took[min(len(took) - 1, len(took) * 99 // 100)], "max": took[-1]}))
"""


class Healthy:
    def __init__(self, address, tls=False):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEALTHY, json.dumps([address, tls])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def finish(self):
        return json.loads(self.process.communicate("\n", timeout=30)[0])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def memory_of(pid, field="VmHWM"):
    """Bytes."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def cpu_of(pid):
    """Seconds of both kinds."""
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def trial(case, count, tls=False, raised=True, rate=20_000, limit=20):
    """Slow clients while a capture runs. Asserts what must hold for any number, returns figures."""
    from daemon import ADDRESS
    sections = {"tls": {"mode": "on" if tls else "off"}}
    if raised:
        sections["http"] = {"connections": max(count + 200, 1000), "connections_per_address": 64}
    daemon = case.daemon(rings={"memory_bytes": 64 << 20}, sections=sections)
    policy = daemon.add_policy("all")["id"]
    daemon.switch(policy, "enable")
    traffic = case.traffic(rate, seconds=120)
    pid = daemon.pid_of("control")
    worked = cpu_of(pid)
    before = memory_of(pid, "VmRSS")
    host, port = ADDRESS.split(":")
    healthy = Healthy(ADDRESS, tls)
    case.addCleanup(healthy.close)
    start = time.monotonic()
    crowd = Crowd(count, (host, int(port)), daemon.tokens["admin"], tls)
    case.addCleanup(crowd.close)
    opened = time.monotonic() - start
    left = crowd.run(limit + 5)
    figures = {"clients": count, "opened_s": round(opened, 2), "left": left,
               "longest_s": {kind: round(s, 1) for kind, s in crowd.longest().items()},
               "healthy": healthy.finish(), "rss_before": before, "rss_peak": memory_of(pid),
               "control_cpu_s": round(cpu_of(pid) - worked, 2)}
    traffic.stop()
    daemon.switch(policy, "disable")
    row = daemon.wait_capture(policy, "finished")
    figures["drops"] = daemon.ring()["drops"]
    figures["metrics"] = [line for line in daemon.api.ask("GET", "/metrics").body.decode()
                          .splitlines() if line.startswith(("ringbell_http_connections", "ringbell_event_loop"))]
    case.assertEqual(left, 0, figures)
    case.assertLessEqual(max(crowd.longest().values()), limit, figures)
    case.assertEqual(figures["healthy"]["failed"], 0, figures)
    case.assertEqual(set(figures["drops"].values()), {0}, figures)
    path = daemon.download(row["id"])
    facts = case.assert_seamless(path)
    figures["captured"] = facts["uniq"]
    return figures
