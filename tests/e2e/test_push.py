# SPDX-License-Identifier: Apache-2.0
"""Alerts are pushed to HTTP endpoints: on firing and on recovery, again after a refusal, in order."""

import json

import harness
from senders import Sink
from waiting import wait_for


class Push(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 8 * harness.MIB})

    def sink(self, answers=()):
        sink = Sink(answers)
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("sink", kind="http", url=sink.url)
        return sink

    def send(self, level, policy="disk-full"):
        return self.ringbell.send_alert(level=level, policy=policy, object="host-1",
                                        title=f"{policy} {level}")

    def levels(self, sink):
        return [json.loads(body)["alert"]["level"] for body in sink.accepted()]

    def test_firing_and_recovery_are_pushed(self):
        sink = self.sink()
        self.send("critical")
        wait_for("first push", lambda: len(sink.accepted()) == 1)
        self.send("recovery")
        wait_for("second push", lambda: len(sink.accepted()) == 2)
        self.assertEqual(self.levels(sink), ["critical", "recovery"])

    # ALR-16
    def test_refused_push_comes_again(self):
        sink = self.sink([500, 503])
        self.send("error")
        wait_for("third attempt", lambda: len(sink.accepted()) == 1, 20)
        self.assertEqual([request[0] for request in sink.requests], [500, 503, 200])

    def test_order_per_alert_is_kept(self):
        sink = self.sink([500])
        for level in ("warning", "error", "critical", "recovery"):
            self.send(level)
        wait_for("all pushes", lambda: len(sink.accepted()) == 4, 20)
        self.assertEqual(self.levels(sink), ["warning", "error", "critical", "recovery"])

    def test_permanent_refusal_is_visible(self):
        self.sink([400])
        alert = self.send("critical")
        def dead():
            detail = self.ringbell.api.call("GET", f"/api/v1/alerts/{alert['alerts'][0]['id']}")
            return [push for push in detail["deliveries"] if push["state"] == "dead"]
        self.assertEqual(wait_for("dead push", dead)[0]["status"], 400)

    # DSP-09
    def test_the_fallback_is_told_of_beginning_and_end(self):
        second, first = Sink(), Sink([400])
        for sink in (first, second):
            self.addCleanup(sink.close)
        self.ringbell.add_endpoint("second", kind="http", url=second.url, levels=["no_data", "recovery"])
        self.ringbell.add_endpoint("first", kind="http", url=first.url, fallback="second")
        def heard():
            return [alert["level"] for alert in (json.loads(body)["alert"]
                                                 for body in second.accepted())
                    if alert["policy"]["id"] == "disk-full"]
        self.send("critical")
        wait_for("the beginning", lambda: heard() == ["critical"])
        self.send("recovery")
        wait_for("the end", lambda: heard() == ["critical", "recovery"])

    # RWH-02
    def test_what_alertmanagers_receivers_take(self):
        """The body is taken by a receiver of Alertmanager's webhooks that we have: our own intake."""
        sink = Sink()
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("sink", kind="http", url=sink.url, format="alertmanager")
        labels = {"job": "node", "quoted": 'a "b"\n</x>'}
        for number, level in enumerate(("critical", "recovery")):
            self.ringbell.send_alert(level=level, policy="disk-full", object="host-1",
                                     labels=labels)
            wait_for("push", lambda: len(sink.accepted()) == number + 1)
        self.ringbell.api.call("DELETE", "/api/v1/endpoints/sink")
        first, last = (json.loads(body) for body in sink.accepted())
        self.assertEqual(first["commonLabels"],
                         {**labels, "alertname": "disk-full", "instance": "host-1"})
        source = self.ringbell.tokens["sources"]["alertmanager"]
        outcomes = [self.ringbell.api.call("POST", f"/in/alertmanager/{source}", body)["alerts"][0]
                    for body in (first, last)]
        self.assertEqual([alert["outcome"] for alert in outcomes], ["opened", "closed"], outcomes)
        self.assertEqual(outcomes[0]["fingerprint"], outcomes[1]["fingerprint"])

    def templated(self, content):
        sink = Sink()
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("templated", kind="http", url=sink.url + "/{{ object }}", content=content)
        return sink

    # EPC-06
    def test_values_stay_values_in_templates(self):
        sink = self.templated('{"where": "{{ object }}", "over": {{ recovered }}}')
        evil = 'a/../b?c="}\\,@x'
        self.ringbell.send_alert(level="critical", policy="p", object=evil)
        wait_for("push", lambda: len(sink.accepted()) == 1)
        self.assertEqual(json.loads(sink.accepted()[0]), {"where": evil, "over": False})
        self.assertEqual(sink.requests[0][1], "/hook/a%2F..%2Fb%3Fc%3D%22%7D%5C%2C%40x")

    def test_failing_template_costs_the_template_only(self):
        sink = self.templated('{"x": {{ 1 // (object|length - 4) }}}')
        alert = self.ringbell.send_alert(level="critical", policy="p", object="four")["alerts"][0]
        wait_for("push", lambda: len(sink.accepted()) == 1)
        self.assertEqual(json.loads(sink.accepted()[0])["alert"]["object"]["name"], "four")
        timeline = self.ringbell.api.call("GET", f"/api/v1/alerts/{alert['id']}")["timeline"]
        self.assertIn("/content: line 1, column 12: division by zero", [note["text"] for note in timeline])


if __name__ == "__main__":
    harness.main()
