# SPDX-License-Identifier: Apache-2.0
"""The power is cut: a file system on a loop device is shut down in the middle of work (its log is not
flushed), the daemon is killed, the file system mounted again. ext4 and xfs."""

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
import time

from waiting import wait_for
from world import Broken, Facts, World

CYCLES = {"full": 100, "short": 2}
VARIANTS = ["ext4", "xfs"]
SHUTDOWN = 0x8004587D # _IOR('X', 125, __u32): FS_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
NO_LOG_FLUSH = 2
DISK_BYTES = 768 << 20
WORK = (0.2, 1.5) # seconds between start and cut
SYNC_AFTER = 1.0 # storage.sync_after's default
IN_MEMORY = 1.0 # how long packets may wait for their write
SLACK = 1.5 # on a busy machine


class Disk:
    """One file system in a file."""

    def __init__(self, kind, size=DISK_BYTES, options=()):
        self.folder = tempfile.mkdtemp(prefix="ringbell-fault-disk-", dir="/tmp")
        self.image = f"{self.folder}/image"
        self.mounted = f"{self.folder}/mnt"
        os.chmod(self.folder, 0o755)
        os.mkdir(self.mounted)
        with open(self.image, "wb") as file:
            file.truncate(size)
        subprocess.run([f"mkfs.{kind}", "-q", *options, self.image], check=True,
                       capture_output=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.mounted], check=True)
        os.chmod(self.mounted, 0o755)

    def umount(self):
        def done():
            return subprocess.run(["umount", self.mounted], capture_output=True).returncode == 0
        wait_for("umount", done, 20)

    def cut(self):
        fd = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def close(self):
        subprocess.run(["umount", "-l", self.mounted], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


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
