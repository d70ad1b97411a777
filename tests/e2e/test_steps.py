# SPDX-License-Identifier: Apache-2.0
"""EPC-21: kinds of endpoints × the step at which a test fails: one real failure for each pair that can be, and
a reason for each other. docs/endpoints.md shows the same table."""

import re
import shutil
import tempfile

import harness
import vendors
from build import ROOT
from vendors import (CORP_SECRET, DING_SECRET, DING_TOKEN, ROBOT_KEY, ROUTING_KEY, SIGNING_SECRET,
                     SMTP_PASSWORD)

CLOSED = 1 # a port nobody listens on
STEPS = ("dns", "connect", "tls", "auth", "protocol", "remote")
HTTP_KINDS = ("http", "slack", "pagerduty", "wecom_app", "wecom_robot", "dingtalk")
KINDS = (*HTTP_KINDS, "email", "kafka", "syslog", "pcap")

# Why a pair cannot be.
SILENT = "syslog never answers"
LOCAL = "nothing is sent"
NO_LOGIN = "the client's certificate is all there is: step tls"
IMPOSSIBLE = {("syslog", "auth"): NO_LOGIN, ("syslog", "protocol"): SILENT,
              ("syslog", "remote"): SILENT, **{("pcap", step): LOCAL for step in STEPS}}


