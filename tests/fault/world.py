# SPDX-License-Identifier: Apache-2.0
"""What every fault run has: a daemon at work, what it acknowledged, and whether that still holds.

While faults come, alerts arrive (Load), packets flow, a policy goes on and off, pushes go out to a
Sink. `World.look` reads the store of a stopped daemon without touching it; `World.check` compares.
"""

import glob
import hashlib
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from build import Tools, build_folder
from daemon import Daemon, Refused, alive, children_of
from network import Network, Traffic
from senders import Sink
from waiting import wait_for

MIB = 1 << 20
RINGS = {"memory_bytes": 16 * MIB, "block_bytes": 1 << 18}
ROLES = ("recorder", "control", "courier")
RATE = 4000
PAUSE = 0.004 # between two alerts
HOSTS = 6 # alerts that are open at the same time
PUSHED = ("opened", "closed") # outcomes of alerts that the sink is told of
IDENT = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class Broken(AssertionError):
    """What must hold does not."""


class Wire(Network):
    """`ip netns exec` gives a process mounts of its own, which a generator that outlives the daemon
    would keep a disk busy with."""

    def inside(self, name, command):
        if name == self.tx:
            return ["nsenter", f"--net=/run/netns/{name}", *command]
        return super().inside(name, command)


class Load(threading.Thread):
    """Alerts, one after the other: `acknowledged` has the id of each that was answered 2xx."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.ringbell = daemon
        self.acknowledged = []
        self.refused = 0 # answered, but not 2xx
        self.unanswered = 0
        self.over = threading.Event()
        self.paused = threading.Event()
        self.start()

    def run(self):
        number = 0
        while not self.over.is_set():
            if self.paused.is_set() and number % (2 * HOSTS) == 0: # nothing is open
                self.over.wait(PAUSE)
                continue
            group, step = divmod(number, 2 * HOSTS)
            level = "critical" if step < HOSTS else "recovery"
            try:
                answer = self.ringbell.send_alert(level=level, policy="fault",
                                                  object=f"host-{group}-{step % HOSTS}")
                self.acknowledged += [alert["id"] for alert in answer["alerts"]]
                number += 1
            except Refused:
                self.refused += 1
            except (OSError, ValueError):
                self.unanswered += 1
            self.over.wait(PAUSE)

    def pause(self):
        self.paused.set()

    def resume(self):
        self.paused.clear()

    def stop(self):
        self.over.set()
        self.join()


class Facts:
    """The store as a stopped daemon left it."""

    def __init__(self, state):
        with tempfile.TemporaryDirectory(prefix="ringbell-fault-") as folder:
            for path in glob.glob(f"{state}/ringbell.db*"):
                shutil.copy(path, folder)
            store = sqlite3.connect(f"{folder}/ringbell.db")
            self.integrity = store.execute("PRAGMA integrity_check").fetchone()[0]
            self.alerts = dict(store.execute("SELECT id, outcome FROM alerts"))
            self.pushes = {}
            for alert, state in store.execute("SELECT alert, state FROM outbox"):
                self.pushes.setdefault(alert, []).append(state)
            self.segments = store.execute(
                "SELECT capture, name, sealed, missing, file_bytes, sha256, last"
                " FROM segments").fetchall()
            self.removed = {row[0] for row in store.execute("SELECT capture FROM removals")}
            store.close()


class World:
    def __init__(self, seed, folder=None, storage=None):
        """folder: where state and captures lie (default: the daemon's own)."""
        self.seed = seed
        self.tools = Tools(build_folder())
        self.network = Wire()
        self.ringbell = Daemon(self.network, self.tools.ringbelld, rings=RINGS,
                               storage=storage or {"min_free_bytes": MIB,
                                                   "keep_free_bytes": 1})
        if folder:
            self.ringbell.state = f"{folder}/state"
            self.ringbell.captures = f"{folder}/captures"
        self.sink = Sink()
        self.load = None
        self.traffic = None
        self.judged = {} # path → size, of files found whole
        self.figures = {"acknowledged": 0, "lost": 0, "corrupt": 0, "files": 0}
        self.recoveries = [] # seconds from fault to ready

    def random(self, cycle):
        return random.Random(f"{self.seed}/{cycle}")

    def begin(self):
        self.ringbell.start()
        self.ringbell.clear()
        self.policy = self.ringbell.add_policy("fault", rotate_bytes=MIB, max_on="24h")["id"]
        self.ringbell.add_endpoint("pcap", kind="pcap", policy=self.policy)
        self.ringbell.add_endpoint("sink", kind="http", url=self.sink.url)
        self.traffic = Traffic(self.network, self.tools.gen, RATE, size=200, seconds=3600)
        self.load = Load(self.ringbell)

    def close(self):
        if self.load:
            self.load.over.set()
        if self.traffic:
            self.traffic.stop()
        self.ringbell.close()
        self.sink.close()
        self.network.close()

    # --- processes ---

    def pid_of(self, role):
        for pid in children_of(self.ringbell.process.pid):
            try:
                with open(f"/proc/{pid}/comm") as file:
                    if file.read().strip() == f"rb-{role}" and alive(pid):
                        return pid
            except OSError:
                pass
        return 0

    def ready(self, limit=20.0):
        self.ringbell.wait_ready(limit)

    def recovered(self, since):
        self.recoveries.append(time.monotonic() - since)

    def wait_packets(self, limit=20.0):
        """A capture that began just now, with packets in it."""
        known = {row["id"] for row in self.ringbell.captures_of(self.policy)}
        def found():
            return any(row["id"] not in known and row["coverage"]["packets"]
                       for row in self.ringbell.captures_of(self.policy)[:5])
        wait_for("a new capture with packets", found, limit)

    # --- what must hold ---

    def check_outbox(self):
        def counts():
            return self.ringbell.status()["outbox"]
        n = wait_for("the outbox's counts", counts, 20)
        if n["accepted"] != n["delivered"] + n["suppressed"] + n["pending"] + n["dead"]:
            raise Broken(f"outbox: {n}")

    def check_store(self, acknowledged):
        """The daemon is down. Nothing that was acknowledged may be missing."""
        facts = Facts(self.ringbell.state)
        lost = [alert for alert in acknowledged if alert not in facts.alerts]
        # one that was not answered and sent again is a repetition: nobody is told twice
        unpushed = [alert for alert in acknowledged
                    if facts.alerts.get(alert) in PUSHED and alert not in facts.pushes]
        self.figures["acknowledged"] = max(self.figures["acknowledged"], len(acknowledged))
        self.figures["lost"] += len(lost)
        if facts.integrity != "ok" or lost or unpushed:
            raise Broken(f"store: {facts.integrity}; {len(lost)} alerts lost {lost[:3]}, "
                         f"{len(unpushed)} without a push {unpushed[:3]}")
        self._check_rows(facts)
        return facts

    def _check_rows(self, facts):
        for capture, name, sealed, missing, size, sha256, _ in facts.segments:
            path = f"{self.ringbell.captures}/{capture}/{name}"
            if missing and capture not in facts.removed: # retention may: a full disk is its call
                raise Broken(f"{capture}/{name}: its row says it is gone")
            if missing or not sealed or self.judged.get(path) == (size, sha256):
                continue
            if not os.path.exists(path) or os.path.getsize(path) != size:
                raise Broken(f"{capture}/{name}: sealed with {size} bytes, but not so on disk")
            if sha256:
                with open(path, "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() != sha256:
                        raise Broken(f"{capture}/{name}: not what was hashed")
            self.judged[path] = (size, sha256)

    def check_files(self):
        """Every sealed file is whole by the strict reading of pcapng, and nothing was set aside."""
        files = [path for path in glob.glob(f"{self.ringbell.captures}/*/*.pcapng")
                 if ("strict", path) not in self.judged]
        if files:
            done = subprocess.run([self.tools.verify, *files], capture_output=True, text=True)
            if done.returncode:
                self.figures["corrupt"] += 1
                raise Broken(f"verify: {done.stdout}{done.stderr}")
        for path in files:
            self.judged["strict", path] = True
        self.figures["files"] += len(files)
        aside = glob.glob(f"{self.ringbell.captures}/quarantine/*")
        if aside:
            self.figures["corrupt"] += 1
            raise Broken(f"quarantined: {aside}")

    def finish(self):
        """The load ends; then each acknowledged alert is delivered, or its push is over."""
        self.load.stop()
        acknowledged = set(self.load.acknowledged)
        wait_for("pushes", lambda: self.ringbell.status()["outbox"]["pending"] == 0, 120)
        self.check_outbox()
        self.ringbell.stop(15)
        facts = self.check_store(acknowledged)
        self.check_files()
        self._check_capinfos()
        received = {}
        for body in self.sink.accepted():
            for alert in {found.decode() for found in IDENT.findall(body)}:
                received[alert] = received.get(alert, 0) + 1
        for alert in facts.pushes.keys() & acknowledged:
            over = set(facts.pushes[alert]) <= {"dead", "suppressed"}
            if alert not in received and not over:
                raise Broken(f"alert {alert}: {facts.pushes[alert]}, and never received")
        self.figures["received"] = sum(alert in received for alert in acknowledged)
        self.figures["received_twice"] = sum(received.get(alert, 0) > 1
                                             for alert in acknowledged)
        self.figures["refused"] = self.load.refused
        self.figures["unanswered"] = self.load.unanswered
        if self.recoveries:
            times = sorted(self.recoveries)
            self.figures["recovery_p99_s"] = round(times[int(len(times) * 0.99) - 1], 2)
            self.figures["recovery_max_s"] = round(times[-1], 2)

    def _check_capinfos(self):
        files = sorted(glob.glob(f"{self.ringbell.captures}/*/*.pcapng"))
        files = files[::max(1, len(files) // 100)]
        done = subprocess.run(["capinfos", "-M", "-c", *files], capture_output=True, text=True)
        if files and done.returncode:
            raise Broken(f"capinfos: {done.stderr}")
