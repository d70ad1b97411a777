# SPDX-License-Identifier: Apache-2.0
"""Every operation of docs/openapi.json is called until it says yes; each answer is judged by that file
(daemon.py does it). In the end no described 2xx answer may be left that was never seen."""

import json
import unittest

import contract
import harness
from network import wait_for_packets
from waiting import wait_for

RATE = 20_000
API = "/api/v1"
# Answers to races that no test can force: the object was deleted by a request that was quicker.
RACES = {("create", "204"), ("replace", "204"), ("edit", "204"), ("get", "204"), ("enable", "204"),
         ("disable", "204"), ("automatic", "204"), ("renew", "204"), ("clone", "204")}


class Reply:
    """An answer as a test would get it."""

    def __init__(self, status, body, **headers):
        self.status = status
        self.body = json.dumps(body).encode()
        self.headers = {"content-type": "application/json",
                        **{name.replace("_", "-"): value for name, value in headers.items()}}


class Judge(unittest.TestCase):
    """The judge itself: it must find what it is there for."""

    def judge(self, target, reply, method="GET", request=None):
        return "; ".join(contract.Contract().judge(method, target, reply, request))

    def test_what_is_described_passes(self):
        self.assertEqual(self.judge("/livez", Reply(200, {"status": "alive"}, date="x")), "")

    def test_deviations_are_found(self):
        source = {"id": "01932f5e-7f9c-7a30-b4f1-0a51a2c9d7e4", "version": 1, "name": "a",
                  "kind": "native", "default_level": "error", "delay": "0s",
                  "created_at": "2026-01-31T12:00:00.000000000Z",
                  "updated_at": "2026-01-31T12:00:00.000000000Z"}
        path = f"{API}/sources/a"
        self.assertEqual(self.judge(path, Reply(200, source, etag='"v1"')), "")
        for reply, word in (
                (Reply(202, source, etag='"v1"'), "status 202"),
                (Reply(200, source), "header etag is missing"),
                (Reply(200, source, etag="v1"), "header etag"),
                (Reply(200, source, etag='"v1"', x_debug="1"), "header x-debug"),
                (Reply(200, source, etag='"v1"', content_type="text/plain"), "content type"),
                (Reply(200, {**source, "token": "x"}, etag='"v1"'), "'token' was unexpected"),
                (Reply(200, {**source, "kind": "syslog"}, etag='"v1"'), "$.kind"),
                (Reply(200, {"id": source["id"]}, etag='"v1"'), "required property"),
                (Reply(204, source), "status 204"),
                (Reply(404, {"title": "?"}), "content type")):
            self.assertIn(word, self.judge(path, reply))

    def test_codes_belong_to_their_route(self):
        def problem(code):
            return Reply(404, {"type": f"urn:ringbell:problem:{code}", "title": "Not Found",
                               "status": 404, "code": code, "detail": "no"},
                         content_type="application/problem+json")
        self.assertEqual(self.judge(f"{API}/sources/a", problem("unknown_source")), "")
        self.assertIn("$.code", self.judge(f"{API}/sources/a", problem("unknown_policy")))
        self.assertEqual(self.judge("/nothing", problem("not_found")), "")

    def test_accepted_requests_are_described(self):
        reply = Reply(200, {"accepted": 0, "alerts": [], "ignored": 0})
        self.assertEqual(self.judge(f"{API}/alerts", reply, "POST", b"[]"), "")
        self.assertIn("accepted request", self.judge(f"{API}/alerts", reply, "POST", b'"x"'))


