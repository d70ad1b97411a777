# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each process, in the middle of its work, is a normal event."""

import json
import time

import harness
import packets
from network import wait_for_packets
from senders import Sink
from waiting import wait_for

RATE = 100_000
SIZE = 256
RINGS = {"memory_bytes": 128 * harness.MIB, "block_bytes": 1 << 18}


class KillCase(harness.Case):
    rings = RINGS
    rate = RATE

    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings=self.rings)
        policy = self.ringbell.add_policy("all", rotate_bytes=16 * harness.MIB)
        self.policy = policy["id"]
        self.ringbell.add_endpoint("pcap", kind="pcap", policy=self.policy)

    def send(self, level, **members):
        return self.ringbell.send_alert(level=level, policy="latency", object="host-1", **members)

    def begin(self):
        """Traffic, then an alert that switches the capture on."""
        traffic = self.traffic(self.rate, size=SIZE)
        wait_for_packets(self.rate)
        self.send("critical")
        wait_for("on", lambda: self.ringbell.policy(self.policy)["state"] == "on")
        wait_for_packets(self.rate // 2)
        return traffic

    def end(self):
        """Recovery; the finished capture's row and its downloaded file."""
        wait_for_packets(self.rate // 2)
        self.send("recovery")
        row = self.ringbell.wait_capture(self.policy, "finished")
        path = self.ringbell.download(row["id"])
        packets.open_in_tools(path)
        return row, path

    def open_alerts(self):
        return self.ringbell.api.call("GET", "/api/v1/alerts?open=true")["items"]

    def check_gaps(self, row, path):
        """What is missing in the file is what the capture says is missing. Returns how many."""
        facts = self.verify(path)
        self.assertEqual(facts["dup"], 0, facts)
        stated = sum(gap["packets"] for gap in row["gaps"])
        self.assertEqual(stated, facts["span_lost"], row)
        self.assertEqual(row["coverage"]["packets"], facts["uniq"], row)
        return facts["span_lost"]


class Kill(KillCase):
    def test_control_killed_while_capturing(self):
        traffic = self.begin()
        self.ringbell.kill_child("control")
        self.assertEqual(len(self.open_alerts()), 1)
        self.assertEqual(self.ringbell.policy(self.policy)["state"], "on")
        row, path = self.end()
        self.assertTrue(traffic.alive())
        facts = self.assert_seamless(path)
        self.assertEqual(row["coverage"]["packets"], facts["uniq"])
        self.assertEqual(row["coverage"]["completeness"], "complete", row)
        self.assertEqual(len(self.ringbell.captures_of(self.policy)), 1)

    def test_recorder_killed_while_capturing(self):
        self.begin()
        self.ringbell.kill_child("recorder")
        row, path = self.end()
        self.check_gaps(row, path)
        self.assertEqual(len(self.ringbell.captures_of(self.policy)), 1)

    def test_history_survives_the_recorder(self):
        self.traffic(RATE, size=SIZE)
        wait_for_packets(RATE)
        killed = time.time()
        self.ringbell.kill_child("recorder")
        self.send("critical", starts_at=harness.stamp(killed - 0.5))
        wait_for("on", lambda: self.ringbell.policy(self.policy)["state"] == "on")
        row, path = self.end()
        self.assertLess(packets.open_in_tools(path)["first"], killed - 0.5)
        self.assert_seamless(path)
        self.assertEqual(row["coverage"]["completeness"], "complete", row)

    def test_courier_killed_while_a_push_waits(self):
        sink = Sink([500] * 2)
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("sink", kind="http", url=sink.url)
        self.send("critical", title="the one that must arrive")
        wait_for("first attempt", lambda: sink.requests)
        self.ringbell.kill_child("courier")
        wait_for("the push", sink.accepted, 30)
        self.assertIn("the one that must arrive", json.dumps(json.loads(sink.accepted()[0])))

    def test_supervisor_killed_while_capturing(self):
        self.begin()
        killed = time.time()
        self.ringbell.kill()
        self.ringbell.start()
        self.assertEqual(len(self.open_alerts()), 1)
        wait_for("on again", lambda: self.ringbell.policy(self.policy)["state"] == "on")
        row, path = self.end()
        rows = self.ringbell.captures_of(self.policy)
        self.assertEqual(len(rows), 1, "the same capture goes on")
        self.assertGreater(len(row["segments"]), 1)
        facts = self.verify(path)
        self.assertEqual((facts["dup"], facts["truncated"]), (0, 0), facts)
        self.assertEqual(row["coverage"]["packets"], facts["uniq"], row)
        self.assertLess(facts["first_ns"], killed * 1e9, "what was written before the kill is there")
        if facts["span_lost"]:
            self.assertTrue(any(gap["cause"] == "restart" for gap in row["gaps"]), row)
            self.assertEqual(row["coverage"]["completeness"], "partial", row)

    def test_terminated_daemon_finishes_segments(self):
        self.begin()
        started = time.monotonic()
        self.assertEqual(self.ringbell.stop(), 0)
        self.assertLess(time.monotonic() - started, 5)
        self.ringbell.start()
        wait_for("on again", lambda: self.ringbell.policy(self.policy)["state"] == "on")
        row, path = self.end()
        self.assertEqual(self.verify(path)["dup"], 0)
        self.assertEqual(len(self.ringbell.captures_of(self.policy)), 1)


class SmallRing(KillCase):
    """A ring that is overwritten before the next recorder is there: packets are lost, and counted."""

    rings = {"memory_bytes": 8 * harness.MIB, "block_bytes": 1 << 18}
    rate = 250_000

    def test_lost_packets_are_counted(self):
        self.begin()
        self.ringbell.kill_child("recorder")
        row, path = self.end()
        self.assertGreater(self.check_gaps(row, path), 0, "the ring was larger than the pause")
        self.assertIn("restart", {gap["cause"] for gap in row["gaps"]}, row)
        self.assertEqual(row["coverage"]["completeness"], "partial", row)

    def test_behind_a_filter_at_most_so_many(self):
        eighth = self.ringbell.add_policy("eighth", filter="udp src portrange 1024-1031")["id"]
        self.ringbell.add_endpoint("pcap eighth", kind="pcap", policy=eighth)
        self.begin()
        self.ringbell.kill_child("recorder")
        self.end()
        row = self.ringbell.wait_capture(eighth, "finished")
        facts = self.verify(self.ringbell.download(row["id"], "eighth"), flows=64,
                            ports="1024-1031")
        self.assertEqual((facts["dup"], facts["outside"]), (0, 0), facts)
        self.assertGreater(facts["span_lost"], 0, facts)
        self.assertLessEqual(facts["span_lost"], sum(gap["packets"] for gap in row["gaps"]), row)
        self.assertTrue(all(gap["at_most"] for gap in row["gaps"] if gap["packets"]), row["gaps"])


if __name__ == "__main__":
    harness.main()
