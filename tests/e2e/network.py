# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a veth pair, and the sequence-numbered traffic between them.

    sender namespace "rbe-<pid>-tx"  gen0 ── cap0  receiver namespace "rbe-<pid>-rx"

The test process itself moves into the receiver namespace, so that its HTTP clients, Alertmanager and
sinks all meet on that namespace's loopback. Nothing is ever sent outside.
"""

import ctypes
import os
import re
import signal
import subprocess

from waiting import wait_for

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
NIC = "cap0"
PEER = "gen0"
SENDER_CPU = "0"

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """preexec_fn: the kernel ends the child when the test process is gone, however it went."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def remove_stale():
    """Removes namespaces whose test process was killed before it could."""
    listing = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for name in re.findall(r"^rbe-(?:\d+)-\w+", listing, re.M):
        if not os.path.exists(f"/proc/{name.split('-')[1]}"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


class Network:
    def __init__(self):
        remove_stale()
        self.tx = f"rbe-{os.getpid()}-tx"
        self.rx = f"rbe-{os.getpid()}-rx"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.made = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        for name in (self.tx, self.rx):
            run("ip", "netns", "add", name)
            self.made.append(name)
            run("ip", "netns", "exec", name, "sysctl", "-qw",
                "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            run("ip", "-n", name, "link", "set", "lo", "up")
        self.make_pair()
        self.enter(f"/run/netns/{self.rx}")

    def make_pair(self):
        """Makes gen0 and cap0 (again, after remove_pair)."""
        run("ip", "link", "add", PEER, "netns", self.tx, "type", "veth",
            "peer", "name", NIC, "netns", self.rx)
        for name, nic in ((self.tx, PEER), (self.rx, NIC)):
            run("ip", "-n", name, "link", "set", nic, "mtu", "9000", "arp", "off")
            run("ip", "-n", name, "link", "set", nic, "up")
            # Turns on veth's NAPI, without which the driver takes no frames from the generator.
            run("ip", "netns", "exec", name, "ethtool", "-K", nic, "gro", "on")

    def remove_pair(self):
        run("ip", "-n", self.rx, "link", "del", NIC)

    def set_link(self, state):
        run("ip", "-n", self.rx, "link", "set", NIC, state)

    def change_nic(self, what, value, nic=NIC):
        run("ip", "-n", self.rx, "link", "set", nic, what, value)

    def enter(self, path):
        with open(path) as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")

    def inside(self, name, command):
        return ["ip", "netns", "exec", name, *command]

    def close(self):
        libc.setns(self.home, CLONE_NEWNET)
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.made = []


class Traffic:
    """A running generator. Packet i carries sequence number i and has UDP source port
    1024 + i % flows."""

    def __init__(self, network, gen, rate, size=256, flows=64, seconds=60, first=0, count=None):
        self.rate = rate
        self.flows = flows
        self.first = first
        count = count or int((rate or 2_000_000) * seconds)
        command = [gen, "-i", PEER, "-s", str(size), "-n", str(count), "-T", str(seconds),
                   "-f", str(flows), "-q", str(first)]
        if rate:
            command += ["-r", str(rate)]
        self.process = subprocess.Popen(
            network.inside(network.tx, ["taskset", "-c", SENDER_CPU, *command]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=die_with_parent)

    def alive(self):
        return self.process.poll() is None

    def finish(self, limit=90):
        """Waits until all is sent; returns {sent, secs, pps}."""
        text = self.process.communicate(timeout=limit)[0]
        if self.process.returncode != 0:
            raise AssertionError(f"generator failed: {text}")
        facts = dict(pair.split("=") for pair in text.split())
        return {key: float(value) for key, value in facts.items()}

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def nic_packets(direction="rx"):
    """Packets the kernel counted on cap0; read through the namespace's own /proc."""
    with open("/proc/thread-self/net/dev") as table:
        for line in table:
            name, _, rest = line.partition(":")
            if name.strip() == NIC:
                return int(rest.split()[1 if direction == "rx" else 9])
    return 0


def wait_for_packets(count, limit=20.0):
    """Waits until `count` more packets arrived on cap0."""
    start = nic_packets()
    wait_for(f"{count} packets on {NIC}", lambda: nic_packets() - start >= count, limit)
