# SPDX-License-Identifier: Apache-2.0
"""tests/sequence/run [--seconds N] [--rate PPS]: IMIX while captures start, stop and overlap and the
recorder is killed, as root. Every packet that is missing in a file must be stated there.

Without --rate it sends at 0.7 of the rate the generator reaches here. Each capture is checked packet
for packet: none twice, none torn, and as many missing between its first and its last as its files' drop
counts say; its gaps say no fewer.
The first of them is also opened in tshark, capinfos, tcpdump and editcap.
"""

import argparse
import concurrent.futures
import glob
import os
import random
import subprocess
import sys
import time

import packets
from build import Tools, build_folder
from daemon import Daemon
from network import Network, Traffic, wait_for_packets
from waiting import wait_for

MIB = 1 << 20
POLICIES = 4
KILLS = 5
UNCHECKED = 4 # captures that wait for their check, at most: their files lie on the disk
FLOOD_PACKETS = 1_500_000


def say(text):
    print(text, flush=True)


def flood_rate(network, tools):
    return Traffic(network, tools.gen, 0, size="imix", count=FLOOD_PACKETS).finish()["pps"]


def files_of(ringbell, row):
    """Its segments on the disk, oldest first."""
    return sorted(glob.glob(f"{ringbell.captures}/*{row['id']}*/*.pcapng"))


def check_capture(ringbell, tools, row, bound):
    """{packets, missing}; raises where they disagree. What is missing between the first packet and the
    last one stands in the drop counts of the packets behind; what was lost before the first one in its
    own; what was lost after the last one in the coverage alone."""
    facts = packets.verify(tools.verify, *files_of(ringbell, row), bound=bound)
    stated = sum(gap["packets"] for gap in row["gaps"])
    counted = facts["dropcount"] - facts["first_drops"]
    if facts["dup"] or facts["truncated"] or facts["sliced"]:
        raise AssertionError(f"{row['id']}: {facts}")
    if facts["uniq"] != row["coverage"]["packets"]:
        raise AssertionError(f"{row['id']}: {facts['uniq']} packets, stated "
                             f"{row['coverage']['packets']}")
    if facts["span_lost"] != counted:
        raise AssertionError(f"{row['id']}: {facts['span_lost']} missing, {counted} counted: "
                             f"{facts} {row['gaps']}")
    if stated < facts["dropcount"]:
        raise AssertionError(f"{row['id']}: {stated} stated: {facts} {row['gaps']}")
    return {"packets": facts["uniq"], "missing": facts["span_lost"]}


def open_everywhere(path):
    """No tool may complain."""
    packets.open_in_tools(path)
    for command in (["tcpdump", "-nn", "-r", path, "-c", "100000000", "-w", "/dev/null"],
                    ["editcap", path, "/dev/null"]):
        done = subprocess.run(command, capture_output=True, text=True)
        words = [line for line in done.stderr.splitlines()
                 if line and not line.startswith(("reading from file", "Running as"))]
        if done.returncode or words:
            raise AssertionError(f"{command[0]}: {done.returncode} {done.stderr}")


class Run:
    def __init__(self, ringbell, tools, seconds, kills, bound):
        self.bound = bound
        self.ringbell = ringbell
        self.tools = tools
        self.end = time.monotonic() + seconds
        self.kills = [time.monotonic() + seconds * (i + 1) / (kills + 1)
                      for i in range(kills)]
        self.policies = [ringbell.add_policy(f"p{i}", rotate_bytes=64 * MIB)["id"]
                         for i in range(POLICIES)]
        self.on = set()
        self.checked = set()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.checks = []
        self.packets = self.missing = self.dead = 0
        self.opened = False

    def toggle(self):
        policy = random.choice(self.policies)
        if policy in self.on:
            self.ringbell.switch(policy, "automatic")
            self.on.discard(policy)
        else:
            self.ringbell.switch(policy, "enable", lookback="200ms")
            self.on.add(policy)

    def kill_when_due(self):
        if self.kills and time.monotonic() > self.kills[0]:
            self.kills.pop(0)
            self.ringbell.kill_child("recorder")
            self.dead += 1

    def check_finished(self):
        """Checks and deletes what is over, so that the disk does not fill."""
        for policy in self.policies:
            for row in self.ringbell.captures_of(policy):
                if row["state"] != "finished" or row["id"] in self.checked:
                    continue
                self.checked.add(row["id"])
                self.checks.append(self.pool.submit(self.check, row["id"]))
        while len(self.checks) > UNCHECKED or self.checks and self.checks[0].done():
            self.checks.pop(0).result()

    def check(self, identity):
        """In the pool's thread: captures go on being switched meanwhile."""
        row = self.ringbell.capture(identity)
        if row["coverage"]["packets"]:
            self.check_packets(row)
        self.ringbell.api.call("DELETE", f"/api/v1/captures/{identity}")

    def check_packets(self, row):
        if not self.opened:
            self.opened = True
            open_everywhere(files_of(self.ringbell, row)[0])
        facts = check_capture(self.ringbell, self.tools, row, self.bound)
        self.packets += facts["packets"]
        self.missing += facts["missing"]

    def go(self):
        while time.monotonic() < self.end:
            self.toggle()
            time.sleep(random.uniform(0.2, 1.0)) # wait: captures shall have different lengths
            self.kill_when_due()
            self.check_finished()
        for policy in self.on:
            self.ringbell.switch(policy, "automatic")
        wait_for("all captures over", lambda: all(
            row["state"] == "finished" for policy in self.policies
            for row in self.ringbell.captures_of(policy)), 60, pause=0.2)
        self.check_finished()
        for check in self.checks:
            check.result()


def run(network, tools, seconds, rate, kills=KILLS):
    """Returns the finished Run."""
    say(f"IMIX at {rate} packets/s for {seconds} s")
    ringbell = Daemon(network, tools.ringbelld, rings={"memory_bytes": 512 * MIB})
    traffic = None
    try:
        ringbell.start()
        ringbell.clear()
        traffic = Traffic(network, tools.gen, rate, size="imix", seconds=seconds + 60)
        wait_for_packets(rate // 2)
        work = Run(ringbell, tools, seconds, kills, rate * (seconds + 120))
        work.go()
        say(f"{len(work.checked)} captures, {work.dead} recorders killed, {work.packets} packets, "
            f"{work.missing} missing, each of them stated")
        return work
    except BaseException:
        say(ringbell.read_log()[-4000:])
        raise
    finally:
        if traffic:
            traffic.stop()
        ringbell.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rate", type=int, help="packets per second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    random.seed(options.seed)
    tools = Tools(build_folder())
    network = Network()
    try:
        rate = options.rate or int(0.7 * flood_rate(network, tools))
        run(network, tools, options.seconds, rate)
    finally:
        network.close()


if __name__ == "__main__":
    main()
