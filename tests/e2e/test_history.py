# SPDX-License-Identifier: Apache-2.0
"""Look-back beyond the ring: a standing capture's segments on disk fill what the ring no longer has, and
nothing is missing or twice where they meet."""

import harness
import packets
from network import wait_for_packets
from waiting import wait_for

RATE = 20_000
FLOWS = 16
RING = 8 * harness.MIB  # less than a second of it


class History(harness.Case):
    def test_what_the_ring_no_longer_has_comes_from_disk(self):
        self.ringbell = self.daemon(rings={"memory_bytes": RING})
        standing = self.ringbell.add_policy("standing", rotate_bytes=1 << 20)["id"]
        incident = self.ringbell.add_policy("incident", filter="udp src portrange 1024-1027")["id"]
        self.ringbell.switch(standing, "enable")
        wait_for("on", lambda: self.ringbell.policy(standing)["state"] == "on")
        traffic = self.traffic(RATE, size=512, flows=FLOWS)
        wait_for_packets(6 * RATE)
        self.ringbell.switch(incident, "enable", lookback="4s")
        wait_for_packets(7 * RATE)
        self.ringbell.switch(incident, "automatic")
        row = self.ringbell.wait_capture(incident, "finished")
        self.assertTrue(traffic.alive())
        traffic.stop()

        def filled():
            found = self.ringbell.capture(row["id"])
            assert found["coverage"]["completeness"] == "complete", found["coverage"]
            return found
        row = wait_for("history from disk", filled, 20)
        self.assertEqual(row["segments"][0]["number"], 0)
        self.assertTrue(any("history since" in note["text"] for note in row["timeline"]), row)
        path = self.ringbell.download(row["id"])
        times = packets.open_in_tools(path)
        facts = self.assert_seamless(path, flows=FLOWS, ports="1024-1027")
        self.assertGreater(times["last"] - times["first"], 4.0)
        self.assertEqual(facts["uniq"], row["coverage"]["packets"])


if __name__ == "__main__":
    harness.main()
