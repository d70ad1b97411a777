# SPDX-License-Identifier: Apache-2.0
"""CPU and memory of whole process trees, as the scheduler accounts them.

CPU is /proc/<pid>/schedstat run time of every thread, in ns: exact, and without the receive softirq,
which runs on the sender's core here. What the kernel does elsewhere shows in `busy`.
"""

import glob
import os
import time

from daemon import children_of
from waiting import TimeIsUp, wait_for

QUIET_NS = 3_000_000 # CPU time in a quarter of a second below which a program counts as idle
IDLE_SHARE = 0.15 # of one processor
CAPTURE_CPU = "1"


def tree(pid):
    return [pid, *children_of(pid)]


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path) as file:
                    total += int(file.read().split()[0])
            except OSError:
                pass # the thread ended
    return total


def reaped_cpu_s(pid):
    """CPU seconds of children that ended and were waited for (10 ms steps)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def busy_s():
    """Seconds the machine's processors were not idle, all together."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(
            int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def busy_share(window_s=0.5):
    """How many processors others kept busy during the window."""
    before = busy_s()
    time.sleep(window_s) # wait: the window is the thing measured
    return (busy_s() - before) / window_s


def is_machine_idle(limit=60.0):
    """Waits until nothing else runs to speak of; False if that did not happen within the limit."""
    try:
        wait_for("an idle machine", lambda: busy_share() < IDLE_SHARE, limit, pause=0)
        return True
    except TimeIsUp:
        return False


def wait_quiet(pids, limit=30.0, windows=3):
    """Waits until they used next to no CPU for some quarter seconds: started, or drained."""
    last = [cpu_ns(pids), 0]

    def quiet():
        used = cpu_ns(pids)
        last[1] = last[1] + 1 if used - last[0] < QUIET_NS else 0
        last[0] = used
        return last[1] >= windows
    wait_for(f"processes {pids} quiet", quiet, limit, pause=0.25)


def memory_kib(pid):
    """{rss, private}: resident memory, and the part of it that is the process's own (RssAnon)."""
    found = {"rss": 0, "private": 0}
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                found["rss"] = int(line.split()[1])
            elif line.startswith("RssAnon:"):
                found["private"] = int(line.split()[1])
    return found


class Meter:
    """Measures a fixed set of processes, with their threads, from start() to stop()."""

    def __init__(self, pids):
        self.pids = pids

    def start(self):
        self.cpu = cpu_ns(self.pids)
        self.busy = busy_s()

    def stop(self):
        """{cpu_s, busy_s}: CPU until the processes drained; busy up to the call only."""
        busy = busy_s() - self.busy
        wait_quiet(self.pids)
        return {"cpu_s": (cpu_ns(self.pids) - self.cpu) / 1e9, "busy_s": busy}
