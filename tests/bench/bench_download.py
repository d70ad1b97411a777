# SPDX-License-Identifier: Apache-2.0
"""download: captures out again, beside nginx, tcpdump and mergecap, of a capture of about 1 GiB; how long its
hash and index take, and a search in the ring. All times are of whole requests, read by curl into
nothing, as the peers write into nothing."""

import os
import random
import statistics
import subprocess
import time

import catalogue
import measure
from contestants import make_folder
from daemon import ADDRESS, Daemon
from network import Traffic, wait_for_packets
from waiting import wait_for

MIB = 1 << 20
RATE = 150_000
SIZE = 512
COUNT = 1_800_000 # packets: about 1 GiB of file
FLOWS = 16
RARE = 1024 + 24 # a source port of a short burst in the middle
MERGED = 8
NGINX = "127.0.0.1:8471"
CAPTURES = 100_000


def timed(command, network):
    began = time.perf_counter()
    subprocess.run(network.inside(network.rx, command), check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - began)


class Nginx:
    def __init__(self, network, folder, root):
        config = f"{folder}/nginx.conf"
        with open(config, "w") as out:
            out.write(f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
                      "events {}\n"
                      f"http {{ sendfile on; access_log off; server {{ listen {NGINX}; root {root}; }} }}\n")
        self.process = subprocess.Popen(network.inside(network.rx, ["nginx", "-c", config]))

    def close(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, context):
        self.context = context
        self.network = context.network
        self.folder = make_folder(context.disk)
        self.daemon = Daemon(context.network, context.tools.ringbelld,
                             rings={"memory_bytes": 1536 * MIB}, captures=f"{self.folder}/captures")

    def start_policy(self, name, **members):
        policy = self.daemon.add_policy(name, margin="0s", **members)["id"]
        self.daemon.switch(policy, "enable")
        wait_for("on", lambda: self.daemon.policy(policy)["state"] == "on")
        return policy

    def send(self, count, **options):
        before = self.daemon.ring()["packets"]
        Traffic(self.network, self.context.tools.gen, RATE, size=SIZE, count=count, **options).finish()
        wait_for("all packets taken", lambda: self.daemon.ring()["packets"] >= before + count, 30)

    def record(self):
        """One capture of everything in segments of 64 MiB, and eight that share it."""
        whole = self.start_policy("whole")
        parts = [self.start_policy(f"part-{i}", filter=f"udp src portrange {1024 + 2 * i}-{1025 + 2 * i}")
                 for i in range(MERGED)]
        self.send(COUNT // 2, flows=FLOWS)
        self.send(500, flows=2 * FLOWS)
        self.send(COUNT // 2, flows=FLOWS)
        for policy in [whole, *parts]:
            self.daemon.switch(policy, "automatic")
        return self.hashed(whole), [self.hashed(policy) for policy in parts]

    def hashed(self, policy):
        row = self.daemon.wait_capture(policy, "finished", 60)

        def complete():
            found = self.daemon.capture(row["id"])
            return found if all(segment["sha256"] for segment in found["segments"]) else None
        return wait_for("all segments hashed", complete, 120)

    def get(self, path):
        return ["curl", "-sS", "--fail", "-o", "/dev/null", "-H",
                f"Authorization: Bearer {self.daemon.api.token}", f"http://{ADDRESS}/api/v1/{path}"]

    def whole_file(self, row, name):
        path = f"{self.folder}/{name}.pcapng"
        self.daemon.api.download(f"/api/v1/captures/{row['id']}/download", path)
        return path

    def median(self, *commands):
        """Of each; they take turns, and the first turn does not count."""
        times = [[timed(command, self.network) for command in commands]
                 for _ in range(self.context.repetitions + 1)][1:]
        return [statistics.median(column) for column in zip(*times)]

    def compare(self, metric, ours, peer, command, goal):
        mine, its = self.median(ours, command)
        self.context.add("download", metric, mine, peer, its, "ms", goal)

    def measure_hash(self):
        """CPU of the worker that hashes and indexes one segment, for a GiB."""
        policy = self.start_policy("one", rotate_bytes=4096 * MIB)
        self.send(COUNT // 2, flows=FLOWS)
        before = measure.reaped_cpu_s(self.daemon.process.pid)
        self.daemon.switch(policy, "automatic")
        row = self.hashed(policy)
        time.sleep(0.2) # wait: the supervisor reaps the worker after it has answered
        cpu = measure.reaped_cpu_s(self.daemon.process.pid) - before
        size = sum(segment["file_bytes"] for segment in row["segments"])
        self.context.add("download", "hash and index of a GiB, CPU", cpu * 1024 * MIB / size, None, None, "s",
                         1.0, absolute=True)

    def measure_catalogue(self):
        """Lists of a catalogue of CAPTURES captures, as the API gives them."""
        self.daemon.stop(20)
        catalogue.fill(f"{self.daemon.state}/ringbell.db", CAPTURES)
        self.daemon.start(120)
        dice = random.Random(1)
        for name, query in catalogue.QUERIES.items():
            times = []
            for _ in range(200):
                began = time.perf_counter()
                self.daemon.api.call("GET", "/api/v1/captures?" + query(dice, CAPTURES))
                times.append(1000 * (time.perf_counter() - began))
            self.context.add("download", f"{CAPTURES} captures, {name}, p99", sorted(times)[197], None, None, "ms",
                             20, absolute=True)

    def run(self):
        whole, parts = self.record()
        search = self.median(self.get(f"ring/packets?filter=udp+src+port+{RARE}"))[0]
        self.context.add("download", "search of one flow in a ring of 1.5 GiB", search, None, None, "ms", 150,
                         absolute=True)
        file = self.whole_file(whole, "whole")
        size = os.path.getsize(file) / (1 << 30)
        self.context.note(f"  a capture of {size:.2f} GiB")
        nginx = Nginx(self.network, self.folder, self.folder)
        try:
            base = ["curl", "-sS", "--fail", "-o", "/dev/null", f"http://{NGINX}/whole.pcapng"]
            wait_for("nginx", lambda: not subprocess.run(
                self.network.inside(self.network.rx, base), stderr=subprocess.DEVNULL).returncode)
            self.compare("plain download", self.get(f"captures/{whole['id']}/download"), "nginx sendfile", base,
                         1 / 0.8)
        finally:
            nginx.close()
        packets = f"captures/{whole['id']}/packets?filter="
        tcpdump = ["tcpdump", "-Z", "root", "-r", file, "-w", "/dev/null", f"udp src port {RARE}"]
        self.compare("one flow of 1 % of the blocks", self.get(f"{packets}udp+src+port+{RARE}"), "tcpdump -r", tcpdump,
                     1 / 20)
        self.compare("the same without the index", self.get(f"{packets}udp+and+(src+port+{RARE})"), "tcpdump -r",
                     tcpdump, 1)
        files = [self.whole_file(row, f"part{i}") for i, row in enumerate(parts)]
        self.compare(f"merge of {MERGED}", self.get("packets?capture=" + ",".join(row["id"] for row in parts)),
                     "mergecap", ["mergecap", "-w", "/dev/null", *files], 1 / 2)
        self.measure_hash()
        self.measure_catalogue()


def bench(context):
    context.settle()
    bench = Bench(context)
    try:
        bench.daemon.start()
        bench.daemon.clear()
        bench.run()
    finally:
        bench.daemon.close()
        subprocess.run(["rm", "-rf", bench.folder], check=False)
