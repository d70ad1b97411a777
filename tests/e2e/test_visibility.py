# SPDX-License-Identifier: Apache-2.0
"""What the appliance notices about itself, and what one can find in its log."""

import datetime
import json
import os
import re
import signal
import subprocess
import time

import harness
from network import NIC, wait_for_packets
from senders import Sink
from waiting import wait_for

RATE = 20_000
SMALL = {"memory_bytes": 4 * harness.MIB, "block_bytes": 1 << 18}


class Visibility(harness.Case):
    def problems(self, daemon, kind="ring"):
        return [row["problem"] for row in daemon.status()["problems"] if row["object"] == kind]

    def metric(self, daemon, name):
        text = daemon.api.ask("GET", "/metrics").body.decode()
        return float(re.search(rf"^ringbell_{re.escape(name)} (\S+)$", text, re.M)[1])

    def test_a_dead_ring_is_told_within_five_seconds(self):
        daemon = self.daemon(rings=SMALL)
        sink = Sink()
        self.addCleanup(sink.close)
        daemon.add_endpoint("people", kind="http", url=sink.url, sources=["ringbell"])
        self.traffic(RATE)
        wait_for_packets(RATE)
        self.assertEqual(self.metric(daemon, f'capture_heartbeat{{ring="{NIC}"}}'), 1)
        recorder = daemon.pid_of("recorder")
        os.kill(recorder, signal.SIGSTOP)
        self.addCleanup(os.kill, recorder, signal.SIGCONT)
        start = time.monotonic()
        wait_for("the heartbeat's complaint", lambda: self.problems(daemon), 10)
        self.assertLess(time.monotonic() - start, 8) # 5 s, and what a busy machine adds
        self.assertEqual(self.metric(daemon, f'capture_heartbeat{{ring="{NIC}"}}'), 0)
        self.assertIn(f"{NIC}: the NIC counts packets and the ring does not", daemon.read_log())

        def told():
            alerts = [json.loads(body)["alert"] for body in sink.accepted()]
            return [(alert["policy"]["name"], alert["object"]["name"], alert["status"])
                    for alert in alerts]
        wait_for("people are told", lambda: told() == [("ring_deaf", NIC, "firing")], 20)
        os.kill(recorder, signal.SIGCONT)
        wait_for("it is well again", lambda: not self.problems(daemon))
        self.assertIn(f"{NIC}: the ring gets packets again", daemon.read_log())
        wait_for("people are told of its end", lambda: told()[1:] == [("ring_deaf", NIC, "recovered")],
                 20)

    def test_history_shorter_than_alerts_are_late(self):
        daemon = self.daemon(rings=SMALL)
        self.traffic(RATE)
        wait_for("a ring that is full", lambda: self.metric(
            daemon, f'history_bytes{{ring="{NIC}"}}') > SMALL["memory_bytes"] * 0.9, 20)
        wait_for_packets(RATE)
        began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
        for _ in range(2):
            daemon.send_alert(level="critical", policy="p", object="o", starts_at=began.isoformat())
        found = wait_for("the warning", lambda: self.problems(daemon))
        self.assertRegex(found[0], r'alerts of "native" come up to 5m\d*s? after they began')
        self.assertEqual(self.metric(daemon, f'history_short{{ring="{NIC}"}}'), 1)
        self.assertGreater(self.metric(daemon, 'source_delay_seconds{source="native"}'), 299)
        time_of_two_looks = time.monotonic() + 2.5
        wait_for("two more looks", lambda: time.monotonic() > time_of_two_looks)
        self.assertEqual(daemon.read_log().count("give the ring more memory"), 1, "told once")

    # PEP-07, PEP-19
    def test_one_alerts_life_is_under_its_id(self):
        daemon = self.daemon(rings={"memory_bytes": 32 * harness.MIB})
        policy = daemon.add_policy("all", linger="0s")["id"]
        daemon.add_endpoint("pcap", kind="pcap", policy=policy)
        daemon.add_endpoint("nobody", kind="http", url="http://127.0.0.1:9/")
        self.traffic(RATE)
        wait_for_packets(RATE)
        alert = daemon.send_alert(level="critical", policy="p", object="o")["alerts"][0]["id"]
        daemon.wait_capture(policy, "recording")
        end = daemon.send_alert(level="recovery", policy="p", object="o")["alerts"][0]["id"]
        row = daemon.wait_capture(policy, "finished")
        wait_for("the push's verdict", lambda: f"alert {alert}" in "".join(
            line for line in daemon.read_log().splitlines() if " push: " in line))
        life = [line for line in daemon.read_log().splitlines() if alert in line]
        for pattern in (rf"alert: {alert}: source native, level critical",
                        rf"policy: {policy}: held by alert",
                        rf"capture {row['id']}: start on {NIC}",
                        rf"capture {row['id']}: segment \".*\" sealed, \d+ packets",
                        rf"capture {row['id']}: finished: ",
                        r"push: [0-9a-f-]+: attempt 1: again later"):
            self.assertTrue(any(re.search(pattern, line) for line in life), (pattern, life))
        self.assertTrue(any("released by alert" in line and end in line
                            for line in daemon.read_log().splitlines()))

    # ---- doctor ----

    def doctor(self, daemon, *options, status=0):
        done = subprocess.run([self.tools.ringbell, "doctor", "--json", *options], timeout=60,
                              capture_output=True, text=True,
                              env={**os.environ, "RINGBELL_STATE": daemon.state})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        for row in report["checks"]:
            self.assertEqual(row["advice"] == "", row["level"] == "ok", row)
        return {(row["check"], row["object"]): row for row in report["checks"]}

    def test_doctor(self):
        daemon = self.daemon(rings=SMALL)
        self.traffic(RATE)
        wait_for_packets(RATE)
        found = self.doctor(daemon)
        for check in (("daemon", ""), ("version", ""), ("ready", ""), ("nic", NIC), ("ring", NIC),
                      ("configuration", "content"), ("configuration", "rights"),
                      ("configuration", "age"), ("internal alert", ""), ("clock offset", ""),
                      ("history", NIC), ("settings", ""), ("tls", ""), ("process", "recorder"),
                      ("sandbox", "control"), ("sandbox", "supervisor")):
            self.assertEqual(found[check]["level"], "ok", found[check])
        for check in ("clock", "memory", "disk", "landlock", "space", "retention", "pushes"):
            self.assertIn((check, ""), found)
        self.assertIn(("offloads", NIC), found)
        daemon.kill_child("courier")
        self.network.remove_pair()
        wait_for("the NIC is gone", lambda: daemon.ring()["state"] == "absent")
        found = self.doctor(daemon, status=1)
        self.assertEqual(found["nic", NIC]["level"], "fail")
        self.assertEqual(found["process", "courier"]["level"], "warn")
        daemon.stop()
        found = self.doctor(daemon, status=5)
        self.assertEqual(found["daemon", ""]["level"], "fail")
        self.assertIn(("clock", ""), found)


    def test_doctor_names_what_fails(self):
        daemon = self.daemon(rings=SMALL, storage={"max_bytes": 1 << 50})
        daemon.add_endpoint("nobody", kind="http", url="http://127.0.0.1:9/", attempts_max=1)
        daemon.send_alert(level="critical", policy="p", object="o")
        wait_for("the push is given up", lambda: daemon.status()["outbox"]["dead"])
        wait_for("an internal alert", lambda: daemon.api.call("GET",
            "/api/v1/alerts?open=true&source=ringbell")["items"])
        with open(daemon.config, "a", encoding="utf-8") as file:
            file.write("\nlisten_to: everybody\n")
        os.chmod(daemon.config, 0o666)
        found = self.doctor(daemon, status=1)
        self.assertEqual(found["configuration", "content"]["level"], "fail")
        self.assertIn("listen_to", found["configuration", "content"]["finding"])
        self.assertEqual(found["configuration", "rights"]["level"], "fail")
        self.assertEqual(found["configuration", "age"]["level"], "warn")
        self.assertEqual(found["endpoint", "nobody"]["level"], "warn")
        self.assertEqual(found["internal alert", "endpoint_failing: nobody"]["level"], "fail")
        self.assertEqual(found["retention", ""]["level"], "warn")


if __name__ == "__main__":
    harness.main()
