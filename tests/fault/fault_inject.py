# SPDX-License-Identifier: Apache-2.0
"""System calls fail: the N-th call of a kind of one process, once or for a while. The daemon says so,
does not crash again and again, and goes on by itself. tests/harness/failing_calls.c does it, from inside
the processes: strace makes the call number -1, for which seccomp ends the process.

The last part starts the daemon while one call fails somewhere in the start: it serves in the end, or
ends with a message."""

import errno
import mmap
import os
import re
import signal
import struct
import time

from world import Broken, World, alive, children_of, wait_for

KEPT = "kept" # every one, for a while
CALLS = ("none", "pwrite", "write", "fsync", "fdatasync", "ftruncate", "rename", "open", "fchmod",
         "mkdir", "accept", "socket", "connect", "send", "receive", "mmap", "fork", "socketpair",
         "unlink", "read")
REACH = 40.0 # seconds for a call to come
HOLD = 1.0 # how long a kept failure is kept

# (process, call, error, which one); the load makes all of these calls by itself
POINTS = [
    ("recorder", "pwrite", "ENOSPC", 1), ("recorder", "pwrite", "ENOSPC", 4),
    ("recorder", "pwrite", "EIO", 1), ("recorder", "pwrite", "EIO", 3),
    ("recorder", "pwrite", "EIO", KEPT), ("recorder", "pwrite", "ENOSPC", KEPT),
    ("recorder", "fdatasync", "EIO", 1), ("recorder", "fsync", "EIO", 1),
    ("recorder", "fsync", "EIO", 2), ("recorder", "fsync", "ENOSPC", KEPT),
    ("recorder", "rename", "EIO", 1), ("recorder", "rename", "ENOSPC", KEPT),
    ("recorder", "open", "EMFILE", 1), ("recorder", "open", "ENOSPC", 2),
    ("recorder", "open", "EMFILE", KEPT), ("recorder", "ftruncate", "EIO", 1),
    ("recorder", "ftruncate", "EIO", KEPT), ("recorder", "fchmod", "EIO", 1),
    ("recorder", "send", "ENOBUFS", 1), ("recorder", "send", "EPIPE", 1),
    ("control", "pwrite", "ENOSPC", 1), ("control", "pwrite", "EIO", 1),
    ("control", "pwrite", "EIO", 2), ("control", "pwrite", "EIO", 3),
    ("control", "pwrite", "ENOSPC", 5), ("control", "pwrite", "ENOSPC", KEPT),
    ("control", "pwrite", "EIO", KEPT), ("control", "fdatasync", "EIO", 1),
    ("control", "fdatasync", "EIO", 3), ("control", "fdatasync", "EIO", KEPT),
    ("control", "fdatasync", "ENOSPC", 2), ("control", "fsync", "EIO", 1),
    ("control", "fsync", "EIO", 2), ("control", "fsync", "EIO", KEPT),
    ("control", "rename", "EIO", 1), ("control", "rename", "ENOSPC", KEPT),
    ("control", "open", "EMFILE", 1), ("control", "open", "EMFILE", KEPT),
    ("control", "mkdir", "ENOSPC", 1), ("control", "mkdir", "EIO", KEPT),
    ("control", "accept", "EMFILE", 1), ("control", "accept", "EMFILE", KEPT),
    ("control", "send", "ENOBUFS", 1), ("control", "send", "ENOMEM", KEPT),
    ("courier", "socket", "EMFILE", 1), ("courier", "socket", "EMFILE", KEPT),
    ("courier", "connect", "ECONNREFUSED", 1), ("courier", "connect", "ENETUNREACH", KEPT),
    ("courier", "send", "ECONNRESET", 1), ("courier", "receive", "ECONNRESET", 1),
]
START_CALLS = [("open", "EMFILE", 250), ("open", "ENOENT", 250), ("mmap", "ENOMEM", 20),
               ("pwrite", "EIO", 40), ("pwrite", "ENOSPC", 40), ("fdatasync", "EIO", 8),
               ("fsync", "EIO", 8), ("ftruncate", "EIO", 3), ("fork", "EAGAIN", 5),
               ("socketpair", "EMFILE", 6), ("fchmod", "EIO", 6), ("rename", "EIO", 2),
               ("read", "EIO", 40), ("socket", "EMFILE", 30), ("unlink", "EIO", 2)]
# first each point, then starts
CYCLES = {"full": len(POINTS) + 60,
          "short": [0, 7, 21, 29, 34, 44, *range(len(POINTS), len(POINTS) + 3)]}


