# SPDX-License-Identifier: Apache-2.0
"""The world around the daemon: a real Alertmanager that sends to it, an HTTP sink that it pushes to."""

import datetime
import http.server
import shutil
import signal
import subprocess
import tempfile
import threading

from daemon import Api
from network import die_with_parent
from waiting import wait_for

ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
ALERTMANAGER_ADDRESS = "127.0.0.1:9093"

CONFIG = """\
route:
  receiver: ringbell
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: ringbell
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


def stamp(seconds):
    """Seconds since 1970 as RFC 3339."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Alertmanager:
    """Debian's prometheus-alertmanager with one webhook receiver, or with a configuration of its own."""

    def __init__(self, url, config=CONFIG):
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-am-", dir="/tmp")
        self.api = Api(ALERTMANAGER_ADDRESS)
        with open(f"{self.folder}/config.yml", "w") as out:
            out.write(config.format(url=url))
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen(
                [ALERTMANAGER, f"--config.file={self.folder}/config.yml",
                 f"--storage.path={self.folder}/data", "--cluster.listen-address=",
                 f"--web.listen-address={ALERTMANAGER_ADDRESS}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        wait_for("Alertmanager ready",
                 lambda: self.api.ask("GET", "/-/ready").status == 200, 20)

    def post(self, labels, starts, ends=None):
        """Tells Alertmanager about an alert, as Prometheus would; times in seconds since 1970."""
        alert = {"labels": labels, "annotations": {"summary": "made by a test"},
                 "startsAt": stamp(starts)}
        if ends:
            alert["endsAt"] = stamp(ends)
        answer = self.api.ask("POST", "/api/v2/alerts", [alert])
        assert answer.status == 200, answer

    def read_log(self):
        with open(f"{self.folder}/log", errors="replace") as file:
            return file.read()

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


PROMETHEUS = "/usr/bin/prometheus"
PROMETHEUS_ADDRESS = "127.0.0.1:9099"

PROMETHEUS_CONFIG = """\
global:
  evaluation_interval: 1s
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - path_prefix: {path}
      static_configs:
        - targets: ["127.0.0.1:8470"]
"""

RULES = """\
groups:
  - name: test
    rules:
      - alert: TestAlwaysFires
        expr: vector({value}) > 0
        labels: {{severity: critical, instance: 10.0.1.5}}
"""


class Prometheus:
    """Debian's prometheus with one rule that fires until it is told otherwise, and sends by itself."""

    def __init__(self, path):
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-prom-", dir="/tmp")
        with open(f"{self.folder}/prometheus.yml", "w") as out:
            out.write(PROMETHEUS_CONFIG.format(path=path))
        self.write_rule(1)
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen(
                [PROMETHEUS, f"--config.file={self.folder}/prometheus.yml",
                 f"--storage.tsdb.path={self.folder}/data", "--rules.alert.resend-delay=1s",
                 f"--web.listen-address={PROMETHEUS_ADDRESS}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def write_rule(self, value):
        with open(f"{self.folder}/rules.yml", "w") as out:
            out.write(RULES.format(value=value))

    def resolve(self):
        """Its rule no longer holds."""
        self.write_rule(0)
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sink:
    """An HTTP receiver on loopback. `answers` are the statuses of the first requests; after them
    each one gets 200. `requests` collects (path, headers, body)."""

    def __init__(self, answers=()):
        self.answers = list(answers)
        self.requests = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = sink.answers.pop(0) if sink.answers else 200
                sink.requests.append((status, self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def accepted(self):
        """Bodies of the requests that were answered 2xx."""
        return [body for status, _, _, body in self.requests if status // 100 == 2]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
