# SPDX-License-Identifier: Apache-2.0
"""Where the running kernel does not let released blocks be claimed back, blocks are held instead."""

import time

import harness
import packets
from network import wait_for_packets

RATE = 100_000


class SelfTest(harness.Case):
    def look_back(self, ringbell):
        """Captures two seconds of the past and one of the present; returns the file's path."""
        policy = ringbell.add_policy("all")["id"]
        traffic = self.traffic(RATE, size=256)
        wait_for_packets(3 * RATE)
        asked = time.time()
        ringbell.switch(policy, "enable", lookback="2s")
        wait_for_packets(RATE)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        self.assertTrue(traffic.alive())
        path = ringbell.download(row["id"])
        self.assertLess(packets.open_in_tools(path)["first"], asked - 1.5)
        self.assertEqual(row["coverage"]["completeness"], "complete", row)
        return path

    def test_failed_self_test_holds_blocks_back(self):
        ringbell = self.daemon(rings={"memory_bytes": 128 * harness.MIB}, hook="selftest=fail")
        self.assertEqual(ringbell.ring()["history"], "hold")
        self.assert_seamless(self.look_back(ringbell))
        self.assertEqual(ringbell.ring()["drops"]["kernel"], 0)

    def test_passed_self_test_claims(self):
        ringbell = self.daemon(rings={"memory_bytes": 128 * harness.MIB})
        self.assertEqual(ringbell.ring()["history"], "claim")
        self.assert_seamless(self.look_back(ringbell))


if __name__ == "__main__":
    harness.main()
