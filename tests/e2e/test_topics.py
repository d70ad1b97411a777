# SPDX-License-Identifier: Apache-2.0
"""A Kafka topic as a source: kcat writes alerts into librdkafka's mock cluster, which drive a capture;
control and courier are killed meanwhile, and each record is decided once. And a topic as the catalogue
of a fleet, read by kcat."""

import json
import os
import signal
import subprocess

import harness
import vendors
from network import wait_for_packets
from waiting import wait_for

RATE = 20_000
ALERTS = 300


class Topics(harness.Case):
    def setUp(self):
        super().setUp()
        self.kafka = vendors.Kafka()
        self.addCleanup(self.kafka.close)
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB})

    def add_source(self, name="topic", status=201, **kafka):
        settings = {"brokers": self.kafka.brokers, "topic": "alerts", "from": "earliest", **kafka}
        answer = self.ringbell.api.ask("POST", "/api/v1/sources",
                                       {"name": name, "kind": "native", "kafka": settings})
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def state(self, source="topic"):
        return self.ringbell.api.call("GET", f"/api/v1/sources/{source}")["file_state"]

    def write(self, *records):
        """One after the other into one partition, so that their order is kept."""
        lines = b"\n".join(record if isinstance(record, bytes) else json.dumps(record).encode()
                           for record in records)
        subprocess.run(["kcat", "-P", "-b", self.kafka.brokers, "-t", "alerts", "-p", "0"],
                       input=lines + b"\n", check=True, capture_output=True, timeout=60)

    def alert(self, name, level="critical"):
        return {"level": level, "policy": name, "object": "host-1"}

    def told(self, **query):
        text = "&".join(f"{key}={value}" for key, value in {"source": "topic", "limit": 200,
                                                            **query}.items())
        return self.ringbell.api.call("GET", f"/api/v1/alerts?{text}")

    def names(self):
        """The policies of all alerts that were made of records, oldest first."""
        names, page = [], self.told()
        while True:
            names += [row["policy"]["name"] for row in page["items"]]
            if not page["next"]:
                return names[::-1]
            page = self.told(before=page["next"])

    def test_a_topic_drives_a_capture(self):
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        self.traffic(RATE)
        wait_for_packets(RATE)
        self.write(self.alert("latency"))
        self.add_source()
        wait_for("policy on", lambda: self.ringbell.policy(policy)["state"] == "on", 40)
        self.assertRegex(wait_for("state", lambda: "alerts" in self.state() and self.state(), 20),
                         r"topic, \d+ partitions, 1 alerts")
        wait_for_packets(RATE)
        self.write(b"this is no alert", b'{"level": 7}', self.alert("latency", "recovery"))
        row = self.ringbell.wait_capture(policy, "finished", 40)
        self.assertGreater(row["coverage"]["packets"], 0)
        self.assertEqual(self.names(), ["latency", "latency"])

    def test_each_record_is_decided_once(self):
        self.add_source()
        wanted = [f"p{number}" for number in range(ALERTS)]
        for role in ("control", "courier"):
            done = self.names()
            new = [name for name in wanted if name not in done][:ALERTS // 2]
            self.write(*[self.alert(name) for name in new])
            wait_for("some are read", lambda: len(self.names()) > len(done), 60)
            os.kill(self.ringbell.pid_of(role), signal.SIGKILL)
            self.ringbell.wait_ready()
            wait_for("all are read", lambda: len(self.names()) >= len(done) + len(new), 60)
        self.assertEqual(sorted(self.names()), sorted(wanted))

    def test_long_records(self):
        self.add_source()
        filler = {"annotations": {"text": "x" * 100}}
        labels = {f"label{number}": "y" * 200 for number in range(60)}
        self.write({**self.alert("long"), **filler, "labels": labels},
                   b'{"level": "critical", "policy": "' + b"z" * 300_000 + b'"}', self.alert("after"))
        wait_for("both", lambda: "after" in self.names(), 60)
        self.assertIn("long", self.names())
        self.assertIn("longer than", self.ringbell.read_log())

    def test_settings(self):
        for members, field in (({"brokers": ""}, "/kafka/brokers"), ({"brokers": "a b"}, "/kafka/brokers"),
                               ({"topic": "a/b"}, "/kafka/topic"), ({"from": "now"}, "/kafka/from"),
                               ({"group": ""}, "/kafka/group"), ({"colour": "red"}, "/kafka/colour"),
                               ({"mechanism": "plain", "user": "bob"}, "/kafka/password")):
            problem = self.add_source(status=422, **members)
            self.assertEqual(problem["errors"][0]["pointer"], field, (members, problem))
        row = self.add_source(mechanism="plain", user="bob", password="planted-secret", group="probes")
        self.assertEqual(row["kafka"]["password"], "***")
        path = f"/api/v1/sources/{row['id']}"
        shown = self.ringbell.api.call("GET", path)
        self.assertNotIn("planted-secret", json.dumps(shown))
        self.assertEqual(self.ringbell.api.ask("PUT", path, shown).status, 200)
        changed = self.ringbell.api.call("PATCH", path, {"kafka": {"topic": "other"}})
        self.assertEqual((changed["kafka"]["topic"], changed["kafka"]["group"]), ("other", "probes"))
        both = self.ringbell.api.ask("PATCH", path, {"kind": "suricata", "file": "/var/log/eve.json"})
        self.assertEqual((both.status, both.json["errors"][0]["pointer"]), (422, "/kafka"))
        none = self.ringbell.api.call("PUT", path, {"name": "topic", "kind": "native"})
        self.assertIsNone(none["kafka"])
        self.assertNotIn("planted-secret", self.ringbell.read_log())

    # ---- a topic as the catalogue of a fleet ----

    def records(self, topic):
        """What kcat reads: (key, value) of each record."""
        out = subprocess.run(["kcat", "-C", "-b", self.kafka.brokers, "-t", topic, "-e", "-q", "-o",
                              "beginning", "-f", "%k\t%s\n"], check=True, timeout=60,
                             capture_output=True, text=True).stdout
        return [(key, json.loads(value)) for key, value in
                (line.split("\t") for line in out.splitlines())]

    def test_captures_are_announced(self):
        policy = self.ringbell.add_policy("all", rotate_bytes=harness.MIB)["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        for name in ("captures", "alerts"):
            self.ringbell.add_endpoint(name, kind="kafka", brokers=self.kafka.brokers, topic=name,
                                       records=name)
        self.traffic(RATE, size=500)
        wait_for_packets(RATE)
        self.ringbell.send_alert(level="critical", policy="p", object="o")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on", 20)
        wait_for_packets(RATE)
        self.ringbell.send_alert(level="recovery", policy="p", object="o")
        row = self.ringbell.wait_capture(policy, "finished", 30)
        key, told = wait_for("a record", lambda: self.records("captures"), 60)[0]
        capture = told["capture"]
        self.assertEqual((key, told["event"], capture["id"]), (row["id"], "finished", row["id"]))
        self.assertEqual(capture["coverage"], row["coverage"])
        segments = self.ringbell.capture(row["id"])["segments"]
        self.assertGreater(len(segments), 1)
        self.assertEqual([item["sha256"] for item in capture["segments"]],
                         [item["sha256"] for item in segments])
        self.assertTrue(all(item["sha256"] for item in segments))
        wait_for("the alert's begin and end", lambda: len(self.records("alerts")) == 2, 60)
        answer = self.ringbell.api.ask("DELETE", f"/api/v1/captures/{row['id']}")
        self.assertEqual(answer.status, 204)
        wait_for("removed", lambda: [told["event"] for _, told in self.records("captures")] ==
                 ["finished", "removed"], 60)
        self.assertEqual({told["event"] for _, told in self.records("alerts")},
                         {"alert.opened", "alert.closed"})

    def test_a_cluster_that_is_not_there(self):
        self.add_source(brokers="127.0.0.1:1")
        wait_for("why", lambda: "refused" in self.state().lower(), 40)


if __name__ == "__main__":
    harness.main()
