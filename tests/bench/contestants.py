# SPDX-License-Identifier: Apache-2.0
"""Who is measured: Ringbell, and the tools people use for the same purpose today. Each one really
captures: its packets are counted from its files."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile

import measure
import packets
from daemon import Daemon
from network import NIC, die_with_parent
from waiting import wait_for

MIB = 1 << 20
SLOT_OVERHEAD = 82 # bytes TPACKET_V3 puts before each packet, before alignment to 8
FULL_REACH = 0.65  # of the ring: three quarters less the slack and the open block

CHILDREN = ("recorder", "control", "courier")

PEERS = {
    "tcpdump": ["tcpdump", "-i", NIC, "-Z", "root", "-B", "65536", "-w", "{folder}/c.pcap"],
    "tcpdump-ring": ["tcpdump", "-i", NIC, "-Z", "root", "-B", "65536", "-C", "100", "-W", "40",
                     "-w", "{folder}/c.pcap"],
    "dumpcap": ["dumpcap", "-i", NIC, "-q", "-B", "64", "-w", "{folder}/c.pcapng"],
    "dumpcap-ring": ["dumpcap", "-i", NIC, "-q", "-B", "64", "-b", "filesize:100000",
                     "-b", "files:40", "-w", "{folder}/c.pcapng"],
}


def slot_bytes(size):
    """Ring bytes of one packet of that size."""
    return (size + SLOT_OVERHEAD + 7) // 8 * 8


def make_folder(base):
    folder = tempfile.mkdtemp(prefix="ringbell-bench-", dir=base)
    os.chmod(folder, 0o755)
    return folder


class Peer:
    def __init__(self, network, tools, name, base):
        self.tools = tools
        self.name = name
        self.folder = make_folder(base)
        command = [word.format(folder=self.folder) for word in PEERS[name]]
        self.log = open(f"{self.folder}/log", "wb")
        self.process = subprocess.Popen(
            network.inside(network.rx, ["taskset", "-c", measure.CAPTURE_CPU, *command]),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        wait_for(f"{name} listens", self._listens, 20)
        self.pid = self.process.pid
        measure.wait_quiet(self.pids())

    def pids(self):
        return measure.tree(self.pid)

    def _listens(self):
        """A bound, running packet socket exists in the namespace."""
        with open("/proc/thread-self/net/packet") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return any(row[3] == "0003" and row[5] == "1" for row in rows)

    def wait_all(self, _sent):
        """Drained when quiet: the meter waits for that."""

    def finish(self):
        """Ends it; returns how many packets are in its files."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        files = sorted(glob.glob(f"{self.folder}/c*"), key=os.path.getmtime)
        return packets.verify(self.tools.verify, *files)["uniq"] if files else 0

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ringbell:
    """mode "armed": only history is kept; "write": everything goes to disk."""

    def __init__(self, network, tools, mode, base, rings=None):
        self.name = "ringbell"
        self.tools = tools
        self.mode = mode
        self.folder = make_folder(base)
        self.daemon = PinnedDaemon(network, tools.ringbelld, rings=rings,
                                   captures=f"{self.folder}/captures")
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        self.daemon.start()
        self.pid = self.daemon.process.pid
        self.daemon.clear()
        self.policy = self.daemon.add_policy("bench", rotate_bytes=256 * MIB)["id"]
        if self.mode == "write":
            self.daemon.switch(self.policy, "enable")
            wait_for("capturing", lambda: self.daemon.policy(self.policy)["state"] == "on")
        measure.wait_quiet(self.pids())

    def pids(self):
        """Supervisor and its three children; workers come and go and are accounted for apart."""
        return list(self.roles().values())

    def roles(self):
        found = {role: self.daemon.pid_of(role) for role in CHILDREN}
        return {"supervisor": self.pid, **found}

    def wait_all(self, sent):
        """Until everything that was sent has left the open block."""
        wait_for("all packets taken", lambda: self.daemon.ring()["packets"] >= sent, 20, pause=0.2)

    def finish(self):
        """How many packets are in its files, after it proved that it really kept them."""
        if self.mode == "armed":
            return self._closing_trigger()
        self.daemon.switch(self.policy, "automatic")
        self.daemon.wait_capture(self.policy, "finished", 60)
        return self._verify()["uniq"]

    def _verify(self):
        return packets.verify(self.tools.verify,
                              *sorted(glob.glob(f"{self.folder}/captures/*/*.pcapng")))

    def _closing_trigger(self):
        """The figure counts only if history is there, whole and up to the last packet. Returns the
        packets the ring counted, without those the kernel dropped."""
        ring = self.daemon.ring()
        self.daemon.switch(self.policy, "enable", lookback="10m")
        wait_for("capturing", lambda: self.daemon.policy(self.policy)["state"] == "on")
        self.daemon.switch(self.policy, "automatic")
        self.daemon.wait_capture(self.policy, "finished", 60)
        facts = self._verify()
        if facts["dup"] or facts["bad"] or (facts["span_lost"] and not ring["drops"]["kernel"]):
            raise AssertionError(f"history is not whole: {facts} {ring}")
        self.reach_packets = facts["uniq"]
        return ring["packets"]

    def close(self):
        self.daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class PinnedDaemon(Daemon):
    def command(self):
        return ["taskset", "-c", measure.CAPTURE_CPU, *super().command()]

