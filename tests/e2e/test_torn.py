# SPDX-License-Identifier: Apache-2.0
"""A block that is overwritten while it is read becomes a counted gap, never a silent one."""

import harness
import packets
from network import wait_for_packets

RATE = 100_000
TORN_AT = 3 # the third history block that is read


class Torn(harness.Case):
    def test_torn_block_is_a_counted_gap(self):
        ringbell = self.daemon(rings={"memory_bytes": 64 * harness.MIB, "block_bytes": 1 << 18},
                               hook=f"tear={TORN_AT}")
        policy = ringbell.add_policy("all")["id"]
        self.traffic(RATE, size=256)
        wait_for_packets(RATE)
        ringbell.switch(policy, "enable", lookback="500ms")
        wait_for_packets(RATE)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")

        path = ringbell.download(row["id"])
        packets.open_in_tools(path)
        facts = self.verify(path)
        coverage = row["coverage"]
        self.assertGreater(facts["span_lost"], 0, facts)
        self.assertEqual(facts["dup"], 0, facts)
        self.assertEqual(coverage["loss"]["torn"], facts["span_lost"], row)
        self.assertEqual((coverage["completeness"], coverage["code"]), ("partial", "torn"))
        torn = [gap for gap in row["gaps"] if gap["cause"] == "torn"]
        self.assertEqual(sum(gap["packets"] for gap in torn), facts["span_lost"])
        self.assertEqual(facts["dropcount"], facts["span_lost"], "marked in the file")
        self.assertEqual(facts["ifdrop"], facts["span_lost"], "and in its statistics")


if __name__ == "__main__":
    harness.main()
