# SPDX-License-Identifier: Apache-2.0
"""Derived downloads: packets chosen, merged, cut, compressed, followed; tshark, tcpdump and mergecap are
the judges."""

import decimal
import http.client
import os
import subprocess
import threading
import urllib.parse

import harness
import packets
from daemon import ADDRESS
from network import wait_for_packets
from waiting import wait_for

FLOWS = 16
RATE = 20_000


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def frames(path, *options):
    """(time, length on the wire, captured length) of each packet."""
    out = run("tshark", "-n", "-r", path, *options, "-T", "fields", "-e", "frame.time_epoch",
              "-e", "frame.len", "-e", "frame.cap_len")
    return [tuple(line.split("\t")) for line in out.splitlines()]


class Packets(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB})

    def record(self, count, name="all", **members):
        """A finished capture of about `count` packets and more; returns its row."""
        policy = self.ringbell.add_policy(name, **members)["id"]
        self.ringbell.switch(policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on")
        traffic = self.traffic(RATE, size=256, flows=FLOWS)
        wait_for_packets(count)
        traffic.stop()
        self.ringbell.switch(policy, "automatic")
        return self.ringbell.wait_capture(policy, "finished")

    def get(self, path, name, **query):
        file = f"{self.ringbell.folder}/{name}"
        text = urllib.parse.urlencode(query)
        self.ringbell.api.download(f"/api/v1/{path}?{text}", file)
        return file

    def refused(self, path, **query):
        answer = self.ringbell.api.ask("GET", f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return answer.status, answer.json["code"]

    def test_chosen_packets_are_those_of_other_tools(self):
        row = self.record(4000, rotate_bytes=1 << 20)
        whole = self.ringbell.download(row["id"])
        path = f"captures/{row['id']}/packets"
        all_frames = frames(whole)
        self.assertGreater(len(row["segments"]), 1)

        text = "udp src portrange 1024-1027"
        chosen = self.get(path, "filtered.pcapng", filter=text)
        self.assertEqual(frames(chosen), frames(whole, "-Y", "udp.srcport <= 1027"))
        packets.open_in_tools(chosen)

        first, last = all_frames[1000][0], all_frames[2000][0]
        as_time = lambda epoch: run("date", "-u", "-d", f"@{epoch}", "+%Y-%m-%dT%H:%M:%S.%NZ").strip()
        ranged = self.get(path, "ranged.pcapng", **{"from": as_time(first), "to": as_time(last)})
        self.assertEqual(frames(ranged), all_frames[1000:2001])

        # DLD-03, A-35: start = end is a second
        second = self.get(path, "second.pcapng", **{"from": as_time(first), "to": as_time(first)})
        within = lambda epoch: decimal.Decimal(first) <= decimal.Decimal(epoch) < decimal.Decimal(first) + 1
        self.assertEqual(frames(second), [frame for frame in all_frames if within(frame[0])])

        sliced = self.get(path, "sliced.pcapng", slice="headers+10")
        self.assertEqual(frames(sliced), [(t, n, str(14 + 20 + 8 + 10)) for t, n, _ in all_frames])

        old = self.get(path, "old.pcap", format="pcap")
        self.assertEqual(frames(old), all_frames)
        self.assertEqual(len(run("tcpdump", "-nn", "-r", old).splitlines()), len(all_frames))

    def indexes(self, row):
        folder = f"{self.ringbell.captures}/{row['id']}"
        return [f"{folder}/{segment['name']}.idx" for segment in row["segments"]]

    def test_with_an_index_or_without_the_file_is_the_same(self):
        row = self.record(4000, rotate_bytes=1 << 20)

        def hashed():
            found = self.ringbell.capture(row["id"])
            return found if all(segment["sha256"] for segment in found["segments"]) else None
        row = wait_for("all segments hashed", hashed, 20)
        files = self.indexes(row)
        path = f"captures/{row['id']}/packets"
        times = [time for time, _, _ in frames(self.ringbell.download(row["id"]))]
        as_time = lambda epoch: run("date", "-u", "-d", f"@{epoch}", "+%Y-%m-%dT%H:%M:%S.%NZ").strip()
        queries = [{"port": "1025"}, {"filter": "udp src port 1030"}, {"from": as_time(times[700])},
                   {"from": as_time(times[1500]), "to": as_time(times[1900]), "port": "1024,1026"}]
        get = lambda query, name: open(self.get(path, name, **query), "rb").read()
        with_index = [get(query, "with") for query in queries]
        self.assertEqual(len([file for file in files if os.path.getsize(file)]), len(files))
        with open(files[0], "r+b") as file:
            file.seek(80)
            byte = file.read(1)
            file.seek(80)
            file.write(bytes([byte[0] ^ 1]))
        os.remove(files[1])
        self.assertEqual(with_index, [get(query, "without") for query in queries])
        self.assertIn("does not fit", self.ringbell.read_log())
        wait_for("indexes made anew", lambda: get(queries[0], "again") == with_index[0] and
                 all(os.path.exists(file) and os.path.getsize(file) for file in files), 20, 0.5)

    def test_compressed_files_open_as_they_are(self):
        row = self.record(2000)
        path = f"captures/{row['id']}/packets"
        plain = frames(self.get(path, "plain.pcapng"))
        for compression, ending in (("gzip", "gz"), ("zstd", "zst")):
            file = self.get(path, f"packed.pcapng.{ending}", compression=compression)
            self.assertEqual(frames(file), plain)
            self.assertLess(os.path.getsize(file),
                            os.path.getsize(f"{self.ringbell.folder}/plain.pcapng"))

    def test_many_captures_are_merged_in_time_order(self):
        rows = [self.record(1000, name, filter=f"udp src port {port}")
                for name, port in (("one", 1024), ("two", 1025))]
        files = [self.ringbell.download(row["id"], row["id"]) for row in rows]
        other = f"{self.ringbell.folder}/mergecap.pcapng"
        run("mergecap", "-w", other, *files)
        merged = self.get("packets", "merged.pcapng", capture=",".join(row["id"] for row in rows))
        self.assertEqual(frames(merged), frames(other))
        self.assertEqual(frames(self.get("packets", "all.pcapng")), frames(other))

    def test_nothing_found_is_no_file(self):
        row = self.record(500)
        path = f"captures/{row['id']}/packets"
        self.assertEqual(self.refused(path, host="192.0.2.1"), (409, "nothing_matched"))
        self.assertEqual(self.refused(path, to="2001-01-01T00:00:00Z"), (409, "nothing_matched"))
        self.assertEqual(self.refused(path, filter="tcp port"), (422, "invalid_filter"))
        self.assertEqual(self.refused(path, host="10.0.0.1 or net 0.0.0.0/0"),
                         (400, "invalid_value"))
        self.assertEqual(self.refused(path, port="70000"), (400, "invalid_value"))
        self.assertEqual(self.refused(path, slice="headers+x"), (400, "invalid_value"))
        self.assertEqual(self.refused(path, format="cap"), (400, "invalid_value"))
        self.assertEqual(self.refused(path, form="pcap"), (400, "unknown_parameter"))
        self.assertEqual(self.refused("packets", **{"from": "yesterday"}), (400, "invalid_value"))
        absent = "019aa000-0000-7000-8000-000000000000"
        self.assertEqual(self.refused(f"captures/{absent}/packets"), (404, "not_found"))

    def follow(self, identity, file):
        connection = http.client.HTTPConnection(ADDRESS, timeout=30)
        connection.request("GET", f"/api/v1/captures/{identity}/follow", headers={
            "Authorization": f"Bearer {self.ringbell.api.token}"})
        answer = connection.getresponse()
        with open(file, "wb", buffering=0) as out:
            while chunk := answer.read1(65536):
                out.write(chunk)
        self.followed = answer.status
        connection.close()

    def test_a_follower_gets_all_of_it_and_the_end(self):
        policy = self.ringbell.add_policy("live", rotate_bytes=1 << 20)["id"]
        self.ringbell.switch(policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on")
        traffic = self.traffic(RATE, size=256, flows=FLOWS)
        identity = self.ringbell.captures_of(policy)[0]["id"]
        file = f"{self.ringbell.folder}/followed.pcapng"
        follower = threading.Thread(target=self.follow, args=(identity, file), daemon=True)
        follower.start()
        wait_for("packets while it runs", lambda: os.path.getsize(file) > 4 * harness.MIB, 20)
        traffic.stop()
        self.ringbell.switch(policy, "automatic")
        row = self.ringbell.wait_capture(policy, "finished")
        follower.join(20)
        self.assertFalse(follower.is_alive(), "the stream ends with the capture")
        self.assertEqual(self.followed, 200)
        self.assertGreater(len(row["segments"]), 3)
        facts = self.assert_seamless(file)
        self.assertEqual(facts["uniq"], row["coverage"]["packets"])
        packets.open_in_tools(file)


class KeptByTheKernel(harness.Case):
    """rings.filter and rings.slice_bytes: what the ring has no room for, and that it is said."""

    def test_only_what_is_kept_is_there_and_the_file_says_so(self):
        ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB, "slice_bytes": 100,
                                      "filter": "udp src portrange 1024-1027"})
        ring = ringbell.ring()
        self.assertEqual(ring["slice_bytes"], 100)
        self.assertEqual(ring["filter"], "udp src portrange 1024-1027")
        traffic = self.traffic(RATE, size=512, flows=FLOWS)
        policy = ringbell.add_policy("all")["id"]
        ringbell.switch(policy, "enable")
        wait_for("on", lambda: ringbell.policy(policy)["state"] == "on")
        wait_for_packets(RATE)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        path = ringbell.download(row["id"])
        packets.open_in_tools(path)
        facts = self.verify(path, flows=FLOWS, ports="1024-1027")
        self.assertGreater(facts["uniq"], RATE // 16)
        for key in ("span_lost", "dup", "bad", "outside", "truncated"):
            self.assertEqual(facts[key], 0, facts)
        self.assertEqual(facts["sliced"], facts["uniq"])
        self.assertEqual({frame[1:] for frame in frames(path, "-c", "100")}, {("512", "100")})
        self.assertIn("only the first 100 bytes of packets that match",
                      run("capinfos", "-I", path))
        for name, query in (("ring", "ring/packets?last=60s"),
                            ("derived", f"captures/{row['id']}/download?filter=udp")):
            other = f"{ringbell.folder}/{name}.pcapng"
            ringbell.api.download(f"/api/v1/{query}", other)
            self.assertIn("only the first 100 bytes of packets that match",
                          run("capinfos", "-I", other), name)
        # a packet takes a quarter of the room, and only each fourth one takes any
        ring = ringbell.ring()
        self.assertLess(ring["bytes"], 200 * ring["packets"])
        traffic.stop()


if __name__ == "__main__":
    harness.main()