class Steps(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-steps-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ca = vendors.certificate(self.folder)
        self.plain = self.peer(vendors.Vendors())
        self.secure = self.peer(vendors.Vendors(vendors.tls_context(self.folder)))
        self.garbage = self.peer(vendors.Garbage())
        self.ringbell = self.daemon(rings={"memory_bytes": 8 * harness.MIB})

    def peer(self, peer):
        self.addCleanup(peer.close)
        return peer

    def try_form(self, kind, settings):
        """The Test button on a form that is not saved."""
        form = {"name": kind, "kind": kind, "timeout": "3s"} | settings
        return self.ringbell.api.call("POST", "/api/v1/endpoint-tests", {"endpoint": form},
                                      timeout=40)

    # ---- one function for each family: step → settings of a test that fails there ----

    def http_settings(self, kind, base):
        return {
            "http": {"url": f"{base}/hook", "signing_secret": SIGNING_SECRET},
            "slack": {"url": f"{base}/slack", "channel": "#noc"},
            "pagerduty": {"routing_key": ROUTING_KEY, "api_url": f"{base}/pd"},
            "wecom_app": {"corp_id": "corp", "agent_id": 1000002, "secret": CORP_SECRET,
                          "recipient": "1,2", "api_url": base},
            "wecom_robot": {"url": f"{base}/cgi-bin/webhook/send?key={ROBOT_KEY}"},
            "dingtalk": {"url": f"{base}/robot/send?access_token={DING_TOKEN}",
                         "secret": DING_SECRET},
        }[kind]

    def http_cases(self, kind):
        base = lambda port: f"http://127.0.0.1:{port}"
        wrong = {
            "http": {"signing_secret": "whsec_" + 44 * "A"},
            "slack": {"url": "", "token": "xoxb-wrong", "channel": "C1",
                      "api_url": f"{self.plain.url}/slack-api"},
            "pagerduty": {"routing_key": "x" * 32}, "wecom_app": {"secret": "wrong"},
            "wecom_robot": {"url": f"{self.plain.url}/cgi-bin/webhook/send?key=wrong"},
            "dingtalk": {"secret": "wrong"},
        }[kind]
        return {
            "dns": self.http_settings(kind, "https://nobody.invalid"),
            "connect": self.http_settings(kind, base(CLOSED)),
            "tls": self.http_settings(kind, self.secure.url),
            "auth": self.http_settings(kind, self.plain.url) | wrong,
            "protocol": self.http_settings(kind, base(self.garbage.port)),
            "remote": self.http_settings(kind, self.plain.url),
        }

    def email_cases(self):
        mail = self.peer(vendors.Mail(self.folder))
        right = {"host": "127.0.0.1", "port": mail.port, "to": "noc@example.org",
                 "from": "Ringbell <ringbell@example.org>", "user": "bob",
                 "password": SMTP_PASSWORD, "ca": self.ca, "timeout": "8s"}
        return {step: right | wrong for step, wrong in {
            "dns": {"host": "nobody.invalid"}, "connect": {"port": CLOSED}, "tls": {"ca": None},
            "auth": {"password": "wrong"}, "protocol": {"port": self.garbage.port},
            "remote": {"to": "nobody@example.org"}}.items()}

    def kafka_cases(self):
        at = lambda port: {"brokers": f"127.0.0.1:{port}", "topic": "t", "timeout": "6s"}
        guarded = self.peer(vendors.GuardedKafka())
        refusing = self.peer(vendors.Kafka("refuse"))
        return {
            "dns": at(CLOSED) | {"brokers": "nobody.invalid:9092"},
            "connect": at(CLOSED),
            "tls": at(self.secure.port) | {"tls": True},
            "auth": at(guarded.port) | {"mechanism": "plain", "user": "bob", "password": "wrong"},
            "protocol": at(self.garbage.port),
            "remote": at(CLOSED) | {"brokers": refusing.brokers},
        }

    def syslog_cases(self):
        return {"dns": {"destination": "tcp://nobody.invalid"},
                "connect": {"destination": f"tcp://127.0.0.1:{CLOSED}"},
                "tls": {"destination": f"tls://127.0.0.1:{self.secure.port}"}}

    def cases(self, kind):
        if kind in HTTP_KINDS:
            return self.http_cases(kind)
        return {"email": self.email_cases, "kafka": self.kafka_cases,
                "syslog": self.syslog_cases, "pcap": dict}[kind]()

    # ---- the table ----

    def run_cell(self, kind, step, settings):
        if kind in HTTP_KINDS and step == "remote":
            self.plain.script.append((503, {}, "maintenance"))
        for _ in range(4 if kind == "kafka" else 1):
            # librdkafka says first what it notices first: a hang-up, or why it came
            result = self.try_form(kind, settings)
            if result["step"] == step:
                break
        self.assertEqual((result["delivered"], result["step"]), (False, step), result)
        self.assertTrue(result["text"], result)
        self.assertIn("elapsed_ms", result)

    def test_each_kind_fails_at_each_step_it_has(self):
        documented = read_table()
        for kind in KINDS:
            cases = self.cases(kind)
            for step in STEPS:
                with self.subTest(f"{kind} {step}"):
                    impossible = IMPOSSIBLE.get((kind, step))
                    self.assertEqual(documented[kind][step], impossible or "yes")
                    self.assertNotEqual(step in cases, bool(impossible))
                    if not impossible:
                        self.run_cell(kind, step, cases[step])

    def test_the_answer_of_the_remote_is_told(self):
        self.plain.script.append((503, {}, "maintenance until noon"))
        result = self.try_form("slack", self.http_settings("slack", self.plain.url))
        self.assertIn("503", result["text"])
        self.assertIn("maintenance until noon", result["text"])

    def test_denied_addresses_are_step_request(self):
        for kind in HTTP_KINDS:
            for host in ("169.254.169.254", "[::1]", "[fe80::1]", "[64:ff9b:1::a9fe:a9fe]"):
                with self.subTest(f"{kind} {host}"):
                    result = self.try_form(kind, self.http_settings(kind, f"https://{host}"))
                    self.assertEqual((result["delivered"], result["step"]), (False, "request"),
                                     result)


def read_table():
    """The table of docs/endpoints.md: kind → step → cell."""
    with open(f"{ROOT}/docs/endpoints.md") as file:
        rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", file.read().split("| kind | dns |")[1], re.M)
    return {kind: dict(zip(STEPS, (cell.strip() for cell in cells.split("|"))))
            for kind, cells in rows if kind in KINDS}


if __name__ == "__main__":
    harness.main()
