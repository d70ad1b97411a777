# SPDX-License-Identifier: Apache-2.0
"""The supervisor: who runs as whom, what it does about deaths, how it ends, what it refuses to start."""

import os
import re
import signal
import struct
import subprocess
import tempfile
import time

import harness
from daemon import Daemon, alive, children_of
from network import NIC, wait_for_packets
from waiting import wait_for

RINGS = {"memory_bytes": 16 * harness.MIB}
ROLES = ("recorder", "control", "courier")
CAPABILITIES = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8,
                "CAP_NET_RAW": 13}
NOBODY = 65534
STOP_LIMIT = 5.0


def status_of(pid):
    """/proc/<pid>/status as {name: [words]}."""
    with open(f"/proc/{pid}/status") as file:
        return {name: rest.split() for name, _, rest in (line.partition(":") for line in file)}


def title_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().rstrip(b"\0").decode()


def sockets_of(pid):
    """Inodes of the sockets a process holds."""
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return {match[1] for match in map(re.compile(r"socket:\[(\d+)\]").match, links) if match}


def packet_sockets():
    with open("/proc/thread-self/net/packet") as table:
        return {line.split()[8] for line in table.read().splitlines()[1:]}


class Supervisor(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings=RINGS)

    def pids(self):
        return {role: self.ringbell.pid_of(role) for role in ROLES}

    def test_children_have_no_rights(self):
        users = set()
        for role, pid in self.pids().items():
            status = status_of(pid)
            self.assertEqual(title_of(pid), f"ringbelld: {role}")
            self.assertEqual(len(set(status["Uid"])), 1, status["Uid"])
            self.assertNotIn("0", status["Uid"] + status["Gid"] + status["Groups"])
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[name][0], 16), 0, (role, name))
            self.assertEqual(status["NoNewPrivs"], ["1"])
            self.assertEqual(status["Seccomp"], ["2"], "has a filter")
            users.add(status["Uid"][0])
        self.assertEqual(len(users), len(ROLES), "they share a user")

    def test_supervisor_keeps_five_capabilities(self):
        status = status_of(self.ringbell.process.pid)
        want = sum(1 << number for number in CAPABILITIES.values())
        for name in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(status[name][0], 16), want, name)

    def test_only_the_supervisor_holds_packet_sockets(self):
        self.assertTrue(packet_sockets() & sockets_of(self.ringbell.process.pid))
        for role, pid in self.pids().items():
            self.assertFalse(packet_sockets() & sockets_of(pid), role)

    def test_each_dead_child_comes_back(self):
        for role in ROLES:
            others = {name: pid for name, pid in self.pids().items() if name != role}
            self.ringbell.kill_child(role)
            for name, pid in others.items():
                self.assertEqual(self.ringbell.pid_of(name), pid, f"{name} died with {role}")
        rows = {row["role"]: row for row in self.ringbell.status()["processes"]}
        self.assertEqual([rows[role]["restarts"] for role in ROLES], [1, 1, 1])

    def test_one_that_dies_again_and_again_waits_longer(self):
        pauses = []
        for _ in range(4):
            pid = self.ringbell.pid_of("courier")
            os.kill(pid, signal.SIGKILL)
            start = time.monotonic()
            wait_for("a new courier", lambda: self.ringbell.pid_of("courier") not in (0, pid))
            pauses.append(time.monotonic() - start)
        self.assertGreater(pauses[3], 0.8, pauses)
        self.assertLess(pauses[3], 3, pauses)

    def test_children_ignore_signals_that_ask_to_stop(self):
        before = self.pids()
        for pid in before.values():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
        self.ringbell.wait_ready()
        self.assertEqual(self.pids(), before)

    def end(self):
        """SIGTERM; seconds until it and all its children are gone."""
        children = children_of(self.ringbell.process.pid)
        self.assertGreaterEqual(len(children), len(ROLES))
        start = time.monotonic()
        self.assertEqual(self.ringbell.stop(STOP_LIMIT + 3), 0, "exit status")
        self.assertFalse([pid for pid in children if alive(pid)])
        return time.monotonic() - start

    def test_sigterm_while_capturing(self):
        policy = self.ringbell.add_policy("all")
        self.traffic(50_000)
        self.ringbell.switch(policy["id"], "enable")
        wait_for_packets(50_000)
        self.assertLess(self.end(), STOP_LIMIT)
        self.assertIn("stopped", self.ringbell.read_log())
        left = [name for _, _, names in os.walk(self.ringbell.captures) for name in names]
        self.assertFalse([name for name in left if name.startswith(".")], "not sealed")
        self.assertTrue([name for name in left if name.endswith(".pcapng")])

    def test_sigterm_with_a_child_that_hangs(self):
        os.kill(self.ringbell.pid_of("recorder"), signal.SIGSTOP)
        self.assertLess(self.end(), STOP_LIMIT)
        self.assertIn("killing the rest", self.ringbell.read_log())

    def test_death_of_the_supervisor_ends_all(self):
        self.ringbell.kill()
        self.ringbell.start()
        self.assertEqual(self.ringbell.status()["rings"][0]["nic"], NIC)

    def refused(self, *arguments):
        """What a second daemon says when it refuses to start."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            command = [self.tools.ringbelld, "-i", NIC, "--state", f"{folder}/state", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_state_folder_in_use(self):
        self.assertIn(f"in use by another ringbelld, pid {self.ringbell.process.pid}",
                      self.refused("--state", self.ringbell.state))

    def test_address_in_use(self):
        self.assertIn("127.0.0.1:8470: user ringbell-control: Address already in use",
                      self.refused())

    def test_folder_no_one_may_enter(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o700)
            self.assertIn(f"{folder}/state: user ringbell-control: Permission denied",
                          self.refused("--state", f"{folder}/state"))

    def test_folder_of_another_user(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chown(folder, NOBODY, NOBODY)
            self.assertIn(f"{folder}: belongs to uid {NOBODY}", self.refused("--state", folder))


class Replay(harness.Case):
    """Without root, on a file."""

    PACKETS = 200

    def start(self, *arguments):
        self.ringbell = Unprivileged(self.network, self.tools.ringbelld, arguments)
        self.addCleanup(self.ringbell.close)
        self.addCleanup(self._show_log, self.ringbell)
        write_pcap(self.ringbell.file, self.PACKETS)
        self.ringbell.start()

    def test_replays_a_file(self):
        self.start()
        for pid in children_of(self.ringbell.process.pid):
            self.assertEqual(status_of(pid)["Uid"], [str(NOBODY)] * 4)
        wait_for("replayed", lambda: self.ringbell.ring("file0")["packets"] == self.PACKETS)

    def test_the_recorder_comes_back_to_its_history(self):
        self.start()
        wait_for("replayed", lambda: self.ringbell.ring("file0")["packets"] == self.PACKETS)
        self.ringbell.kill_child("recorder")
        policy = self.ringbell.add_policy("all", margin="10m")["id"]
        self.ringbell.add_endpoint("pcap", kind="pcap", policy=policy)
        for level in ("critical", "recovery"):
            self.ringbell.send_alert(level=level, policy="latency", object="host-1")
        row = self.ringbell.wait_capture(policy, "finished")
        self.assertEqual(row["coverage"]["packets"], self.PACKETS)

    def test_a_nic_needs_root(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            done = subprocess.run([*AS_NOBODY, self.tools.ringbelld, "-i", NIC, "--state",
                                   f"{folder}/s"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("run as root, or use --replay FILE", done.stderr)

    def test_a_file_that_is_not_there(self):
        done = subprocess.run([self.tools.ringbelld, "--replay", "/nonexistent", "--state",
                               f"{tempfile.gettempdir()}/rbe-{os.getpid()}"],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('"/nonexistent": No such file or directory', done.stderr)


class Configuration(harness.Case):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([self.tools.ringbelld, "--check-config", "--config", file.name],
                                  capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr.replace(file.name, "FILE")

    def test_every_mistake_at_once(self):
        self.assertEqual(self.check("nics: [eth0]\n"), (0, ""))
        self.assertEqual(self.check("listen: x\nnics: eth0\n"), (2, (
            'FILE:1:1: /listen: "x": address and port, as 127.0.0.1:8470, 0.0.0.0:8470 or '
            "[::]:8470\n"
            "FILE:2:1: /nics: a list is expected, each a NIC's name, at most 15 bytes\n")))

    def test_what_only_the_start_would_find(self):
        for text, words in (("rings: {filter: hsot 10.0.0.1}", "/rings/filter"),
                            ("rings: {filter: vlan 5}", "VLAN tags"),
                            ("sources: {sockets_group: no-such-group}", "no such group")):
            status, said = self.check(f"nics: [eth0]\n{text}\n")
            self.assertEqual(status, 1, said)
            self.assertIn(words, said)


AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Unprivileged(Daemon):
    """A daemon run by an ordinary user on a replayed file."""

    def __init__(self, network, binary, arguments):
        super().__init__(network, binary, nics=())
        os.chmod(self.folder, 0o777)
        self.file = f"{self.folder}/replay.pcap"
        self.arguments = arguments

    def command(self):
        return [*AS_NOBODY, *super().command(), "--replay", self.file, *self.arguments]


def write_pcap(path, count):
    """A classic pcap of `count` Ethernet frames, one millisecond apart."""
    frame = bytes.fromhex("020000000001020000000002" "88b5") + bytes(50)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(count):
            file.write(struct.pack("<IIII", 1_700_000_000, i * 1000, len(frame), len(frame)))
            file.write(frame)


if __name__ == "__main__":
    harness.main()