class WholeApi(harness.Case):
    def setUp(self):
        super().setUp()
        self.seen = set()
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB,
                                           "block_bytes": 1 << 18})
        self.contract = contract.Contract()

    def ask(self, status, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.ringbell.api.ask(method, path, body, headers=headers)
        self.assertEqual(answer.status, status, (method, path, answer))
        _, operation = self.contract.find(method, path)
        self.seen.add((operation["operationId"], str(status)))
        return answer

    # EPC-15, EPC-19, EPC-22, INB-16, PEP-07, POL-15
    def test_every_operation(self):
        self.check_probe()
        self.check_policies()
        self.check_endpoints()
        self.check_routing()
        self.check_pushes()
        self.check_sources()
        self.check_alerts()
        self.check_captures()
        described = {(operation["operationId"], status)
                     for item in self.contract.document["paths"].values()
                     for operation in item.values()
                     for status in operation["responses"] if status[0] in "23"}
        left = {(name, status) for name, status in described - self.seen
                if not any(name.startswith(verb) and status == race for verb, race in RACES)}
        self.assertEqual(left, set(), "never seen")

    def check_probe(self):
        for path in ("/livez", "/readyz", "/metrics", f"{API}/status", f"{API}/signing-key"):
            self.ask(200, "GET", path)
        etag = self.ask(200, "GET", f"{API}/openapi.json").headers["etag"]
        self.ask(304, "GET", f"{API}/openapi.json", If_None_Match=etag)

    def edit(self, kind, row, put):
        """PUT, PATCH and their conditions for one setting; the list has it."""
        path = f"{API}/{kind}/{row['id']}"
        self.assertIn(row["id"], [item["id"] for item in
                                  self.ask(200, "GET", f"{API}/{kind}").json["items"]])
        etag = self.ask(200, "GET", path).headers["etag"]
        self.ask(200, "PUT", path, put, If_Match=etag)
        self.ask(412, "PATCH", path, {"name": put["name"]}, If_Match=etag)
        self.ask(412, "PUT", path, put, If_Match=etag)
        self.ask(412, "DELETE", path, If_Match=etag)
        self.ask(200, "PATCH", path, {"name": put["name"]}, If_Match="*")
        self.ask(409, "POST", f"{API}/{kind}", put)
        self.ask(422, "PATCH", path, {"colour": "red"})
        self.ask(422, "PUT", path, {})
        self.ask(400, "PATCH", path, b"{")
        self.ask(400, "PATCH", path, b'{"a":' * 40 + b"1" + b"}" * 40)
        self.ask(413, "PATCH", path, json.dumps({"nics": [1] * 60_000}).encode())
        # what GET shows can be sent back
        self.ask(200, "PUT", path, self.ask(200, "GET", path).json)
        return path

    def check_policies(self):
        row = self.ask(201, "POST", f"{API}/policies", {"name": "one"}).json
        path = self.edit("policies", row, {
            "name": "two", "filter": "udp", "slice": "headers+64", "margin": "1m30s",
            "linger": "0", "max_on": "1d", "rotate_bytes": 1 << 20, "budget_bytes": 1 << 30})
        for what in ("enable", "disable", "automatic"):
            self.ask(200, "POST", f"{path}/{what}", {"for": "10m", "note": "contract"})
            self.ask(422, "POST", f"{path}/{what}", {"for": "10 parsecs"})
            self.ask(200, "POST", f"{path}/{what}")
        self.ask(200, "POST", f"{API}/filters/check", {"filter": "tcp port 80"})
        self.ask(200, "POST", f"{API}/filters/check")
        self.ask(422, "POST", f"{API}/filters/check", {"filter": "tcp prot 80"})
        self.ask(422, "POST", f"{API}/policies", {"name": "three", "filter": "tcp prot 80"})
        self.ask(400, "DELETE", f"{path}?colour=red")
        self.ringbell.add_endpoint("uses it", kind="pcap", policy=row["id"])
        self.ask(409, "DELETE", path)
        self.ask(204, "DELETE", f"{path}?force=true")
        self.ask(404, "DELETE", path)
        self.ask(404, "GET", path)

    def check_endpoints(self):
        self.ask(422, "POST", f"{API}/endpoints", {"name": "e", "kind": "pcap", "policy": "none"})
        policy = self.ringbell.add_policy("target")["id"]
        row = self.ask(201, "POST", f"{API}/endpoints",
                       {"name": "pcap", "policy": "target", "enable_levels": [1, "error"]}).json
        path = self.edit("endpoints", row, {"name": "pcap 2", "kind": "pcap", "policy": policy,
                                            "sources": ["native"], "literal": True})
        self.ask(204, "DELETE", path)
        row = self.ask(201, "POST", f"{API}/endpoints", {
            "name": "http", "kind": "http", "url": "http://127.0.0.1:9/hook", "timeout": "2s",
            "headers": [{"name": "X-Token", "value": "secret"}]}).json
        self.assertEqual(row["headers"][0]["value"], "***")
        path = self.edit("endpoints", row, {"name": "http 2", "kind": "http", "method": "PUT",
                                            "url": "https://127.0.0.1:9/hook", "levels": ["致命"]})
        self.ask(204, "DELETE", path)

    def check_routing(self):
        """Alert policies, routes, silences."""
        end = "2099-01-01T00:00:00Z"
        for kind, body, change in (
                ("alert-policies", {"name": "disk full"}, {"name": "disk", "enabled": False}),
                ("routes", {"name": "night"}, {"name": "day", "continue": False}),
                ("silences", {"name": "works", "ends_at": end}, {"name": "more", "ends_at": end})):
            row = self.ask(201, "POST", f"{API}/{kind}", body).json
            self.ask(204, "DELETE", self.edit(kind, row, change))

    def check_pushes(self):
        row = self.ask(201, "POST", f"{API}/endpoints", {
            "name": "gone", "kind": "http", "url": "http://127.0.0.1:9/", "attempts_max": 1,
            "alert_policies": ["to-nobody"]}).json
        path = f"{API}/endpoints/{row['id']}"
        self.assertNotEqual(self.ask(200, "POST", f"{path}/test").json["verdict"], "delivered")
        self.ask(200, "POST", f"{API}/endpoint-tests", {"endpoint": {
            "name": "form", "kind": "http", "url": "http://127.0.0.1:9/"}})
        self.ask(422, "POST", f"{API}/endpoint-tests", {"endpoint": {"kind": "http"}})
        copy = self.ask(201, "POST", f"{path}/clone").json
        self.ask(204, "DELETE", f"{API}/endpoints/{copy['id']}")
        self.ringbell.send_alert(level="critical", policy="to-nobody", object="o")
        dead = wait_for("a dead push", lambda: self.ask(
            200, "GET", f"{API}/pushes?state=dead").json["items"], 20)
        self.ask(200, "POST", f"{API}/pushes/{dead[0]['id']}/replay")
        self.ask(200, "POST", f"{path}/replay")
        self.ask(200, "POST", f"{API}/templates/preview", {"content": "{{ level }}"})
        self.ask(204, "DELETE", f"{path}?force=true")

    def check_sources(self):
        row = self.ask(201, "POST", f"{API}/sources",
                       {"name": "lab", "kind": "alertmanager"}).json
        path = self.edit("sources", row, {"name": "lab2", "kind": "native", "delay": "30s",
                                          "default_level": "error"})
        token = self.ask(200, "POST", f"{path}/token").json["token"]
        self.ask(200, "POST", f"/in/lab2/{token}", {"level": 6, "policy": "p", "object": "o"})
        self.ask(401, "POST", f"/in/lab2/{row['token']}", {"level": 6})
        self.check_deliveries(token)
        self.ask(204, "DELETE", path)

    def check_deliveries(self, token):
        notice = {"level": 6, "policy": "p", "object": "o"}
        for method in ("GET", "HEAD"):
            self.ask(200, method, f"/in/lab2/{token}")
        self.ask(200, "POST", "/in/lab2", notice, **{"X-Ringbell-Token": token})
        for tail in ("api/v2/alerts", "v2/enqueue"):
            self.ask(200, "POST", f"/in/lab2/{token}/{tail}", notice)
        event = {"event_action": "trigger", "dedup_key": "k",
                 "payload": {"severity": "info", "summary": "s", "source": "o"}}
        pager = self.ask(201, "POST", f"{API}/sources",
                         {"name": "pager", "kind": "pagerduty_events"}).json["token"]
        for path in (f"/in/pager/{pager}", f"/in/pager/{pager}/v2/enqueue", "/v2/enqueue",
                     f"/in/pager/{pager}/api/v2/alerts"):
            self.ask(202, "POST", path, {**event, "routing_key": pager})
        self.ask(202, "POST", "/in/pager", event, **{"X-Ringbell-Token": pager})
        self.ask(422, "POST", f"/in/lab2/{token}", {"level": 6})
        refusals = wait_for("a refusal", lambda: self.ask(
            200, "GET", f"{API}/refusals?source=lab2").json["items"], 5)
        self.ask(200, "GET", f"{API}/refusals/{refusals[0]['id']}")
        self.ask(200, "POST", f"{API}/source-previews", {"source": "lab2", "payload": notice})

    def check_alerts(self):
        self.ringbell.add_endpoint("sink", kind="http", url="http://127.0.0.1:9/")
        token = self.ringbell.tokens["sources"]["alertmanager"]
        self.ask(200, "POST", f"/in/alertmanager/{token}",
                 {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "a"}}]})
        alert = {"level": "critical", "policy": "p", "object": "o", "labels": {"cpu": 3}}
        made = self.ask(200, "POST", f"{API}/alerts", [alert, {**alert, "status": "resolved"}]).json
        self.ask(422, "POST", f"{API}/alerts", {"level": "critical"})
        self.ask(400, "POST", f"{API}/alerts", b"")
        identity = made["alerts"][0]["id"]
        self.ask(200, "POST", f"{API}/explain", {"alert": identity})
        detail = self.ask(200, "GET", f"{API}/alerts/{identity}").json
        self.assertEqual(len(detail["deliveries"]), 1)
        self.ask(404, "GET", f"{API}/alerts/nothing")
        page = self.ask(200, "GET", f"{API}/alerts?limit=1&open=false").json
        self.ask(200, "GET", f"{API}/alerts?before={page['next']}&source=native")
        for query in ("limit=0", "limit=many", "before=x", "colour=red"):
            self.ask(400, "GET", f"{API}/alerts?{query}")
        self.ask(400, "GET", f"{API}/captures?policy=no%20such")

    def check_captures(self):
        policy = self.ringbell.add_policy("packets", rotate_bytes=1 << 20)["id"]
        self.traffic(RATE)
        wait_for_packets(RATE)
        self.ringbell.switch(policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on")
        wait_for_packets(RATE)
        row = self.ask(200, "GET", f"{API}/captures?policy=packets&state=recording").json["items"][0]
        path = f"{API}/captures/{row['id']}"
        self.ask(200, "GET", path)
        self.ask(200, "GET", f"{API}/status")
        self.ask(200, "GET", f"{path}/download")
        self.ask(200, "POST", f"{path}/stop")
        row = self.ringbell.wait_capture(policy, "finished")
        self.ask(200, "POST", f"{path}/stop")

        def hashed():
            return all(segment["sha256"] for segment in self.ringbell.capture(row["id"])["segments"])
        wait_for("all segments hashed", hashed)
        self.ask(200, "GET", f"{path}/manifest")
        self.ask(200, "HEAD", f"{path}/manifest")
        segment = self.ringbell.capture(row["id"])["segments"][0]["name"]
        for file in (f"{path}/download", f"{path}/segments/{segment}/download"):
            self.check_file(file)
        self.ask(404, "GET", f"{path}/segments/nothing/download")
        self.ask(404, "GET", f"{API}/captures/nothing")
        self.ask(404, "HEAD", f"{API}/captures/nothing/download")
        self.ask(404, "POST", f"{API}/captures/nothing/stop")
        demand = self.ask(201, "POST", f"{API}/captures", {"last": "1s", "reason": "to see it"}).json
        self.ask(200, "POST", f"{API}/captures/{demand['id']}/stop")
        self.ask(200, "GET", f"{API}/ring/packets?last=60s")
        for derived in (f"{path}/packets", f"{path}/follow", f"{API}/packets"):
            self.ask(200, "GET", f"{derived}?format=pcap")
        self.ask(201, "POST", f"{API}/links", {"path": f"{path}/download"})
        self.ask(200, "GET", f"{API}/downloads")
        self.ask(204, "PUT", f"{path}/pin", {"note": "case 17"})
        self.ask(409, "DELETE", path)
        self.ask(204, "DELETE", f"{path}/pin")
        self.ask(204, "DELETE", path)
        self.ask(410, "GET", f"{path}/download")

    def check_file(self, file):
        for method in ("GET", "HEAD"):
            etag = self.ask(200, method, file).headers["etag"]
            part, beyond = (206, 416) if method == "GET" else (200, 200) # Range is for GET
            self.ask(part, method, file, Range="bytes=100-199")
            self.ask(part, method, file, Range="bytes=-5", If_Range=etag)
            self.ask(200, method, file, Range="bytes=-5", If_Range='"other"')
            self.ask(304, method, file, If_None_Match=etag)
            self.ask(beyond, method, file, Range="bytes=99999999999-")


if __name__ == "__main__":
    harness.main()
