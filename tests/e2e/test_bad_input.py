# SPDX-License-Identifier: Apache-2.0
"""Bad input and bad luck: each has a problem that names its cause, or a visible error state."""

import concurrent.futures
import json
import os
import subprocess
import tempfile
import time
import uuid

import harness
import packets
from network import wait_for_packets
from senders import Sink
from waiting import wait_for

RATE = 50_000
RINGS = {"memory_bytes": 32 * harness.MIB, "block_bytes": 1 << 18}


class BadRequests(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings=RINGS)
        self.native = f"/in/native/{self.ringbell.tokens['sources']['native']}"

    def refused(self, status, method, path, body=None, **more):
        """The problem of an answer that must have that status."""
        answer = self.ringbell.api.ask(method, path, body, **more)
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/problem+json", answer)
        self.assertIn("code", answer.json)
        return answer.json

    def test_alert_bodies(self):
        for body, status in ((b"{", 400), (b"[" * 10_000, 400), (b"\xff\xfe{}", 400),
                             (b'{"level": "critical"', 400), (b"", 400)):
            self.refused(status, "POST", self.native, body)
        self.refused(413, "POST", self.native, b" " * (8 << 20))
        self.assertEqual(self.ringbell.api.ask("GET", "/livez").status, 200)

    # ALR-01
    def test_unknown_level_names_field_and_value(self):
        problem = self.refused(422, "POST", self.native,
                               {"level": "catastrophic", "policy": "p", "object": "o"})
        text = str(problem)
        for word in ("level", "catastrophic", "critical"):
            self.assertIn(word, text)

    def test_wrong_tokens(self):
        alert = {"level": "critical", "policy": "p", "object": "o"}
        self.refused(401, "POST", "/in/native/wrong", alert)
        self.refused(401, "POST", "/in/nobody/wrong", alert)
        self.refused(401, "GET", "/api/v1/status", headers={"Authorization": "Bearer wrong"})
        self.refused(401, "GET", "/api/v1/status", headers={"Authorization": ""})
        token = self.ringbell.tokens["sources"]["native"]
        self.refused(401, "GET", "/api/v1/status", headers={"Authorization": f"Bearer {token}"})

    def test_unknown_things(self):
        unknown = uuid.uuid4()
        for method, path in (("GET", f"/api/v1/policies/{unknown}"),
                             ("POST", f"/api/v1/policies/{unknown}/enable"),
                             ("GET", f"/api/v1/captures/{unknown}"),
                             ("GET", f"/api/v1/captures/{unknown}/download"),
                             ("GET", "/api/v1/nothing"), ("GET", "/../../etc/passwd")):
            self.refused(404, method, path)
        self.refused(405, "DELETE", "/api/v1/status")
        problem = self.refused(422, "POST", "/api/v1/endpoints",
                               {"name": "e", "kind": "pcap", "policy": str(unknown)})
        self.assertIn("policy", str(problem))

    # POL-18
    def test_bad_filter_has_message_and_position(self):
        problem = self.refused(422, "POST", "/api/v1/policies",
                               {"name": "p", "filter": "udp and prot 53"})
        self.assertEqual(problem["code"], "invalid_filter")
        self.assertEqual(problem["errors"][0]["pointer"], "/filter")
        self.assertEqual(problem["position"], len("udp and "), problem)
        self.assertIn("syntax error", problem["detail"])

    def test_deep_filter_is_refused_in_time(self):
        text = "not (" * 190 + "udp" + ")" * 190
        answer = self.ringbell.api.ask("POST", "/api/v1/policies", {"name": "p", "filter": text})
        self.assertIn(answer.status, (201, 422), answer)
        self.refused(422, "POST", "/api/v1/policies",
                     {"name": "q", "filter": "host does.not.resolve.invalid"})

    def test_unknown_member_and_wrong_type(self):
        for body in ({"name": "p", "colour": "red"}, {"name": 7}, {"name": ""},
                     {"name": "p", "margin": "soon"}, {"name": "p", "rotate_bytes": -1}):
            self.refused(422, "POST", "/api/v1/policies", body)

    def test_many_filters_at_once_are_all_compiled(self):
        """None is refused for want of a worker: those that answered may still be exiting."""
        def check(port):
            body = {"filter": f"tcp port {port}"}
            return self.ringbell.api.ask("POST", "/api/v1/filters/check", body).status
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.assertEqual(set(pool.map(check, range(1, 257))), {200})


