# SPDX-License-Identifier: Apache-2.0
"""The command-line tool against the real daemon."""

import json
import os
import subprocess

import harness
from network import wait_for_packets
from senders import Sink
from waiting import wait_for

RATE = 50_000
FAILED, USAGE, NOT_FOUND, UNREACHABLE, INCOMPLETE = 1, 2, 3, 5, 8


class Cli(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB})
        self.policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("pcap", kind="pcap", policy=self.policy)

    def environment(self):
        return {**os.environ, "RINGBELL_STATE": self.ringbell.state}

    def run_anyhow(self, *arguments):
        return subprocess.run([self.tools.ringbell, *arguments], env=self.environment(),
                              cwd=self.ringbell.folder, timeout=60, capture_output=True, text=True)

    def run_tool(self, *arguments, status=0):
        """stdout of `ringbell …`, which must end with that status; with stderr if it is not 0."""
        done = self.run_anyhow(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stdout + done.stderr

    def run_json(self, *arguments):
        return json.loads(self.run_tool(*arguments, "--json"))

    def send(self, level):
        return self.run_tool("alert", "send", "--level", level, "--policy", "latency",
                             "--object", "host-1")

    def wait_state(self, state):
        wait_for(state, lambda: self.ringbell.policy(self.policy)["state"] == state)

    def record(self):
        """One finished capture of some thousand packets; returns its row."""
        self.traffic(RATE)
        wait_for_packets(RATE)
        self.send("critical")
        self.wait_state("on")
        wait_for_packets(RATE)
        self.send("recovery")
        return self.ringbell.wait_capture(self.policy, "finished")

    def test_status(self):
        self.assertIn("cap0", self.run_tool("status"))
        self.assertEqual(self.run_json("status")["rings"][0]["nic"], "cap0")

    def test_policy_switches(self):
        self.assertIn("all", self.run_tool("policy", "list"))
        self.run_tool("policy", "enable", "all")
        self.wait_state("on")
        self.run_tool("policy", "disable", "all")
        self.wait_state("off")
        self.assertIn("nothing-like-it", self.run_tool("policy", "enable", "nothing-like-it",
                                                       status=NOT_FOUND))

    def test_alert_to_download(self):
        row = self.record()
        self.assertIn(row["id"], json.dumps(self.run_json("capture", "list")))
        self.assertEqual(self.run_json("capture", "show", "latest")["id"], row["id"])
        self.run_tool("capture", "download", "latest", "-w", "a.pcapng", "--wait")
        path = f"{self.ringbell.folder}/a.pcapng"
        self.assertEqual(self.assert_seamless(path)["uniq"], row["coverage"]["packets"])

    def test_download_resumes_and_checks(self):
        row = self.record()
        whole = self.ringbell.download(row["id"])
        with open(whole, "rb") as file:
            wanted = file.read()
        path = f"{self.ringbell.folder}/b.pcapng"
        with open(f"{path}.part", "wb") as out:
            out.write(wanted[:len(wanted) // 2])
        self.run_tool("capture", "download", row["id"], "-w", "b.pcapng")
        with open(path, "rb") as file:
            self.assertTrue(file.read() == wanted, "resumed download differs")
        self.assertFalse(os.path.exists(f"{path}.part"))

    def test_download_never_keeps_wrong_bytes(self):
        row = self.record()
        path = f"{self.ringbell.folder}/c.pcapng"
        with open(f"{path}.part", "wb") as out:
            out.write(b"not the beginning of that file" * 100)
        done = self.run_anyhow("capture", "download", row["id"], "-w", path)
        if done.returncode == 0:
            self.assert_seamless(path)
        else:
            self.assertFalse(os.path.exists(path), done.stderr)

    def test_standard_output_is_a_capture(self):
        row = self.record()
        path = f"{self.ringbell.folder}/d.pcapng"
        with open(path, "wb") as out:
            subprocess.run([self.tools.ringbell, "capture", "download", row["id"], "-w", "-"],
                           env=self.environment(), stdout=out, stderr=subprocess.PIPE, check=True,
                           timeout=60)
        self.assertEqual(self.assert_seamless(path)["uniq"], row["coverage"]["packets"])

    def test_empty_capture_is_said(self):
        self.run_tool("policy", "enable", "all")
        self.wait_state("on")
        self.run_tool("policy", "automatic", "all")
        self.ringbell.wait_capture(self.policy, "finished")
        self.assertIn("empty", self.run_tool("capture", "download", "latest", status=INCOMPLETE))

    def pushes(self, *options):
        return [row["id"] for row in self.run_json("push", "list", *options)["items"]]

    def test_dead_letters_go_again(self):
        sink = Sink([400])
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("sink", kind="http", url=sink.url)
        self.run_tool("alert", "send", "--level", "critical", "--policy", "p", "--object", "a")
        push = wait_for("a dead letter", self.pushes)[0]
        self.assertIn("400", self.run_tool("push", "list", "--in", "dead"))
        self.assertEqual(self.run_json("push", "replay", push), {"replayed": 1})
        wait_for("the letter's end", lambda: push in self.pushes("--in", "delivered"))
        self.assertEqual(self.run_json("endpoint", "replay", "sink"), {"replayed": 0})
        self.run_tool("push", "replay", push, status=NOT_FOUND)
        self.run_tool("endpoint", "replay", "nobody", status=NOT_FOUND)
        self.assertIn("expected", self.run_tool("push", "list", "--in", "lost", status=FAILED))

    def test_a_silence_of_everything_is_said_so(self):
        for matcher in ([], ["--object", ""], ["--object", "a,,b"]):
            said = self.run_tool("silence", "add", "works", "--for", "1h", *matcher, status=USAGE)
            self.assertTrue(said, matcher)
        self.assertEqual(self.run_json("silence", "list")["items"], [])
        self.run_tool("silence", "add", "works", "--for", "1h", "--policy", "*")
        self.assertEqual(len(self.run_json("silence", "list")["items"]), 1)

    def test_no_daemon(self):
        self.run_tool("--server", "http://127.0.0.1:1", "status", status=UNREACHABLE)


if __name__ == "__main__":
    harness.main()
