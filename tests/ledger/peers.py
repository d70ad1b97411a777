# SPDX-License-Identifier: Apache-2.0
"""The receivers of a ledger run. Each fails at random, and writes down what it took, at the moment it
took it and before it answers: one line (kind, what) per message in the ledger's file."""

import email
import json
import multiprocessing
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import vendors

TAG = re.compile(rb"ledger-(\d+)-([fr])")
PATHS = {"/hook": "http", "/slack": "slack", "/pd": "pagerduty", "/cgi-bin/message/send": "wecom_app",
         "/cgi-bin/webhook/send": "wecom_robot", "/robot/send": "dingtalk"}
TROUBLE = 0.03 # chance that a request meets one of these
TROUBLES = (
    ("later", (500, {}, "out of order")),
    ("too fast", (429, {"Retry-After": "1"}, "")),
    ("html", (200, {"Content-Type": "text/html"}, "<html>a proxy's page</html>")),
    ("busy", (200, {}, '{"errcode":-1,"errmsg":"system busy","ok":false,"error":"ratelimited"}')),
    ("error", (200, {}, '{"errcode":40058,"errmsg":"bad","ok":false,"error":"invalid_blocks"}')),
    ("reset", "reset"),
    ("drip", "drip"),
    ("garbage", "garbage"),
)
# A named pause stops the whole queue for a second, and so do four seconds of drip a place in it.
WEIGHTS = (6, 1, 3, 1, 3, 4, 1, 3)