class BadLuck(harness.Case):
    def begin(self, daemon, **members):
        policy = daemon.add_policy("all", **members)["id"]
        daemon.switch(policy, "enable")
        return policy

    def wait_state(self, daemon, policy, state, limit=20):
        def reached():
            row = daemon.policy(policy)
            assert row["state"] == state, row
            return row
        return wait_for(f"policy {state}", reached, limit)

    # POL-02, POL-16
    def test_policy_on_a_nic_that_does_not_exist(self):
        ringbell = self.daemon(rings=RINGS)
        policy = self.begin(ringbell, nics=["nosuch0"])
        row = self.wait_state(ringbell, policy, "abnormal")
        self.assertIn("nosuch0", row["reason"])

    def test_daemon_on_a_nic_that_does_not_exist_yet(self):
        ringbell = self.daemon(rings=RINGS, nics=["cap0", "later0"])
        self.assertEqual(ringbell.ring("later0")["state"], "absent")
        self.assertEqual(ringbell.ring("cap0")["state"], "up")

    def test_nic_goes_down_and_comes_back_while_capturing(self):
        ringbell = self.daemon(rings=RINGS)
        self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(RATE // 2)
        self.network.set_link("down")
        wait_for("seen down", lambda: ringbell.ring()["state"] == "down")
        time.sleep(0.5) # wait: so long is the outage
        self.network.set_link("up")
        wait_for("seen up", lambda: ringbell.ring()["state"] == "up")
        wait_for_packets(RATE // 2)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        facts = self.verify(ringbell.download(row["id"]))
        self.assertEqual((facts["dup"], facts["truncated"]), (0, 0))
        self.assertGreater(facts["uniq"], RATE // 2)
        self.assertIn("nic_down", [gap["cause"] for gap in row["gaps"]])

    def test_capture_ends_while_the_nic_is_down(self):
        ringbell = self.daemon(rings=RINGS)
        self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(RATE // 2)
        self.network.set_link("down")
        wait_for("seen down", lambda: ringbell.ring()["state"] == "down")
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        self.assertIn("nic_down", [gap["cause"] for gap in row["gaps"]])
        self.assertEqual(row["coverage"]["completeness"], "partial", row)

    def test_nic_is_renamed_and_its_mtu_changed_while_capturing(self):
        """It is the same NIC: no gap, and the ring keeps its configured name."""
        ringbell = self.daemon(rings=RINGS)
        self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(RATE // 2)
        packets = ringbell.ring()["packets"]
        self.network.change_nic("name", "cap9")
        self.network.change_nic("mtu", "1500", nic="cap9")
        wait_for("name followed", lambda: 'called "cap9" now' in ringbell.read_log())
        wait_for("packets after it", lambda: ringbell.ring()["packets"] > packets + RATE, 30)
        self.assertEqual(ringbell.ring()["state"], "up")
        self.network.change_nic("name", "cap0", nic="cap9")
        wait_for("name followed", lambda: 'called "cap0" now' in ringbell.read_log())
        wait_for_packets(RATE // 2)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        self.assertNotIn("nic_down", [gap["cause"] for gap in row["gaps"]], row)
        self.assert_seamless(ringbell.download(row["id"]))

    def test_nic_is_deleted_and_made_again_while_capturing(self):
        ringbell = self.daemon(rings=RINGS)
        traffic = self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(RATE // 2)
        traffic.stop()
        self.network.remove_pair()
        wait_for("seen absent", lambda: ringbell.ring()["state"] == "absent")
        self.network.make_pair()
        wait_for("seen up", lambda: ringbell.ring()["state"] == "up", 20)
        self.wait_state(ringbell, policy, "on")
        self.traffic(RATE, first=100 * RATE)
        wait_for_packets(RATE // 2)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        facts = self.verify(ringbell.download(row["id"]))
        self.assertLess(facts["first"], 100 * RATE, "before")
        self.assertGreaterEqual(facts["max"], 100 * RATE, "after")
        self.assertEqual(facts["dup"], 0, facts)

    def small_disk(self, size):
        folder = tempfile.mkdtemp(prefix="ringbell-e2e-disk-", dir="/tmp")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", folder],
                       check=True)
        self.addCleanup(os.rmdir, folder)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    def told(self, sink):
        """What was pushed of the policy's trouble: level and code."""
        alerts = [json.loads(body)["alert"] for body in sink.accepted()]
        return [(alert["level"], alert["text"].partition(":")[0])
                for alert in alerts if alert["policy"]["name"] == "policy_abnormal"]

    def test_full_captures_folder(self):
        disk = self.small_disk(28 * harness.MIB)
        ringbell = self.daemon(rings=RINGS, storage={"min_free_bytes": 4 * harness.MIB},
                               captures=f"{disk}/captures")
        ballast = f"{disk}/ballast"
        with open(ballast, "wb") as out:
            out.write(bytes(20 * harness.MIB))
        sink = Sink()
        self.addCleanup(sink.close)
        ringbell.add_endpoint("people", kind="http", url=sink.url, sources=["ringbell"])
        self.traffic(5000) # 1.5 MB/s: 4 MiB are soon full, 24 MiB not
        policy = self.begin(ringbell, rotate_bytes=2 * harness.MIB)
        row = self.wait_state(ringbell, policy, "abnormal")
        self.assertIn("disk_full", row["reason"])
        wait_for("people are told", lambda: self.told(sink) == [("error", "disk_full")], 20)
        self.assertEqual(ringbell.api.ask("GET", "/livez").status, 200)
        os.unlink(ballast)
        self.wait_state(ringbell, policy, "on", 40)
        wait_for("and of its end", lambda: len(self.told(sink)) == 2, 20)
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        self.assertEqual(row["coverage"]["completeness"], "partial", row)
        self.assertIn(row["coverage"]["code"], ("disk_full", "dropped_disk"))
        facts = self.verify(ringbell.download(row["id"]))
        self.assertEqual(facts["dup"], 0, facts)
        holes = [gap for gap in row["gaps"] if gap["cause"] == "disk" and gap["unknown"]]
        self.assertTrue(holes or not facts["span_lost"], row["gaps"])

    def test_torn_segment_at_start(self):
        ringbell = self.daemon(rings=RINGS)
        self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(2 * RATE)
        row = ringbell.captures_of(policy)[0]
        folder = f"{ringbell.captures}/{row['id']}"
        ringbell.kill()
        hidden = [name for name in os.listdir(folder) if name.startswith(".")]
        self.assertEqual(len(hidden), 1, os.listdir(folder))
        with open(f"{folder}/{hidden[0]}", "ab") as segment:
            segment.write(b"\x06\0\0\0\x80\0\0\0garbage after a power cut")
        ringbell.start()
        self.assertIn(hidden[0][1:], os.listdir(folder))
        self.wait_state(ringbell, policy, "on")
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        path = ringbell.download(row["id"])
        packets.open_in_tools(path)
        facts = self.verify(path)
        self.assertEqual((facts["dup"], facts["bad"]), (0, 0), facts)
        self.assertGreater(facts["uniq"], RATE // 2)

    def test_policy_deleted_while_capturing(self):
        ringbell = self.daemon(rings=RINGS)
        self.traffic(RATE)
        policy = self.begin(ringbell)
        self.wait_state(ringbell, policy, "on")
        wait_for_packets(RATE // 2)
        capture = ringbell.captures_of(policy)[0]["id"]
        answer = ringbell.api.ask("DELETE", f"/api/v1/policies/{policy}")
        self.assertEqual(answer.status, 409, answer)
        ringbell.api.call("DELETE", f"/api/v1/policies/{policy}?force=true")
        def finished():
            row = ringbell.capture(capture)
            return row["state"] == "finished" and row
        row = wait_for("finished", finished)
        self.assertIn("policy_deleted", row["stop_reason"])
        self.assert_seamless(ringbell.download(capture))

    def test_empty_capture_says_why(self):
        ringbell = self.daemon(rings=RINGS)
        policy = self.begin(ringbell, filter="host 192.0.2.77")
        self.wait_state(ringbell, policy, "on")
        ringbell.switch(policy, "automatic")
        row = ringbell.wait_capture(policy, "finished")
        self.assertEqual(row["coverage"]["completeness"], "empty", row)
        answer = ringbell.api.ask("GET", f"/api/v1/captures/{row['id']}/download")
        self.assertEqual(answer.status, 409, answer)
        self.assertIn(row["coverage"]["code"], str(answer.json))


if __name__ == "__main__":
    harness.main()
