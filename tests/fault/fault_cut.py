# SPDX-License-Identifier: Apache-2.0
"""The power is cut: a file system on a loop device is shut down in the middle of work (its log is not
flushed), the daemon is killed, the file system mounted again. ext4 and xfs."""

import time

from disk import Disk
from world import Broken, Facts, World, wait_for

CYCLES = {"full": 100, "short": 2}
VARIANTS = ["ext4", "xfs"]
WORK = (0.2, 1.5) # seconds between start and cut
SYNC_AFTER = 1.0 # storage.sync_after's default
IN_MEMORY = 1.0 # how long packets may wait for their write
SLACK = 1.5 # on a busy machine


class CutWorld(World):
    def __init__(self, seed, kind):
        self.disk = Disk(kind)
        super().__init__(seed, self.disk.mounted)
        self.sealed = set() # (capture, name): the catalogue has said so

    def close(self):
        super().close()
        self.disk.close()

    def see_sealed(self):
        """What the API has called sealed before the cut must be there after it."""
        for row in self.ringbell.captures_of(self.policy)[:3]:
            for segment in self.ringbell.capture(row["id"])["segments"]:
                if segment["sealed"]:
                    self.sealed.add((row["id"], segment["name"]))

    def check_sealed(self, facts):
        rows = {(row[0], row[1]) for row in facts.segments if row[2] and not row[3]}
        gone = self.sealed - rows
        if gone:
            self.figures["lost"] += len(gone)
            raise Broken(f"sealed before the cut, not so after it: {gone}")


def make(seed, kind):
    return CutWorld(seed, kind)


def is_recording(world):
    return world.ringbell.policy(world.policy)["state"] == "on"


def cycle(world, number):
    dice = world.random(number)
    time.sleep(dice.uniform(*WORK)) # wait: the random moment is the point
    world.see_sealed()
    acknowledged = list(world.load.acknowledged)
    since = time.monotonic()
    world.disk.cut()
    world.ringbell.kill()
    world.disk.umount()
    world.disk.mount()
    facts = world.check_store(acknowledged)
    world.check_sealed(facts)
    world.ringbell.start()
    world.recovered(since)
    world.check_outbox()
    world.check_files()
    world.figures["cuts"] = world.figures.get("cuts", 0) + 1


def lost_tail(world):
    """How much of an open segment a cut costs: one long capture, cut, and what is left of it."""
    world.load.stop()
    world.ringbell.switch(world.policy, "enable")
    wait_for("on", lambda: is_recording(world))
    time.sleep(3 * SYNC_AFTER) # wait: an open segment older than the bound is the point
    cut = time.time()
    world.disk.cut()
    world.ringbell.kill()
    world.disk.umount()
    world.disk.mount()
    world.ringbell.start()
    world.ringbell.stop(15)
    newest = max((row[6] for row in Facts(world.ringbell.state).segments
                  if row[6] / 1e9 < cut), default=0) / 1e9
    world.ringbell.start()
    world.figures["open_segment_lost_s"] = round(cut - newest, 2)
    if cut - newest > SYNC_AFTER + IN_MEMORY + SLACK:
        raise Broken(f"a cut cost {cut - newest:.1f} s of an open segment")


def run(world, cycles):
    for number in cycles:
        yield number
        cycle(world, number)
    yield "lost tail"
    lost_tail(world)
