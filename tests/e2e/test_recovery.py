# SPDX-License-Identifier: Apache-2.0
"""What a start makes of what it finds: a lost database, strange files, a file of another version."""

import glob
import json
import os
import sqlite3
import subprocess

import harness
import packets
from build import ROOT
from network import wait_for_packets
from waiting import wait_for

RINGS = {"memory_bytes": 16 * harness.MIB, "block_bytes": 1 << 18}


class Recovery(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings=RINGS)

    def capture(self, policy, obj="host-1"):
        """One finished capture, each of its segments with its digest."""
        ringbell = self.ringbell
        ringbell.send_alert(level="critical", policy="latency", object=obj)
        wait_for("on", lambda: ringbell.policy(policy)["state"] == "on")
        wait_for_packets(2000)
        ringbell.send_alert(level="recovery", policy="latency", object=obj)
        identity = ringbell.wait_capture(policy, "finished")["id"]
        wait_for("digests", lambda: all(segment["sha256"] for segment
                                        in ringbell.capture(identity)["segments"]))
        return identity

    def make_captures(self, count):
        policy = self.ringbell.add_policy("web", rotate_bytes=harness.MIB)["id"]
        self.ringbell.add_endpoint("pcap", kind="pcap", policy=policy)
        self.traffic(5000)
        return [self.capture(policy, f"host-{i}") for i in range(count)]

    def rebuild(self):
        done = subprocess.run([*self.ringbell.command(), "--rebuild"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def tell(self, identities):
        """List and details, as the API has them, and the manifests."""
        told = [self.ringbell.api.call("GET", "/api/v1/captures")["items"]]
        for identity in identities:
            with open(f"{self.ringbell.captures}/{identity}/manifest.json") as file:
                manifest = json.load(file)
            for member in ("written_at", "clock", "signature"): # of the writing, not of the capture
                del manifest[member]
            told += [self.ringbell.capture(identity), manifest]
        return told

    def settle(self, identities):
        """The manifest is written behind the commit."""
        def same():
            told = self.tell(identities)
            return all(len(told[i]["timeline"]) == len(told[i + 1]["timeline"])
                       for i in range(1, len(told), 2)) and told
        return wait_for("manifests", same)

    def test_deleted_database_is_rebuilt_equal(self):
        made = self.make_captures(3)
        before = self.settle(made)
        self.ringbell.stop()
        for path in glob.glob(f"{self.ringbell.state}/ringbell.db*"):
            os.unlink(path)
        report = self.rebuild()
        self.assertIn("captures made anew: 3", report)
        self.assertIn("there was no database", report)
        self.assertIn("captures made anew: 3", self.rebuild(), "again, the same")
        self.ringbell.start()
        self.assertEqual(self.tell(made), before)
        for identity in made:
            self.assert_seamless(self.ringbell.download(identity))

    def test_rebuild_keeps_the_rest(self):
        made = self.make_captures(1)
        before = self.settle(made)
        running = subprocess.run([*self.ringbell.command(), "--rebuild"], capture_output=True,
                                 text=True)
        self.assertEqual(running.returncode, 1)
        self.assertIn("in use by another ringbelld", running.stderr)
        names = {row["name"] for row in self.ringbell.api.call("GET", "/api/v1/policies")["items"]}
        alerts = self.ringbell.api.call("GET", "/api/v1/alerts")["items"]
        self.ringbell.stop()
        self.rebuild()
        self.ringbell.start()
        self.assertEqual(self.tell(made), before)
        self.assertEqual({row["name"] for row
                          in self.ringbell.api.call("GET", "/api/v1/policies")["items"]}, names)
        self.assertEqual(self.ringbell.api.call("GET", "/api/v1/alerts")["items"], alerts)

    def test_strange_files_are_moved_aside(self):
        made, = self.make_captures(1)
        captures = self.ringbell.captures
        self.ringbell.stop()
        outside = f"{self.ringbell.folder}/outside"
        with open(outside, "w") as file:
            file.write("not ours")
        os.symlink(outside, f"{captures}/{made}/link")
        os.symlink("/etc", f"{captures}/00000000-0000-7000-8000-000000000000")
        os.mkfifo(f"{captures}/pipe")
        os.mkdir(f"{captures}/lost+found")
        segment = glob.glob(f"{captures}/{made}/*.pcapng")[0]
        torn = segment.replace(".pcapng", "")[:-6] + "000099.pcapng"
        with open(segment, "rb") as whole, open(torn, "wb") as half:
            half.write(whole.read()[:-30])
        self.ringbell.start()
        self.assertEqual(self.ringbell.status()["storage"]["quarantined"], 4)
        metrics = self.ringbell.api.ask("GET", "/metrics").body.decode()
        self.assertIn("\nringbell_storage_quarantined 4\n", metrics)
        log = self.ringbell.read_log()
        for what in ("link", "pipe", "000099.pcapng"):
            self.assertRegex(log, f'{what}" moved to captures/quarantine: ')
        reasons = glob.glob(f"{captures}/quarantine/*.reason")
        self.assertEqual(len(reasons), 4)
        for path in reasons:
            with open(path) as file:
                self.assertTrue(json.load(file)["reason"])
            self.assertTrue(os.path.lexists(path.removesuffix(".reason")))
        with open(outside) as file:
            self.assertEqual(file.read(), "not ours")
        self.assertTrue(os.path.isdir(f"{captures}/lost+found"))
        packets.open_in_tools(self.ringbell.download(made))

    def put_database(self, statement=""):
        """The kept database of version 1 instead of the present one."""
        self.ringbell.stop()
        path = f"{self.ringbell.state}/ringbell.db"
        owner = os.stat(path)
        for file in glob.glob(f"{path}*"):
            os.unlink(file)
        with open(f"{ROOT}/tests/data/store/version_1.sql") as script, \
                sqlite3.connect(path) as database:
            database.executescript(script.read() + statement)
        database.close()
        os.chown(path, owner.st_uid, owner.st_gid)

    def test_old_database_is_opened(self):
        self.put_database()
        self.ringbell.launch()
        wait_for("ready", lambda: self.ringbell.api.ask("GET", "/readyz").status == 200, 20)

    def test_newer_database_is_refused_untouched(self):
        self.put_database("PRAGMA user_version = 9999;")
        with open(f"{self.ringbell.state}/ringbell.db", "rb") as file:
            before = file.read()
        self.ringbell.launch()
        wait_for("the refusal", lambda: "newer version" in self.ringbell.read_log())
        self.ringbell.close_process()
        with open(f"{self.ringbell.state}/ringbell.db", "rb") as file:
            self.assertEqual(file.read(), before)


if __name__ == "__main__":
    harness.main()
