# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/sequence/run: captures start, stop and overlap, the recorder is killed; each
missing packet is stated."""

import harness
import sequence

SECONDS = 12
RATE = 100_000


class Sequence(harness.Case):
    def test_each_missing_packet_is_stated(self):
        work = sequence.run(self.network, self.tools, SECONDS, RATE, kills=2)
        self.assertEqual(work.dead, 2)
        self.assertGreater(work.packets, RATE)
        self.assertTrue(work.opened, "no file was opened in other people's tools")


if __name__ == "__main__":
    harness.main()
