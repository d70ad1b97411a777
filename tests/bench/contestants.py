# SPDX-License-Identifier: Apache-2.0
"""Who is measured: Ringbell, and the tools people use for the same purpose today. Each one really
captures: its packets are counted from its files."""

import glob
import os
import re
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

TCPDUMP = ["tcpdump", "-i", NIC, "-Z", "root", "-w", "{folder}/c.pcap"]
DUMPCAP = ["dumpcap", "-i", NIC, "-q", "-w", "{folder}/c.pcapng"]
NETSNIFF = ["netsniff-ng", "--in", NIC, "--out", "{folder}/c.pcap", "--silent", "-G"]
STENOTYPE = ["stenotype", f"--iface={NIC}", "--dir={folder}", "--count=-1", "--threads=1",
             "--filesize_mb=4096", "--seccomp=none", "--aiops=128"]

# Each with its default buffer, with 64 MiB, and with what serves it best.
PEERS = {
    "tcpdump-default": TCPDUMP,
    "tcpdump": [*TCPDUMP, "-B", "65536"],
    "tcpdump-512": [*TCPDUMP, "-B", "524288"],
    "tcpdump-ring": [*TCPDUMP, "-B", "65536", "-C", "100", "-W", "40"],
    "dumpcap-default": DUMPCAP,
    "dumpcap": [*DUMPCAP, "-B", "64"],
    "dumpcap-512": [*DUMPCAP, "-B", "512"],
    "dumpcap-ring": [*DUMPCAP, "-B", "64", "-b", "filesize:100000", "-b", "files:40"],
    "netsniff-ng-default": NETSNIFF,
    "netsniff-ng": [*NETSNIFF, "-S", "512MiB"],
    "stenotype": [*STENOTYPE, "--blocks=512"],
    "libpcap-memory": ["{pcap_memory}", NIC, "64", "1024"],
}


def installed(names):
    """Those of the peers that are there, and work: stenotype was seen to write nothing on Linux 6.18."""
    return [name for name in names if name != "stenotype"
            if PEERS[name][0].startswith("{") or shutil.which(PEERS[name][0])]


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
        if name == "stenotype":
            self._make_stenotype_folders()
        command = [word.format(folder=self.folder, pcap_memory=tools.pcap_memory)
                   for word in PEERS[name]]
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
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired: # stenotype, where no more packets come
            self.process.kill()
            self.process.wait()
        if self.name == "libpcap-memory":
            return self._counted()
        found = glob.glob(f"{self.folder}/c*") + glob.glob(f"{self.folder}/PKT0/*") + \
            glob.glob(f"{self.folder}/PKT0/.*")
        files = sorted((path for path in found if os.path.getsize(path)), key=os.path.getmtime)
        return packets.verify(self.tools.verify, *files)["uniq"] if files else 0

    def _counted(self):
        """It keeps no file: its own count, which it prints at its end."""
        with open(f"{self.folder}/log") as log:
            return int(re.search(r"packets=(\d+)", log.read())[1])

    def _make_stenotype_folders(self):
        """It gives up root before it writes."""
        for path in (f"{self.folder}/PKT0", f"{self.folder}/IDX0"):
            os.mkdir(path)
        for path in (self.folder, f"{self.folder}/PKT0", f"{self.folder}/IDX0"):
            shutil.chown(path, "nobody", "nogroup")

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

