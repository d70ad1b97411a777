# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of recorder, control or supervisor at random moments while three captures are written: after each
restart all sealed files open in capinfos, no packet that the catalogue told of is missing; at the end each
packet that is not in a capture, by its sequence number, lies in a gap that the capture states."""

import datetime
import glob
import os
import signal
import struct
import subprocess
import time

from waiting import wait_for
from world import MIB, RATE, Broken, Traffic, World

CYCLES = {"full": 200, "short": 5}
KILLED = ("recorder", "recorder", "control", "supervisor")
WAIT_MAX = 0.6 # seconds before each kill
FLOWS = 64
HALF = FLOWS // 2
# name → (filter, its flows)
CAPTURES = {"all": ("", range(FLOWS)), "low": (f"udp src portrange 1024-{1023 + HALF}", range(HALF)),
            "high": (f"udp src portrange {1024 + HALF}-{1023 + FLOWS}", range(HALF, FLOWS))}
MAGIC = b"10BALPAC"
SEQUENCE_AT = 50 # in a frame without a tag


def nanoseconds(text, unknown):
    """An API time; `unknown` for null."""
    if not text:
        return unknown
    second, _, fraction = text.rstrip("Z").partition(".")
    whole = datetime.datetime.fromisoformat(second).replace(tzinfo=datetime.timezone.utc)
    return int(whole.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def packets_of(path):
    """(sequence number, ns) of each packet, read by editcap."""
    done = subprocess.run(["editcap", "-F", "nsecpcap", path, "-"], capture_output=True)
    if done.returncode:
        raise Broken(f"editcap {path}: {done.stderr.decode()}")
    content, at = done.stdout, 24
    while at < len(content):
        second, ns, kept = struct.unpack_from("<III", content, at)
        frame = at + 16
        if content[frame + SEQUENCE_AT - 8:frame + SEQUENCE_AT] == MAGIC:
            yield struct.unpack_from("<Q", content, frame + SEQUENCE_AT)[0], second * 10**9 + ns
        at = frame + kept


class CapturesWorld(World):
    def begin(self):
        self.ringbell.start()
        self.ringbell.clear()
        self.policies = {name: self.ringbell.add_policy(name, filter=text, rotate_bytes=MIB, max_on="24h")["id"]
                         for name, (text, _) in CAPTURES.items()}
        self.traffic = Traffic(self.network, self.tools.gen, RATE, size=200, flows=FLOWS, seconds=3600)
        for policy in self.policies.values():
            self.ringbell.switch(policy, "enable")
        self.told = {} # capture → its detail, when it was last told
        self.opened = set()
        self.figures = {"kills": 0, "files": 0, "packets": 0, "missing": 0, "stated": 0}
        self.wait_growth()

    def details(self):
        """Of each policy's captures."""
        rows = [row for policy in self.policies.values() for row in self.ringbell.captures_of(policy)]
        return {row["id"]: self.ringbell.capture(row["id"]) for row in rows}

    def newest(self):
        return [self.ringbell.captures_of(policy)[0] for policy in self.policies.values()]

    def wait_growth(self):
        """Each policy has a capture that takes packets now."""
        before = {}

        def grown():
            rows = wait_for("captures", self.newest, 20)
            for row in rows:
                before.setdefault(row["id"], row["coverage"]["packets"])
            return all(row["coverage"]["packets"] > before[row["id"]] for row in rows)
        wait_for("all captures grow", grown, 40)

    def check_told(self):
        """What was told before is there still, and not less."""
        now = self.details()
        for identity, before in self.told.items():
            row = now.get(identity)
            if not row or row["coverage"]["packets"] < before["coverage"]["packets"]:
                raise Broken(f"{identity}: {before['coverage']} became {row and row['coverage']}")
            segments = {segment["name"]: segment for segment in row["segments"]}
            for segment in before["segments"]:
                self.check_segment(identity, segment, segments.get(segment["name"]))

    def check_segment(self, identity, before, now):
        if not now or now["missing"] or (before["sealed"] and not now["sealed"]):
            raise Broken(f"{identity}: segment {before} became {now}")
        same = ("packets", "file_bytes") + (("sha256",) if before["sha256"] else ())
        if before["sealed"] and any(before[key] != now[key] for key in same):
            raise Broken(f"{identity}: sealed segment {before} became {now}")

    def check_capinfos(self):
        files = [path for path in glob.glob(f"{self.ringbell.captures}/*/*.pcapng") if path not in self.opened]
        done = subprocess.run(["capinfos", "-M", "-c", *files], capture_output=True, text=True)
        if files and (done.returncode or len(files) != done.stdout.count("File name:")):
            raise Broken(f"capinfos: {done.returncode} {done.stderr}")
        self.opened |= set(files)

    def finish(self):
        self.traffic.stop()
        for policy in self.policies.values():
            self.ringbell.switch(policy, "automatic")
        wait_for("all over", lambda: all(row["state"] == "finished" for row in self.details().values()), 60)
        rows = self.details()
        self.check_told()
        self.check_files()
        self.check_capinfos()
        for row in rows.values():
            self.check_sequence(row)
        if not self.figures["packets"]:
            raise Broken("no packet was captured")

    def check_sequence(self, row):
        """Each run of missing packets lies in a gap, and the gaps tell enough of them."""
        flows = CAPTURES[row["policy_name"]][1]
        found = [packet for segment in row["segments"]
                 for packet in packets_of(f"{self.ringbell.captures}/{row['id']}/{segment['name']}")]
        numbers = {number for number, _ in found}
        if len(numbers) != len(found) or len(found) != row["coverage"]["packets"]:
            raise Broken(f"{row['id']}: {len(found)} packets, {len(numbers)} different, told "
                         f"{row['coverage']['packets']}")
        self.figures["packets"] += len(found)
        found.sort()
        for (before, since), (after, until) in zip(found, found[1:]):
            missing = sum(number % FLOWS in flows for number in range(before + 1, after))
            if missing:
                self.check_gap(row, missing, since, until)

    def check_gap(self, row, missing, since, until):
        gaps = [gap for gap in row["gaps"]
                if nanoseconds(gap["from"], 0) <= until and nanoseconds(gap["to"], 1 << 63) >= since]
        stated = sum(gap["packets"] for gap in gaps)
        if not gaps or (stated < missing and not any(gap["unknown"] for gap in gaps)):
            raise Broken(f"{row['id']}: {missing} packets missing between {since} and {until}, stated {gaps}")
        self.figures["missing"] += missing
        self.figures["stated"] += 1


def make(seed, _):
    return CapturesWorld(seed)


def kill(world, what):
    if what == "supervisor":
        world.ringbell.kill()
        world.ringbell.start()
        return
    pid = wait_for(f"{what}'s pid", lambda: world.pid_of(what), 20)
    os.kill(pid, signal.SIGKILL)
    wait_for(f"a new {what}", lambda: world.pid_of(what) not in (0, pid), 20)
    world.ready()


def cycle(world, number):
    dice = world.random(number)
    time.sleep(dice.uniform(0, WAIT_MAX)) # wait: the random moment is the point
    world.told = wait_for("what there is", world.details, 20)
    what = KILLED[number % len(KILLED)] if number < len(KILLED) else dice.choice(KILLED)
    since = time.monotonic()
    kill(world, what)
    world.recovered(since)
    world.figures["kills"] += 1
    world.wait_growth()
    world.check_told()
    world.check_files()
    world.check_capinfos()


def run(world, cycles):
    for number in cycles:
        yield number
        cycle(world, number)
