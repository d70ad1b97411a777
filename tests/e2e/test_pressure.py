# SPDX-License-Identifier: Apache-2.0
"""A disk that stalls, a disk slower than the wire, and sixty-four captures at once: what is not in a
file is stated as lost, exactly, and everything goes on afterwards."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault"))

import harness
import packets
from disk import Disk
from network import wait_for_packets
from waiting import wait_for

RATE = 50_000
SIZE = 512
CAPTURES = 64
STALL = 10.0 # seconds


class Stalling(Disk):
    """Freezing blocks every write until the thaw, like a disk that does not answer."""

    def freeze(self):
        subprocess.run(["fsfreeze", "--freeze", self.mounted], check=True)

    def thaw(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.mounted], check=True)

    def close(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.mounted], capture_output=True)
        super().close()


class Pressure(harness.Case):
    def begin(self, memory_bytes, folder=None):
        self.ringbell = self.daemon(rings={"memory_bytes": memory_bytes, "block_bytes": 1 << 18},
                                    captures=folder)
        self.policy = self.ringbell.add_policy("all", rotate_bytes=16 * harness.MIB)["id"]
        traffic = self.traffic(RATE, size=SIZE, seconds=600)
        self.ringbell.switch(self.policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(self.policy)["state"] == "on", 30)
        wait_for_packets(RATE // 2)
        return traffic

    def end(self):
        wait_for_packets(RATE // 2)
        self.ringbell.switch(self.policy, "automatic")
        row = self.ringbell.wait_capture(self.policy, "finished", 60)
        path = self.ringbell.download(row["id"])
        packets.open_in_tools(path)
        facts = self.verify(path)
        self.assertEqual(facts["dup"], 0, facts)
        self.assertEqual(row["coverage"]["packets"], facts["uniq"], row)
        stated = sum(gap["packets"] for gap in row["gaps"])
        self.assertEqual(stated, facts["span_lost"], row)
        return row, facts

    def disk(self):
        disk = Stalling("ext4", 2 << 30)
        self.addCleanup(disk.close)
        return disk

    def stall(self, disk, seconds, awake=0.0, times=1):
        for _ in range(times):
            disk.freeze()
            try:
                time.sleep(seconds) # wait: a disk that does not answer for so long is the point
            finally:
                disk.thaw()
            time.sleep(awake) # wait: and then answers for so long

    def test_stalled_disk_and_a_ring_that_bridges_it(self):
        disk = self.disk()
        self.begin(1024 * harness.MIB, f"{disk.mounted}/captures")
        self.stall(disk, STALL)
        row, facts = self.end()
        self.assertEqual(facts["span_lost"], 0, row)
        self.assertEqual(row["coverage"]["completeness"], "complete", row)

    def test_stalled_disk_and_a_ring_that_does_not(self):
        disk = self.disk()
        self.begin(32 * harness.MIB, f"{disk.mounted}/captures")
        self.stall(disk, STALL / 2)
        row, facts = self.end()
        self.assertGreater(facts["span_lost"], 0, "the ring was larger than the stall")
        self.assertEqual(row["coverage"]["completeness"], "partial", row)

    def test_disk_slower_than_the_wire(self):
        disk = self.disk()
        self.begin(32 * harness.MIB, f"{disk.mounted}/captures")
        self.stall(disk, 1.5, awake=0.02, times=6)
        row, facts = self.end()
        self.assertGreater(facts["span_lost"], 0, facts)
        self.assertGreater(len(row["gaps"]), 0, row)

    def test_sixty_four_captures_at_once(self):
        self.begin(128 * harness.MIB)
        many = [self.ringbell.add_policy(f"flow-{i}", filter=f"udp src port {1024 + i}")["id"]
                for i in range(CAPTURES - 1)]
        for policy in many:
            self.ringbell.switch(policy, "enable")
        for policy in many:
            wait_for("on", lambda p=policy: self.ringbell.policy(p)["state"] == "on", 30)
        wait_for_packets(RATE)
        for policy in many:
            self.ringbell.switch(policy, "automatic")
        rows = [self.ringbell.wait_capture(policy, "finished", 60) for policy in many]
        for i, row in enumerate(rows):
            path = self.ringbell.download(row["id"], f"flow-{i}")
            self.assert_seamless(path, flows=64, ports=f"{1024 + i}-{1024 + i}")
            self.assertEqual(row["coverage"]["completeness"], "complete", row)
        _, facts = self.end()
        self.assertEqual(facts["span_lost"], 0, facts)


if __name__ == "__main__":
    harness.main()
