# SPDX-License-Identifier: Apache-2.0
"""The main job: a real Alertmanager fires, the capture starts in the past; it resolves, the capture
ends; the download opens everywhere and misses nothing."""

import time

import harness
import packets
from network import nic_packets, wait_for_packets
from senders import Alertmanager
from waiting import wait_for

RATE = 320_000
SIZE = 256
FLOWS = 64
RING_BYTES = 128 * harness.MIB
LAP = RING_BYTES // SIZE # packets; really fewer, as each one also has a header in the ring
EIGHTH_PORTS = "1024-1031" # of 1024 to 1087, as there are 64 flows
EIGHTH = f"udp src portrange {EIGHTH_PORTS}"
LABELS = {"alertname": "latency-high", "severity": "critical", "instance": "10.0.1.5"}


class MainJob(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": RING_BYTES, "block_bytes": 1 << 19})

    def pcap_policy(self, name, filter_text=""):
        """A policy and the endpoint by which an alert switches it on."""
        policy = self.ringbell.add_policy(name, filter=filter_text, rotate_bytes=1 << 30,
                                          margin="200ms")
        self.ringbell.add_endpoint(f"pcap {name}", kind="pcap", policy=policy["id"],
                                   alert_policies=["latency-*"])
        return policy["id"]

    def fire(self, sender):
        """Something began within the ring's reach (half a second); Alertmanager tells us now."""
        started = time.time() - 0.2
        sender.post(LABELS, started)
        return started

    def resolve(self, sender, started):
        resolved = time.time()
        sender.post(LABELS, started, resolved)
        return resolved

    # PEP-04, DEF-13
    def test_alert_to_download(self):
        everything = self.pcap_policy("everything")
        eighth = self.pcap_policy("eighth", EIGHTH)
        sender = Alertmanager(self.ringbell.source_url("alertmanager"))
        self.addCleanup(sender.close)
        traffic = self.traffic(RATE, size=SIZE, flows=FLOWS)
        wait_for_packets(3 * LAP)

        started = self.fire(sender)
        for policy in (everything, eighth):
            wait_for("policy on", lambda: self.ringbell.policy(policy)["state"] == "on", 10)
        wait_for_packets(2 * LAP)
        resolved = self.resolve(sender, started)
        rows = [self.ringbell.wait_capture(policy, "finished") for policy in (everything, eighth)]
        self.assertTrue(traffic.alive(), "traffic must outlast the captures")
        traffic.stop()

        self.check_everything(rows[0], started, resolved)
        self.check_eighth(rows[1], started, resolved)

    def check_everything(self, row, started, resolved):
        path = self.ringbell.download(row["id"], "everything")
        times = packets.open_in_tools(path)
        facts = self.assert_seamless(path)
        self.assertLess(times["first"], started, "starts before the alert")
        self.assertGreaterEqual(times["last"], resolved, "ends after recovery")
        coverage = row["coverage"]
        self.assertEqual(coverage["completeness"], "complete", row)
        self.assertEqual(coverage["packets"], facts["uniq"])

    def check_eighth(self, row, started, resolved):
        path = self.ringbell.download(row["id"], "eighth")
        times = packets.open_in_tools(path)
        self.assert_seamless(path, flows=FLOWS, ports=EIGHTH_PORTS)
        self.assertLess(times["first"], started)
        self.assertGreaterEqual(times["last"], resolved)
        self.assertEqual(row["coverage"]["completeness"], "complete", row)

    # POL-24, A-06
    def test_toggling_one_does_not_disturb_another(self):
        steady = self.pcap_policy("steady")
        toggled = self.pcap_policy("toggled", EIGHTH)
        traffic = self.traffic(RATE, size=SIZE, flows=FLOWS)
        wait_for_packets(LAP)
        self.ringbell.switch(steady, "enable")
        for _ in range(4):
            self.ringbell.switch(toggled, "enable")
            wait_for("on", lambda: self.ringbell.policy(toggled)["state"] == "on")
            wait_for_packets(RATE // 4)
            self.ringbell.switch(toggled, "automatic")
            self.ringbell.wait_capture(toggled, "finished")
        self.ringbell.switch(steady, "automatic")
        row = self.ringbell.wait_capture(steady, "finished")
        self.assertTrue(traffic.alive())
        traffic.stop()

        self.assert_seamless(self.ringbell.download(row["id"], "steady"))
        rows = self.ringbell.captures_of(toggled)
        self.assertEqual(len(rows), 4)
        for number, row in enumerate(rows):
            path = self.ringbell.download(row["id"], f"toggled{number}")
            self.assert_seamless(path, flows=FLOWS, ports=EIGHTH_PORTS)


if __name__ == "__main__":
    harness.main()