class Trouble:
    """What failing_calls.c is told; the processes map the same file."""

    FORM = "7i" # pid, call, error, when, kept, seen, failed

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack(self.FORM, -1, 0, 0, 0, 0, 0, 0))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), struct.calcsize(self.FORM))

    def _set(self, *members):
        self.map[:] = struct.pack(self.FORM, *members)

    def begin(self, pid, call, error, when):
        """pid 0: everybody's."""
        number, first = getattr(errno, error), 1 if when == KEPT else when
        self._set(-1, 0, 0, 0, 0, 0, 0)
        self._set(-1, CALLS.index(call), number, first, when == KEPT, 0, 0)
        self.map[:4] = struct.pack("i", pid)

    def failed(self):
        return struct.unpack(self.FORM, self.map[:])[6]

    def end(self):
        self.map[:4] = struct.pack("i", -1)


class InjectWorld(World):
    def __init__(self, seed):
        super().__init__(seed, storage={"min_free_bytes": 1 << 20, "sync_after": "50ms"})
        self.trouble = Trouble(f"{self.ringbell.folder}/trouble")
        plain = self.ringbell.command
        preload = [f"LD_PRELOAD={self.tools.failing_calls}", f"RINGBELL_FAULT={self.trouble.path}"]
        self.ringbell.command = lambda: ["env", *preload, *plain()]


def make(seed, _):
    return InjectWorld(seed)


def restarts(world):
    return {process["role"]: process["restarts"] for process in world.ringbell.status()["processes"]}


def recovered(world):
    """Alerts are taken, packets recorded, nobody dies any more."""
    world.ready(30)
    count = len(world.load.acknowledged)
    wait_for("alerts again", lambda: len(world.load.acknowledged) > count + 5, 30)
    world.wait_packets(60)


def point(world, role, call, error, when):
    before = restarts(world)
    said = len(world.ringbell.read_log())
    pid = wait_for(f"{role}'s pid", lambda: world.pid_of(role))
    world.trouble.begin(pid, call, error, when)
    try:
        wait_for(f"{call} of {role}", world.trouble.failed, REACH)
        if when == KEPT:
            time.sleep(HOLD) # wait: a failure that lasts is the point
    finally:
        world.trouble.end()
    since = time.monotonic()
    recovered(world)
    world.recovered(since)
    died = {name: n - before[name] for name, n in restarts(world).items() if n > before[name]}
    if any(n > (3 if when == KEPT else 1) for n in died.values()):
        raise Broken(f"{role} {call} {error} {when}: died again and again: {died}")
    world.figures["died"] = world.figures.get("died", 0) + sum(died.values())
    if not re.search(r" (warning|error) ", world.ringbell.read_log()[said:]) \
            and f"{call} {error}" not in SILENT:
        raise Broken(f"{role} {call} {error} {when}: nobody was told")
    world.check_outbox()
    world.figures["points"] = world.figures.get("points", 0) + 1


# nothing is lost by it: the connection waits in the backlog; the push or the message goes again
SILENT = ("accept EMFILE", "connect ECONNREFUSED", "connect ENETUNREACH", "send ECONNRESET",
          "receive ECONNRESET", "socket EMFILE", "send ENOBUFS", "send ENOMEM")


def start(world, call, error, when):
    ringbell = world.ringbell
    ringbell.stop(20)
    world.trouble.begin(0, call, error, when)
    ringbell.launch()
    def settled():
        return ringbell.process.poll() is not None \
            or ringbell.api.ask("GET", "/readyz").status == 200
    try:
        wait_for(f"start with {call} {error} {when}", settled, 40)
    finally:
        world.trouble.end()
    world.figures["starts"] = world.figures.get("starts", 0) + 1
    if ringbell.process.poll() is not None:
        world.figures["starts_refused"] = world.figures.get("starts_refused", 0) + 1
        if not ringbell.read_log().splitlines()[-1].count(" error "):
            raise Broken(f"start with {call} {error} {when}: ended without a message")
    else:
        ringbell.kill()
    world.check_store(list(world.load.acknowledged))
    ringbell.start()


def run(world, cycles):
    for number in cycles:
        yield number
        if number < len(POINTS):
            point(world, *POINTS[number])
            continue
        dice = world.random(number)
        call, error, most = dice.choice(START_CALLS)
        start(world, call, error, dice.randint(1, most))
