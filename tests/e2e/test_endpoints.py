# SPDX-License-Identifier: Apache-2.0
"""All kinds of endpoints against their other side: the Test button with its texts, alerts and their recoveries, and that no secret shows anywhere."""

import json
import shutil
import socket
import subprocess
import tempfile

import harness
import vendors
from network import die_with_parent
from senders import Sink
from vendors import (BOT_TOKEN, CORP_SECRET, DING_SECRET, DING_TOKEN, ROBOT_KEY, ROUTING_KEY,
                     SIGNING_SECRET, SMTP_PASSWORD)
from waiting import wait_for


class Endpoints(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-endpoints-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ca = vendors.certificate(self.folder)
        self.plain = self.peer(vendors.Vendors())
        self.secure = self.peer(vendors.Vendors(vendors.tls_context(self.folder)))
        self.ringbell = self.daemon(rings={"memory_bytes": 8 * harness.MIB})

    def peer(self, peer):
        self.addCleanup(peer.close)
        return peer

    def settings(self, kind, base):
        """Settings of `kind` whose remote is at the URL `base`."""
        return {
            "http": {"url": f"{base}/hook", "signing_secret": SIGNING_SECRET},
            "slack": {"url": f"{base}/slack", "channel": "#noc"},
            "pagerduty": {"routing_key": ROUTING_KEY, "api_url": f"{base}/pd"},
            "wecom_app": {"corp_id": "corp", "agent_id": 1000002, "secret": CORP_SECRET,
                          "recipient": "1,2", "api_url": base},
            "wecom_robot": {"url": f"{base}/cgi-bin/webhook/send?key={ROBOT_KEY}"},
            "dingtalk": {"url": f"{base}/robot/send?access_token={DING_TOKEN}",
                         "secret": DING_SECRET},
        }[kind] | {"name": kind, "kind": kind}

    HTTP_KINDS = ("http", "slack", "pagerduty", "wecom_app", "wecom_robot", "dingtalk")

    def try_form(self, **settings):
        """The Test button on a form that is not saved."""
        settings = {"name": "form", "timeout": "3s"} | settings
        return self.ringbell.api.call("POST", "/api/v1/endpoint-tests", {"endpoint": settings},
                                      timeout=40)

    # ---- tests of the six vendors ----

    def run_tests_pass(self):
        texts = {"http": "Webhook setting validated", "slack": "Slack setting validated",
                 "pagerduty": "PagerDuty setting validated",
                 "wecom_app": "Wechat setting validated",
                 "wecom_robot": "WeCom robot setting validated",
                 "dingtalk": "DingTalk setting validated"}
        for kind in self.HTTP_KINDS:
            with self.subTest(kind):
                self.ringbell.api.call("POST", "/api/v1/endpoints",
                                       self.settings(kind, self.plain.url))
                del self.plain.requests[:]
                result = self.ringbell.api.call("POST", f"/api/v1/endpoints/{kind}/test", {})
                self.assertTrue(result["delivered"], result)
                self.assertIn(texts[kind], json.dumps(self.plain.requests[0][2]))
        actions = [body["event_action"] for body in self.plain.bodies("/pd")]
        self.assertIn(actions, ([], ["trigger", "resolve"]))

    # EMQ-01, EMQ-07, EPC-01, EPC-20, A-01, DEF-06, DEF-13
    def test_every_kind_is_validated_with_its_text(self):
        self.run_tests_pass()
        message = self.ringbell.api.call("POST", "/api/v1/endpoints/slack/test",
                                         {"message": "hello"})
        self.assertTrue(message["delivered"])
        self.assertEqual(self.plain.bodies("/slack")[-1]["text"], "hello")
        clone = self.ringbell.api.call("POST", "/api/v1/endpoints/dingtalk/clone", {})
        self.assertEqual(clone["name"], "dingtalk copy")
        self.assertEqual(clone["secret"], "***")
        result = self.ringbell.api.call("POST", f"/api/v1/endpoints/{clone['id']}/test", {})
        self.assertTrue(result["delivered"], result)

    def test_a_certificate_of_its_own_is_trusted_when_given(self):
        settings = self.settings("slack", self.secure.url)
        self.assertEqual(self.try_form(**settings)["step"], "tls")
        self.assertTrue(self.try_form(**settings, ca=self.ca)["delivered"])

    # ---- alerts ----

    def deliveries(self, alert):
        detail = self.ringbell.api.call("GET", f"/api/v1/alerts/{alert['alerts'][0]['id']}")
        return detail["deliveries"]

    def settled(self, *alerts):
        def ready():
            states = [push["state"] for alert in alerts for push in self.deliveries(alert)]
            return states if states and not {"pending", "leased"} & set(states) else None
        return wait_for("pushes settled", ready, 30)

    # EMQ-05, DEF-02, DEF-07
    def test_firing_and_recovery_reach_every_vendor(self):
        for kind in self.HTTP_KINDS:
            self.ringbell.api.call("POST", "/api/v1/endpoints",
                                   self.settings(kind, self.plain.url))
        firing = self.ringbell.send_alert(level="critical", policy="p", object="o",
                                          title='a "quoted" <b> title\n[x](y) @all')
        self.assertEqual(set(self.settled(firing)), {"delivered"})
        recovery = self.ringbell.send_alert(level="recovery", policy="p", object="o")
        self.assertEqual(set(self.settled(recovery)), {"delivered"})
        pd = self.plain.bodies("/pd")
        self.assertEqual([body["event_action"] for body in pd], ["trigger", "resolve"])
        self.assertEqual(pd[0]["dedup_key"], pd[1]["dedup_key"])
        self.assertEqual(self.plain.tokens, 1) # one token for two messages
        robot = self.plain.bodies("/cgi-bin/webhook/send")[0]["markdown"]["content"]
        self.assertNotIn("<@", robot)
        self.assertNotIn("](y)", robot)
        self.no_secret_shows()

    # DEF-07, DEF-16
    def test_http_200_with_an_error_is_no_success(self):
        self.ringbell.api.call("POST", "/api/v1/endpoints",
                               self.settings("wecom_robot", self.plain.url))
        self.plain.script += [(200, {}, '{"errcode":40058,"errmsg":"bad parameter"}')]
        alert = self.ringbell.send_alert(level="critical", policy="p", object="o")
        self.assertEqual(self.settled(alert), ["dead"])
        self.ringbell.api.call("DELETE", "/api/v1/endpoints/wecom_robot")
        self.ringbell.api.call("POST", "/api/v1/endpoints",
                               self.settings("wecom_app", self.plain.url))
        # the token is given, the message is not taken
        self.plain.script += [None, (200, {}, '{"errcode":81013,"errmsg":"nobody is valid"}')]
        alert = self.ringbell.send_alert(level="critical", policy="p", object="other")
        self.assertEqual(self.settled(alert), ["dead"])

    def test_misbehaving_peers_get_it_in_the_end(self):
        self.ringbell.api.call("POST", "/api/v1/endpoints",
                               self.settings("dingtalk", self.plain.url))
        self.plain.script += ["reset", (200, {"Content-Type": "text/html"}, "<html>"),
                              (429, {"Retry-After": "1"}, ""), "garbage"]
        alert = self.ringbell.send_alert(level="critical", policy="p", object="o")
        self.assertEqual(self.settled(alert), ["delivered"])

    # DEF-08
    def test_an_expired_token_is_renewed_once(self):
        self.ringbell.api.call("POST", "/api/v1/endpoints",
                               self.settings("wecom_app", self.plain.url))
        self.settled(self.ringbell.send_alert(level="critical", policy="p", object="o"))
        self.plain.tokens += 1 # the vendor has thrown ours away
        alert = self.ringbell.send_alert(level="critical", policy="p", object="o2")
        self.assertEqual(self.settled(alert), ["delivered"])
        self.assertEqual(self.plain.tokens, 3)

    def test_a_bots_recovery_goes_into_the_thread(self):
        self.ringbell.api.call("POST", "/api/v1/endpoints", {
            "name": "bot", "kind": "slack", "token": BOT_TOKEN, "channel": "C1",
            "api_url": f"{self.plain.url}/slack-api"})
        self.settled(self.ringbell.send_alert(level="critical", policy="p", object="o"))
        self.settled(self.ringbell.send_alert(level="recovery", policy="p", object="o"))
        first, second = self.plain.bodies("/slack-api")
        self.assertNotIn("thread_ts", first)
        self.assertEqual(second["thread_ts"], "0.1")

    # EPC-23
    def test_an_alert_names_other_recipients_if_it_may(self):
        mail, sink = self.peer(vendors.Mail(self.folder)), self.peer(Sink())
        others = {"email": "other@example.org", "slack": "#other", "wecom_app": "7",
                  "pagerduty": "f" * 32, "http": sink.url}
        rows = [self.mail_settings(mail, name="email")]
        rows += [self.settings(kind, self.plain.url) for kind in others if kind != "email"]
        for row in rows:
            self.ringbell.api.call("POST", "/api/v1/endpoints", row | {"title": "{{ object }}"})
        annotations = {f"ringbell_to_{kind}": other for kind, other in others.items()}
        first = self.ringbell.send_alert(level="critical", policy="p", object="may-not",
                                         annotations=annotations)
        self.assertEqual(self.settled(first), ["delivered"] * 5)
        for row in rows:
            self.ringbell.api.call("PATCH", f"/api/v1/endpoints/{row['name']}",
                                   {"allow_override": True})
        del self.plain.requests[:]
        second = self.ringbell.send_alert(level="critical", policy="p", object="elsewhere",
                                          annotations=annotations)
        # nobody has that key, which is what the vendor says
        self.assertEqual(sorted(self.settled(second)), ["dead"] + ["delivered"] * 4)
        wait_for("mail", lambda: [to for _, to, text in mail.messages
                                  if "elsewhere" in text] == [["other@example.org"]])
        # that one endpoint fails is told through the others, and goes where it always does
        about = lambda path: [body for body in self.plain.bodies(path)
                              if "elsewhere" in json.dumps(body)]
        self.assertEqual([body["toparty"] for body in about("/cgi-bin/message/send")], ["7"])
        self.assertEqual([body["channel"] for body in about("/slack")], ["#other"])
        self.assertEqual(about("/hook") + about("/pd"), [])
        self.assertEqual(sum(b"elsewhere" in body for body in sink.accepted()), 1)
        self.no_secret_shows()

    # DSP-08, WCR-05
    def test_overflow_is_one_message(self):
        for kind in ("wecom_robot", "dingtalk", "slack", "wecom_app"):
            self.ringbell.api.call("POST", "/api/v1/endpoints",
                                   self.settings(kind, self.plain.url) | {"rate": 2})
        names = [f"overflow-{number:02}" for number in range(12)]
        self.ringbell.api.call("POST", "/in/alertmanager/" +
                               self.ringbell.tokens["sources"]["alertmanager"], {
            "version": "4", "status": "firing", "alerts": [{
                "status": "firing", "startsAt": "2026-01-01T00:00:00Z",
                "labels": {"alertname": name, "severity": "critical"}} for name in names]})
        def over():
            counts = self.ringbell.status()["outbox"]
            return counts["delivered"] == 4 * len(names) and counts
        self.assertEqual(wait_for("all pushes", over, 30)["pending"], 0)
        for path in ("/cgi-bin/webhook/send", "/robot/send", "/slack", "/cgi-bin/message/send"):
            said = json.dumps(self.plain.bodies(path))
            self.assertEqual(len(self.plain.bodies(path)), 2, said)
            self.assertIn("11 alerts: 11 critical", said)
            for name in names:
                self.assertIn(name, said)

    def no_secret_shows(self):
        shown = [self.ringbell.read_log()]
        for path in ("endpoints", "alerts", "status", "pushes?state=delivered"):
            shown.append(self.ringbell.api.ask("GET", f"/api/v1/{path}").body.decode())
        for alert in self.ringbell.api.call("GET", "/api/v1/alerts")["items"]:
            shown.append(json.dumps(self.ringbell.api.call("GET", f"/api/v1/alerts/{alert['id']}")))
        for secret in vendors.PLANTED:
            for text in shown:
                self.assertNotIn(secret, text)

    # ---- mail ----

    def mail_settings(self, mail, **more):
        return {"name": "mail", "kind": "email", "host": "127.0.0.1", "port": mail.port,
                "from": "Ringbell <ringbell@example.org>", "to": "noc@example.org", "user": "bob",
                "password": SMTP_PASSWORD, "ca": self.ca, "timeout": "8s"} | more

    def test_mail(self):
        mail = self.peer(vendors.Mail(self.folder))
        self.ringbell.api.call("POST", "/api/v1/endpoints", self.mail_settings(
            mail, to="noc@example.org, nobody@example.org"))
        result = self.ringbell.api.call("POST", "/api/v1/endpoints/mail/test", {}, timeout=30)
        self.assertTrue(result["delivered"], result)
        self.assertIn("nobody@example.org: 550", result["text"])
        wait_for("test mail", lambda: mail.messages)
        self.assertIn("Subject: settings validated", mail.messages[0][2])
        self.settled(self.ringbell.send_alert(level="critical", policy="磁盘", object="o"))
        self.settled(self.ringbell.send_alert(level="recovery", policy="磁盘", object="o"))
        wait_for("mails", lambda: len(mail.messages) == 3)
        firing, recovery = mail.messages[1][2], mail.messages[2][2]
        identity = firing.split("Message-ID: ")[1].split("\r\n")[0]
        self.assertIn(f"In-Reply-To: {identity}", recovery)
        self.no_secret_shows()

    # ---- Kafka: librdkafka's mock cluster, read by kcat ----

    def test_kafka(self):
        brokers = self.peer(vendors.Kafka()).brokers
        self.assertTrue(brokers)
        self.ringbell.api.call("POST", "/api/v1/endpoints", {
            "name": "kafka", "kind": "kafka", "brokers": brokers, "topic": "alerts"})
        result = self.ringbell.api.call("POST", "/api/v1/endpoints/kafka/test", {}, timeout=30)
        self.assertTrue(result["delivered"], result)
        self.assertIn("offset", result["text"])
        alert = self.ringbell.send_alert(level="critical", policy="p", object="o")
        self.assertEqual(self.settled(alert), ["delivered"])
        out = subprocess.run(["kcat", "-C", "-b", brokers, "-t", "alerts", "-e", "-q", "-o",
                              "beginning", "-f", "%k %h %s\n"], check=True, capture_output=True,
                             text=True, timeout=30).stdout
        self.assertIn("Kafka setting validated", out)
        last = [line for line in out.splitlines() if "level=critical" in line]
        self.assertEqual(len(last), 1, out)
        self.assertTrue(last[0].startswith(alert["alerts"][0]["fingerprint"]), last)

    # ---- syslog: rsyslog over UDP, TCP and TLS ----

    def test_syslog(self):
        ports = vendors.free_ports(1, socket.SOCK_DGRAM) + vendors.free_ports(2)
        config, out = f"{self.folder}/rsyslog.conf", f"{self.folder}/messages"
        with open(config, "w") as file:
            file.write(RSYSLOG % {"folder": self.folder, "udp": ports[0], "tcp": ports[1],
                                  "tls": ports[2]})
        daemon = subprocess.Popen(["rsyslogd", "-n", "-f", config, "-i", f"{self.folder}/pid"],
                                  stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        wait_for("rsyslog", lambda: vendors.connects(ports[1]) and vendors.connects(ports[2]), 15)
        for scheme, port in zip(("udp", "tcp", "tls"), ports):
            with self.subTest(scheme):
                settings = {"kind": "syslog", "destination": f"{scheme}://127.0.0.1:{port}",
                            "ca": self.ca}
                result = self.try_form(**settings, app=f"test-{scheme}")
                self.assertTrue(result["delivered"], result)
                wait_for("message", lambda: f"test-{scheme}" in read(out), 10)
        self.assertEqual(read(out).count("Syslog setting validated"), 3)

    # EPC-21
    def test_pcap_switches_nothing(self):
        self.ringbell.add_policy("p")
        self.ringbell.add_endpoint("e", kind="pcap", policy="p")
        result = self.ringbell.api.call("POST", "/api/v1/endpoints/e/test", {})
        self.assertTrue(result["delivered"], result)
        self.assertEqual(self.ringbell.captures_of("p"), [])


RSYSLOG = """\
global(workDirectory="%(folder)s" defaultNetstreamDriverCAFile="%(folder)s/cert.pem"
       defaultNetstreamDriverCertFile="%(folder)s/cert.pem"
       defaultNetstreamDriverKeyFile="%(folder)s/key.pem")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="%(udp)d")
input(type="imtcp" address="127.0.0.1" port="%(tcp)d")
input(type="imtcp" address="127.0.0.1" port="%(tls)d" streamDriver.name="ossl"
      streamDriver.mode="1" streamDriver.authMode="anon")
action(type="omfile" file="%(folder)s/messages" template="RSYSLOG_SyslogProtocol23Format"
       asyncWriting="off" flushOnTXEnd="on")
"""


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    harness.main()
