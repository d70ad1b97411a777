# SPDX-License-Identifier: Apache-2.0
"""History on demand: the last seconds and the next, without an alert."""

import json
import os
import subprocess
import urllib.parse

import harness
import packets
from network import wait_for_packets
from waiting import wait_for

RATE = 20_000
FLOWS = 16
CAPTURES = "/api/v1/captures"


class Demand(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 64 * harness.MIB})

    def finished(self, identity):
        return wait_for("its end", lambda: self.row_if_finished(identity), 60)

    def row_if_finished(self, identity):
        row = self.ringbell.capture(identity)
        return row if row["state"] == "finished" else None

    def policies(self):
        return [row["name"] for row in self.ringbell.api.call("GET", "/api/v1/policies")["items"]]

    def run_plain(self, *arguments):
        done = subprocess.run([self.tools.ringbell, *arguments], timeout=60, capture_output=True,
                              text=True, env={**os.environ, "RINGBELL_STATE": self.ringbell.state})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def run_tool(self, *arguments):
        return json.loads(self.run_plain(*arguments, "--json"))

    def test_past_and_future_in_one_seamless_file(self):
        before = self.policies()
        traffic = self.traffic(RATE, size=256, flows=FLOWS)
        wait_for_packets(2 * RATE)
        row = self.run_tool("capture", "--last", "1s", "--next", "1s", "--nic", "cap0", "--filter",
                            "udp src portrange 1024-1027", "--reason", "ticket 4711")
        row = self.finished(row["id"])
        self.assertTrue(traffic.alive())
        traffic.stop()
        path = self.ringbell.download(row["id"])
        times = packets.open_in_tools(path)
        facts = self.assert_seamless(path, flows=FLOWS, ports="1024-1027")
        self.assertEqual(facts["uniq"], row["coverage"]["packets"])
        self.assertGreater(times["last"] - times["first"], 1.5)
        self.assertTrue(any("ticket 4711" in note["text"] for note in row["timeline"]), row)
        self.assertEqual(self.policies(), before)

    def test_the_past_alone(self):
        traffic = self.traffic(RATE, size=256, flows=FLOWS)
        wait_for_packets(2 * RATE)
        row = self.ringbell.api.call("POST", CAPTURES, {"last": "1s", "reason": "what was that?"})
        row = self.finished(row["id"])
        traffic.stop()
        self.assert_seamless(self.ringbell.download(row["id"]), flows=FLOWS)
        self.assertGreater(row["coverage"]["packets"], RATE // 2)

    def test_a_restart_in_between_is_survived(self):
        row = self.ringbell.api.call("POST", CAPTURES, {"next": "15s", "reason": "across a crash"})
        wait_for("begun", lambda: self.ringbell.capture(row["id"])["state"] in ("starting", "recording"), 20)
        self.assertNotEqual(self.ringbell.capture(row["id"])["state"], "finished")
        self.ringbell.kill()
        self.ringbell.start()
        row = self.finished(row["id"])
        self.assertFalse([name for name in self.policies() if name.startswith("on-demand-")])

    def test_the_ring_is_asked_without_a_capture(self):
        traffic = self.traffic(RATE, size=256, flows=FLOWS, seconds=300)
        policy = self.ringbell.add_policy("beside", filter="udp")["id"]
        self.ringbell.switch(policy, "enable")
        wait_for_packets(2 * RATE)
        file = f"{self.ringbell.folder}/ring.pcapng"
        self.run_plain("ring", "--last", "60s", "--filter", "udp src portrange 1024-1027", "-w", file)
        facts = self.assert_seamless(file, flows=FLOWS, ports="1024-1027")
        self.assertGreater(facts["uniq"], RATE // 4)
        packets.open_in_tools(file)
        for answer in (self.search(last="60s", host="192.0.2.1"), self.search(to="2001-01-01T00:00:00Z")):
            self.assertEqual((answer.status, answer.json["code"]), (409, "nothing_matched"))
        for query in ({"last": "soon"}, {"last": "1s", "from": "2026-01-01T00:00:00Z"}, {"nic": "eth77"}):
            self.assertEqual(self.search(**query).status, 400)
        whole = self.search(last="60s")
        self.assertGreater(len(whole.body), 9 << 20)  # more than one memory file
        self.assertTrue(traffic.alive())
        traffic.stop()
        self.ringbell.switch(policy, "automatic")
        row = self.ringbell.wait_capture(policy, "finished")
        self.assert_seamless(self.ringbell.download(row["id"]), flows=FLOWS)

    def search(self, **query):
        return self.ringbell.api.ask("GET", f"/api/v1/ring/packets?{urllib.parse.urlencode(query)}")

    def test_refusals_name_the_field(self):
        for body, pointer in (({"last": "1m"}, "/reason"), ({"reason": "x"}, "/last"),
                              ({"last": "2d", "reason": "x"}, "/last"),
                              ({"last": "1m", "reason": "x", "nics": ["eth77"]}, "/nics"),
                              ({"last": "1m", "reason": "x", "filter": "tcp port"}, "/filter"),
                              ({"last": "1m", "reason": "x", "margin": "1m"}, "/margin")):
            answer = self.ringbell.api.ask("POST", CAPTURES, body)
            self.assertEqual(answer.status, 422, answer)
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer, answer)
        self.assertFalse(self.ringbell.api.call("GET", CAPTURES)["items"])


if __name__ == "__main__":
    harness.main()