class Ledger:
    """Lines of (kind, key, "f" or "r"), appended by several processes, in order for each kind."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)

    def write(self, kind, key, event):
        os.write(self.file, f"{kind} {key} {event}\n".encode())

    def write_tags(self, kind, data):
        for number, event in TAG.findall(data):
            self.write(kind, number.decode(), event.decode())

    def read(self):
        with open(self.path) as file:
            return [tuple(line.split()) for line in file]


class Vendor(vendors.Vendors):
    """One of the HTTP kinds, in a process of its own."""

    def __init__(self, ledger, seed, trouble):
        self.ledger, self.dice, self.trouble = ledger, random.Random(seed), trouble
        self.plain = seed.endswith("/http")
        super().__init__()

    def misbehave(self):
        if self.dice.random() >= self.trouble:
            return None
        act = self.dice.choices(TROUBLES, WEIGHTS)[0][1]
        # for kind http any 2xx says "taken", whatever the body
        return None if self.plain and act[0] == 200 else act

    def take(self, path, headers, data):
        kind = PATHS[path]
        # what was accepted with another status or words is not delivered for these: see judge
        if kind == "pagerduty": # a resolution has nothing but the key
            self.ledger.write(kind, data["dedup_key"], "fr"[data["event_action"] == "resolve"])
        else:
            text = json.dumps(data["alert"]["title"] if kind == "http" else data)
            for number, event in sorted(set(TAG.findall(text.encode()))):
                self.ledger.write(kind, number.decode(), event.decode())


def serve_vendor(ledger, seed, trouble, pipe):
    vendor = Vendor(ledger, seed, trouble)
    pipe.send(vendor.url)
    pipe.recv() # until the run is over
    os._exit(0)


class Syslog:
    """A collector that takes octet-counted messages over TLS. It breaks off only before or in the
    handshake: after it, what the kernel has acknowledged counts as delivered (docs/endpoints.md)."""

    def __init__(self, ledger, folder, seed, trouble):
        self.ledger, self.dice, self.trouble = ledger, random.Random(seed), trouble
        self.context = vendors.tls_context(folder)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.talks = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            self.talks = [talk for talk in self.talks if talk.is_alive()]
            self.talks.append(threading.Thread(target=self.talk, args=(connection,), daemon=True))
            self.talks[-1].start()

    def finish(self):
        """Once the daemon is gone: what was delivered to the kernel is read to its end."""
        for talk in self.talks:
            talk.join(120)

    def talk(self, connection):
        act = None
        if self.dice.random() < self.trouble:
            act = self.dice.choice(["reset", "garbage", "slow"])
        try:
            if act == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif act == "garbage":
                connection.sendall(b"this is no handshake\r\n")
            else:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.read(connection, act == "slow")
        except (OSError, ssl.SSLError):
            pass
        connection.close()

    def read(self, connection, slow):
        kept = b""
        while True:
            if slow:
                time.sleep(0.05) # wait: slowness is what this is for
            try:
                data = connection.recv(4096 if slow else 65536)
            except (OSError, ssl.SSLError):
                data = b""
            kept += data
            while (head := re.match(rb"(\d+) ", kept)) and \
                    len(kept) >= head.end() + int(head[1]):
                self.take(kept[head.end():head.end() + int(head[1])])
                kept = kept[head.end() + int(head[1]):]
            if not data:
                return

    def take(self, message):
        self.ledger.write_tags("syslog", message.split(b'"] ', 1)[-1])


def serve_syslog(ledger, folder, seed, trouble, pipe):
    syslog = Syslog(ledger, folder, seed, trouble)
    pipe.send(syslog.port)
    pipe.recv() # the daemon has stopped
    syslog.finish()
    pipe.send("read")
    pipe.recv()
    os._exit(0)


class Peers:
    """All of them. `settings()` is what the endpoints need to get there."""

    def __init__(self, folder, seed, trouble=TROUBLE):
        self.ledger = Ledger(f"{folder}/ledger")
        self.folder = folder
        self.ca = vendors.certificate(folder)
        self.children, self.where = [], {}
        for kind in PATHS.values():
            self.where[kind] = self.fork(serve_vendor, self.ledger, f"{seed}/{kind}", trouble)
        self.where["syslog"] = self.fork(serve_syslog, self.ledger, folder, f"{seed}/syslog",
                                         trouble)
        self.mail = vendors.Mail(folder, trouble)
        # Only with RINGBELL_KAFKA_TROUBLE, and then without idempotence: librdkafka's mock cluster
        # checks no sequence numbers, so a later acknowledgement vouches for what it has refused.
        self.kafka = vendors.Kafka(*(["trouble"] if os.environ.get("RINGBELL_KAFKA_TROUBLE")
                                     else []))

    def fork(self, function, *arguments):
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.Process(target=function, args=(*arguments, theirs), daemon=True)
        child.start()
        self.children.append((child, ours))
        return ours.recv()

    def settings(self):
        at, many = self.where, {"rate": 0, "timeout": "2s"}
        rows = {
            "http": {"url": f"{at['http']}/hook", "signing_secret": vendors.SIGNING_SECRET},
            "slack": {"url": f"{at['slack']}/slack"},
            "pagerduty": {"routing_key": vendors.ROUTING_KEY, "api_url": f"{at['pagerduty']}/pd"},
            "wecom_app": {"corp_id": "corp", "agent_id": 1000002, "secret": vendors.CORP_SECRET,
                          "recipient": "1", "api_url": at["wecom_app"]},
            "wecom_robot": {"url": f"{at['wecom_robot']}/cgi-bin/webhook/send"
                                   f"?key={vendors.ROBOT_KEY}"},
            "dingtalk": {"url": f"{at['dingtalk']}/robot/send?access_token={vendors.DING_TOKEN}",
                         "secret": vendors.DING_SECRET},
            "email": {"host": "127.0.0.1", "port": self.mail.port, "from": "ringbell@example.org",
                      "to": "noc@example.org", "user": "bob", "password": vendors.SMTP_PASSWORD,
                      "ca": self.ca, "timeout": "10s"},
            "syslog": {"destination": f"tls://127.0.0.1:{at['syslog']}", "ca": self.ca},
            # short: the mock cluster forgets what is beyond 5 MB
            "kafka": {"brokers": self.kafka.brokers, "topic": "ledger", "timeout": "10s",
                      "idempotence": "RINGBELL_KAFKA_TROUBLE" not in os.environ,
                      "content": '{"title": "{{ title }}"}'},
        }
        return {kind: {**many, **row} for kind, row in rows.items()}

    def finish(self):
        """What they took: (kind, key, event) in order for each kind. The daemon has stopped."""
        syslog = self.children[-1][1] # the last that was made
        syslog.send("finish")
        syslog.recv()
        for _, _, text in self.mail.messages:
            for part in email.message_from_string(text).walk():
                if part.get_content_type() == "text/plain":
                    self.ledger.write_tags("email", part.get_payload(decode=True))
        self.kafka.calm()
        done = subprocess.run(["kcat", "-C", "-b", self.kafka.brokers, "-t", "ledger", "-o",
                               "beginning", "-e", "-q", "-f", "%s\n"], stdout=subprocess.PIPE,
                              check=True, timeout=120)
        self.ledger.write_tags("kafka", done.stdout)
        return self.ledger.read()

    def close(self):
        for child, pipe in self.children:
            try:
                pipe.send("over")
            except OSError:
                pass
            child.join(5)
            if child.is_alive():
                child.kill()
        self.mail.close()
        self.kafka.close()
