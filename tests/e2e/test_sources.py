# SPDX-License-Identifier: Apache-2.0
"""Senders other than Alertmanager: a real Prometheus sends directly, the others' payloads are posted
as they would be; who may send, and what becomes of what is no alert."""

import base64
import grp
import hashlib
import hmac
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time

import harness
from daemon import Api
from network import wait_for_packets
from senders import Prometheus, stamp
from waiting import wait_for

RATE = 20_000
BURST = 10_000
RINGS = {"memory_bytes": 32 * harness.MIB}
PAYLOADS = f"{os.path.dirname(os.path.abspath(__file__))}/../data/intake"
SECRET = "0123456789abcdef"


def payload(name):
    with open(f"{PAYLOADS}/{name}", "rb") as file:
        return file.read()


class Sources(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-eve-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.eve = f"{self.folder}/eve.json"
        self.sockets = {kind: f"{self.folder}/run/{kind}.sock" for kind in ("stream", "dgram")}
        self.ringbell = self.daemon(rings=RINGS, sections={"sources": {
            "folders": self.folder, "sockets_group": "daemon",
            "sockets": f"{self.sockets['stream']}, dgram:{self.sockets['dgram']}"}})

    def add_source(self, name, **members):
        return self.ringbell.api.call("POST", "/api/v1/sources", {"name": name, **members})

    def post(self, path, body, status=200, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.ringbell.api.ask("POST", path, body,
                                       headers={"Authorization": "", **names})
        self.assertEqual(answer.status, status, answer)
        return answer

    def refusals(self, source):
        return self.ringbell.api.call("GET", f"/api/v1/refusals?source={source}")["items"]

    # INB-02
    def test_prometheus_drives_a_capture(self):
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        source = self.add_source("prometheus", kind="alertmanager")
        self.traffic(RATE)
        wait_for_packets(RATE)
        sender = Prometheus(f"/in/prometheus/{source['token']}")
        self.addCleanup(sender.close)
        wait_for("policy on", lambda: self.ringbell.policy(policy)["state"] == "on", 20)
        sender.resolve()
        row = self.ringbell.wait_capture(policy, "finished", 20)
        self.assertGreater(row["coverage"]["packets"], 0)
        alerts = self.ringbell.api.call("GET", "/api/v1/alerts?source=prometheus")["items"]
        self.assertEqual(alerts[-1]["policy"]["id"], "TestAlwaysFires")
        self.assertEqual(alerts[-1]["level"], "critical")

    def state_after(self, policy, level, name):
        """The policy's state once an alert of this level was answered: decided in the same moment."""
        self.ringbell.send_alert(level=level, policy="six", object=name)
        state = self.ringbell.policy(policy)["state"]
        return "on" if state in ("starting", "on") else state

    # PEP-02, PEP-03
    def test_six_levels_and_the_default_sets(self):
        policy = self.ringbell.add_policy("six", linger="0s")["id"]
        self.ringbell.add_endpoint("six", kind="pcap", policy=policy)
        for level in ("critical", "error", "warning"):
            self.assertEqual(self.state_after(policy, level, level), "on", level)
            for other in ("no_data", "info"): # of something else: neither ends it
                self.assertEqual(self.state_after(policy, other, f"{level} {other}"), "on", other)
            self.assertNotEqual(self.state_after(policy, "recovery", level), "on", level)
            self.ringbell.wait_capture(policy, "finished", 30)
        for level in ("no_data", "info", "recovery"):
            self.assertEqual(self.state_after(policy, level, f"only {level}"), "off", level)
        self.assertEqual(len(self.ringbell.captures_of(policy)), 3)

    # ALR-17
    def test_a_burst_is_taken_or_refused(self):
        """As fast as they go; how fast that is, is the bench's to say."""
        source = self.add_source("burst", kind="alertmanager", rate=0)
        output = subprocess.run(
            [self.tools.bench_intake, "8470", f"/in/burst/{source['token']}/api/v2/alerts", "32",
             "200", str(BURST)], check=True, timeout=220, capture_output=True, text=True).stdout
        result = json.loads(output)
        self.assertEqual(result["sent"], BURST, result)
        self.assertEqual(result["accepted"] + result["refused"], BURST, result)
        self.assertGreater(result["accepted"], 0, result)
        objects, before = set(), ""
        while before is not None:
            page = self.ringbell.api.call("GET", f"/api/v1/alerts?source=burst&limit=200{before}")
            objects |= {row["object"]["id"] for row in page["items"]}
            before = f"&before={page['next']}" if page["next"] else None
        self.assertGreaterEqual(len(objects), result["accepted"])

    # INB-10, PEP-04, TCT-01, TCT-02, TCT-04, TCT-05, TCT-08, TCT-10, A-25, A-41
    def test_tencent(self):
        source = self.add_source("tencent", kind="tencent")
        path = f"/in/tencent/{source['token']}"
        firing = payload("tencent/event_sample.firing.json")
        for method in ("GET", "HEAD"):
            answer = self.ringbell.api.ask(method, path, headers={"Authorization": ""})
            self.assertEqual(answer.status, 200, answer)
        for body in (b"", b"{}"):
            self.post(path, body)
        self.assertFalse(self.refusals("tencent"), "a look whether the address works is no refusal")
        for _ in range(4):
            answer = self.post(path, firing)
            self.assertEqual(answer.json, {"sessionId": json.loads(firing)["sessionId"],
                                           "retCode": 0})
        password = base64.b64encode(f"any:{source['token']}".encode()).decode()
        self.post("/in/tencent", payload("tencent/event_sample.recovered.json"),
                  Authorization=f"Basic {password}")
        alerts = self.ringbell.api.call("GET", "/api/v1/alerts?source=tencent")["items"]
        self.assertEqual(sorted(alert["outcome"] for alert in alerts),
                         ["closed", "duplicate", "duplicate", "duplicate", "opened"])
        # by another name of the same address: the contract cannot describe what is no JSON
        answer = Api("localhost:8470").ask("POST", path, b"{ // not JSON")
        self.assertEqual(answer.status, 200, answer)
        wait_for("kept", lambda: len(self.refusals("tencent")) == 1, 5)
        kept = self.refusals("tencent")[0]
        self.assertIn("invalid_json", kept["problem"])
        raw = self.ringbell.api.call("GET", f"/api/v1/refusals/{kept['id']}")["raw"]
        self.assertEqual(raw, "{ // not JSON")

    # TCT-09
    def test_who_may_send(self):
        alert = payload("pagerduty_v3/incident.firing.json")
        source = self.add_source("pagerduty", kind="pagerduty_v3", hmac={
            "header": "X-PagerDuty-Signature", "prefix": "v1=", "secrets": [SECRET]})
        path = f"/in/pagerduty/{source['token']}"
        good = "v1=" + hmac.new(SECRET.encode(), alert, hashlib.sha256).hexdigest()
        self.assertEqual(source["hmac"]["secrets"], ["***"])
        self.post(path, alert, 403)
        self.post(path, alert, 403, X_PagerDuty_Signature="v1=" + "0" * 64)
        self.post(path, alert, 200, X_PagerDuty_Signature="v1=00," + good)
        far = self.add_source("far", kind="native", networks=["192.0.2.0/24"])
        native = {"level": "critical", "policy": "p", "object": "o"}
        self.post(f"/in/far/{far['token']}", native, 403)
        self.post("/in/far/wrong", native, 401)
        self.assertFalse(self.refusals("far"), "nothing is kept of a sender who is refused")

    def write_eve(self, signature, mode="a", path=None):
        """A record that is no alert, and one that is, written in two pieces."""
        text = self.eve_record(signature).decode().rstrip()
        with open(path or self.eve, mode) as file:
            if mode == "a":
                file.write(json.dumps({"event_type": "flow", "src_ip": "10.0.0.1"}) + "\n")
            file.write(text[:100])
            file.flush()
            file.write(text[100:] + "\n")

    def signatures(self):
        rows = self.ringbell.api.call("GET", "/api/v1/alerts?source=eve&limit=200")["items"]
        return [row["policy"]["id"] for row in reversed(rows)]

    def wait_signatures(self, *wanted):
        wait_for(f"signatures {wanted}",
                 lambda: self.signatures() == [f"1:{number}" for number in wanted], 10)

    # INB-08
    def test_eve_file_drives_a_capture(self):
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        self.write_eve(1)
        source = self.add_source("eve", kind="suricata", file=self.eve, hold="2s")
        self.traffic(RATE)
        wait_for("followed", lambda: "position" in self.ringbell.api.call(
            "GET", f"/api/v1/sources/{source['id']}")["file_state"], 10)
        self.write_eve(2) # what was there before is no news, this is
        self.wait_signatures(2)
        wait_for("policy on", lambda: self.ringbell.policy(policy)["state"] == "on", 10)

        os.rename(self.eve, f"{self.eve}.1") # rotated
        self.write_eve(3)
        self.wait_signatures(2, 3)
        self.write_eve(4)
        with open(self.eve, "a") as file:
            file.write("not JSON, but has \"alert\"\n")
        self.wait_signatures(2, 3, 4)

        self.ringbell.kill_child("control")
        self.write_eve(5)
        os.rename(self.eve, f"{self.eve}.2") # while nobody was looking
        self.write_eve(6)
        self.ringbell.wait_ready()
        self.wait_signatures(2, 3, 4, 5, 6)
        self.write_eve(7, "w") # cut to nothing, and shorter than it was
        self.wait_signatures(2, 3, 4, 5, 6, 7)
        self.last_words()

    def last_words(self):
        """A writer goes on for a moment in the file that was rotated: nothing is lost. Where the
        machine is too slow for that moment it is tried again."""
        for number in range(100, 600, 100):
            old = f"{self.eve}.{number}"
            os.rename(self.eve, old)
            began = time.monotonic()
            self.write_eve(number)
            self.write_eve(number + 1, path=old)
            in_time = time.monotonic() - began < 1
            wait_for("new file", lambda: f"1:{number}" in self.signatures(), 20)
            if in_time:
                self.assertIn(f"1:{number + 1}", self.signatures())
                return
        self.skipTest("this machine needs seconds for a few writes")

    def eve_record(self, signature):
        record = json.loads(payload("suricata/alert.json"))
        record["alert"]["signature_id"] = signature
        record["timestamp"] = stamp(time.time())
        return json.dumps(record).encode() + b"\n"

    # INB-08
    def test_eve_socket_drives_a_capture(self):
        """As Suricata writes: it connects, writes lines, and connects again when that broke."""
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        for kind, path in self.sockets.items():
            self.add_source(kind, kind="suricata", file=path, hold="2s")
            mode = os.stat(path)
            self.assertEqual(stat.S_IMODE(mode.st_mode), 0o660)
            self.assertEqual(mode.st_gid, grp.getgrnam("daemon").gr_gid)
        self.traffic(RATE)
        wait_for_packets(RATE)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(stream.close)
        stream.connect(self.sockets["stream"])
        stream.sendall(b'{"event_type": "flow"}\n' + self.eve_record(1))
        wait_for("policy on", lambda: self.ringbell.policy(policy)["state"] == "on", 20)
        row = self.ringbell.wait_capture(policy, "finished", 30) # its hold time is over
        self.assertGreater(row["coverage"]["packets"], 0)

        self.ringbell.kill_child("control")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dgram:
            dgram.connect(self.sockets["dgram"])
            dgram.send(self.eve_record(2)) # nobody has to be there
        self.assertEqual(stream.recv(1), b"")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as again:
            again.connect(self.sockets["stream"])
            again.sendall(self.eve_record(3))
            self.ringbell.wait_ready()
            for source, wanted in (("dgram", "1:2"), ("stream", "1:3")):
                wait_for(wanted, lambda: wanted in [row["policy"]["id"] for row in
                         self.ringbell.api.call("GET", f"/api/v1/alerts?source={source}")["items"]],
                         20)

    def test_file_elsewhere(self):
        source = self.add_source("eve", kind="suricata", file="/etc/passwd")
        wait_for("a problem", lambda: "ermission denied" in self.ringbell.api.call(
            "GET", f"/api/v1/sources/{source['id']}")["file_state"], 10)
        answer = self.ringbell.api.ask("POST", "/api/v1/sources", {
            "name": "x", "kind": "grafana", "file": "/var/log/x"})
        self.assertEqual(answer.status, 422, answer)

    def test_token_changes_without_a_gap(self):
        first = self.add_source("s", kind="native")
        alert = {"level": "info", "policy": "p", "object": "o"}
        second = self.ringbell.api.call("POST", "/api/v1/sources/s/token", {"keep_old": "1h"})
        for token in (first["token"], second["token"]):
            self.post("/in/s", alert, 200, Authorization=f"Bearer {token}")
        third = self.ringbell.api.call("POST", "/api/v1/sources/s/token")
        self.post("/in/s", alert, 401, Authorization=f"Bearer {second['token']}")
        self.post("/in/s", alert, 200, X_Ringbell_Token=third["token"])

    # INB-15, TCT-11
    def test_rate(self):
        slow = self.add_source("slow", kind="native", rate=1)
        other = self.add_source("other", kind="native", rate=1)
        alert = {"level": "info", "policy": "p", "object": "o"}
        answers = [self.ringbell.api.ask("POST", f"/in/slow/{slow['token']}", alert)
                   for _ in range(14)]
        self.assertEqual([answer.status for answer in answers[:10]], [200] * 10)
        limited = answers[-1]
        self.assertEqual(limited.status, 429, limited)
        self.assertIn("retry-after", limited.headers)
        self.post(f"/in/other/{other['token']}", alert)

    # INB-14
    def test_events_api(self):
        source = self.add_source("pd", kind="pagerduty_events")
        body = json.loads(payload("pagerduty_events/trigger.firing.json"))
        body["routing_key"] = source["token"]
        answer = self.post("/v2/enqueue", body, 202)
        self.assertEqual(answer.json["dedup_key"], body["dedup_key"])
        self.post(f"/in/pd/{source['token']}/v2/enqueue", body, 202)
        body["routing_key"] = "wrong"
        self.post("/v2/enqueue", body, 401)

    def test_preview(self):
        mapping = {"list": "/events", "fields": {"policy_id": "/rule", "object_id": "/host"},
                   "extract": [{"from": "/text", "pattern": "to (?<peer_address>[0-9.]+)"}]}
        answer = self.ringbell.api.call("POST", "/api/v1/source-previews", {
            "source": {"name": "try", "kind": "generic", "mapping": mapping},
            "payload": {"events": [{"rule": "r", "host": "h", "text": "loss to 192.0.2.7"}]}})
        alert = answer["alerts"][0]
        self.assertEqual(alert["policy"]["id"], "r")
        self.assertEqual(alert["hints"], {"peers": ["192.0.2.7"]})
        answer = self.ringbell.api.call("POST", "/api/v1/source-previews",
                                        {"source": "native", "payload": "{"})
        self.assertEqual(answer["problem"]["code"], "invalid_json")
        self.assertFalse(self.ringbell.api.call("GET", "/api/v1/alerts")["items"])
        bad = dict(mapping, extract=[{"from": "/text", "pattern": "(?<nonsense>a"}])
        answer = self.ringbell.api.ask("POST", "/api/v1/sources",
                                       {"name": "x", "kind": "generic", "mapping": bad})
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("/mapping/extract/0", str(answer.json))


if __name__ == "__main__":
    harness.main()
