# SPDX-License-Identifier: Apache-2.0
"""The disk takes nothing more: full, out of inodes, read-only. Captures end with a reason, the daemon
lives, and goes on by itself once there is room."""

import time

from disk import Disk
from world import Broken, World, wait_for

CYCLES = {"full": 10, "short": 1}
VARIANTS = ["full", "inodes", "read-only"]
DISK_BYTES = 192 << 20
INODES = 400


class SpaceWorld(World):
    def __init__(self, seed, kind):
        options = ["-m", "0"] + (["-N", str(INODES)] if kind == "inodes" else [])
        self.kind = kind
        self.disk = Disk("ext4", DISK_BYTES, options)
        super().__init__(seed, None if kind == "read-only" else self.disk.mounted)
        if kind == "read-only": # the store must be able to tell
            self.ringbell.captures = f"{self.disk.mounted}/captures"

    def close(self):
        super().close()
        self.disk.close()

    def take_room(self):
        if self.kind == "full":
            self.disk.fill()
        elif self.kind == "inodes":
            self.disk.use_up_inodes()
        else:
            self.load.pause()
            wait_for("no capture", lambda: self.ringbell.policy(self.policy)["state"] == "off", 60)
            wait_for("nothing recorded", lambda: not self.ringbell.status()["captures"], 20)
            self.disk.remount("ro")
            self.load.resume()

    def give_room(self):
        if self.kind == "read-only":
            self.disk.remount("rw")
        else:
            self.disk.free()


def make(seed, kind):
    return SpaceWorld(seed, kind)


def pids(world):
    return {role: world.pid_of(role) for role in ("recorder", "control", "courier")}


def says_why(world):
    """The trouble is in the API, or the API says that it cannot store."""
    try:
        rows = world.ringbell.captures_of(world.policy)
        problems = world.ringbell.status()["problems"]
    except AssertionError:
        return True
    return problems or any(row["problem"] or "disk" in row["stop_reason"] for row in rows[:3])


def cycle(world, number):
    dice = world.random(number)
    time.sleep(dice.uniform(0.2, 1.0)) # wait: the random moment is the point
    before = pids(world)
    world.take_room()
    wait_for("a reason", lambda: says_why(world), 30)
    world.figures["told"] = world.figures.get("told", 0) + 1
    if pids(world) != before:
        raise Broken(f"{before} became {pids(world)}")
    world.give_room()
    since = time.monotonic()
    count = len(world.load.acknowledged)
    wait_for("alerts again", lambda: len(world.load.acknowledged) > count + 20, 30)
    world.wait_packets(60)
    world.recovered(since)
    if pids(world) != before:
        raise Broken(f"{before} became {pids(world)}")
    world.check_outbox()
    world.check_files()


def run(world, cycles):
    for number in cycles:
        yield number
        cycle(world, number)
