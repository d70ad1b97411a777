# SPDX-License-Identifier: Apache-2.0
"""/metrics: strict text format 0.0.4, and figures that are those of the status; the served contract."""

import hashlib
import json
import re
import subprocess

import contract
from build import ROOT
import harness
from network import NIC, wait_for_packets
from senders import Sink
from waiting import wait_for

RATE = 20_000
RULES = f"{ROOT}/docs/prometheus/ringbell.rules.yml"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?[0-9]+(?:\.[0-9]+)?)")
SUFFIXES = ("_bucket", "_sum", "_count")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')


def check_histogram(series):
    """Buckets only grow, and the last one is the count."""
    plain = lambda key: frozenset(pair for pair in key if pair[0] not in ("", "le"))
    for labels in {plain(key) for key in series}:
        own = {key: value for key, value in series.items() if plain(key) == labels}
        buckets = sorted((float(dict(key)["le"]), value) for key, value in own.items()
                         if dict(key)[""] == "_bucket")
        values = [value for _, value in buckets]
        assert values == sorted(values) and buckets[-1][0] == float("inf"), own
        assert values[-1] == own[labels | {("", "_count")}], own
        assert (values[-1] > 0) == (own[labels | {("", "_sum")}] > 0), own


def parse(text):
    """{name: {frozenset of labels: value}}; complains about what a strict reader would not take."""
    assert text.endswith("\n") and "\n\n" not in text and "\r" not in text
    families, samples, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, help_text = line.split(" ", 3)
            assert help_text and current not in families, line
            assert re.fullmatch(NAME, current), line
            families[current] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and families[name] is None, line
            assert kind in ("counter", "gauge", "histogram"), line
            assert (kind == "counter") == name.endswith("_total"), line
            families[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match and families[current], line
            suffix = match.group(1).removeprefix(current)
            assert suffix in (SUFFIXES if families[current] == "histogram" else ("",)), line
            labels = match.group(2) or ""
            found = LABEL.findall(labels)
            assert ",".join(f'{key}="{value}"' for key, value in found) == labels, line
            key = frozenset(found + ([("", suffix)] if suffix else []))
            assert key not in samples.setdefault(current, {}), line
            samples[current][key] = float(match.group(3))
            assert families[current] == "gauge" or samples[current][key] >= 0, line
    for name, kind in families.items():
        if kind == "histogram":
            check_histogram(samples[name])
    assert all(families.values()) and set(samples) == set(families), set(families) ^ set(samples)
    return samples


class Metrics(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * harness.MIB,
                                           "block_bytes": 1 << 18})

    def scrape(self):
        answer = self.ringbell.api.ask("GET", "/metrics")
        self.assertEqual(answer.status, 200, answer)
        return parse(answer.body.decode())

    def value(self, samples, name, **labels):
        return samples[f"ringbell_{name}"][frozenset(labels.items())]

    def test_rings_and_processes(self):
        before = self.scrape()
        self.assertEqual(list(before["ringbell_build_info"].values()), [1])
        self.traffic(RATE)
        wait_for_packets(RATE)
        wait_for("packets counted", lambda: self.ringbell.ring()["packets"] >= RATE // 2)
        low, samples, high = self.ringbell.ring(), self.scrape(), self.ringbell.ring()
        for name, key in (("capture_packets_total", "packets"), ("capture_bytes_total", "bytes"),
                          ("capture_nic_packets_total", "nic_packets")):
            value = self.value(samples, name, ring=NIC)
            self.assertTrue(low[key] <= value <= high[key], (name, low[key], value, high[key]))
        self.assertEqual(self.value(samples, "capture_link_up", ring=NIC), 1)
        self.assertEqual(self.value(samples, "history_capacity_bytes", ring=NIC), low["ring_bytes"])
        self.assertGreater(self.value(samples, "history_bytes", ring=NIC), 0)
        self.assertGreater(self.value(samples, "history_window_seconds", ring=NIC), 0)
        self.assertGreater(self.value(samples, "newest_packet_timestamp_seconds", ring=NIC),
                           1_700_000_000)
        for reason in ("kernel", "nic", "history", "disk"):
            self.assertEqual(self.value(samples, "capture_dropped_packets_total", ring=NIC,
                                        reason=reason), 0)
        for name, series in before.items():
            self.assertLessEqual(set(series), set(samples[name]), name)
            if name.endswith("_total"):
                self.assertTrue(all(samples[name][key] >= series[key] for key in series), name)
        self.ringbell.kill_child("courier")
        samples = self.scrape()
        self.assertEqual(self.value(samples, "process_restarts_total", role="courier"), 1)
        self.assertEqual(self.value(samples, "process_up", role="courier"), 1)

    def test_alerts_captures_and_dispatch(self):
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        self.ringbell.add_endpoint("nobody listens", kind="http", url="http://127.0.0.1:9/")
        self.ringbell.send_alert(level="critical", policy="p", object="o", id="1")
        self.ringbell.send_alert(level="critical", policy="p", object="o", id="1")
        token = self.ringbell.tokens["sources"]["native"]
        ask = self.ringbell.api.ask
        self.assertEqual(ask("POST", f"/in/native/{token}", {"level": "?"}).status, 422)
        self.assertEqual(ask("POST", "/in/native/wrong", {}).status, 401)
        self.assertEqual(ask("POST", "/in/nobody/wrong", {}).status, 401)
        samples = self.scrape()
        for result, count in (("accepted", 1), ("duplicate", 1), ("invalid", 1),
                              ("unauthorized", 1), ("failed", 0)):
            self.assertEqual(self.value(samples, "alerts_received_total", source="native",
                                        result=result), count, result)
        self.assertEqual(self.value(samples, "alerts_received_total", source="",
                                    result="unauthorized"), 1)
        self.assertEqual(sum(samples["ringbell_captures"].values()), 1)
        endpoint = {"endpoint": "nobody listens", "kind": "http"}
        self.assertEqual(self.value(samples, "dispatch_queue_length", **endpoint), 1)
        self.assertGreater(self.value(samples, "dispatch_oldest_age_seconds", **endpoint), 0)
        self.assertEqual(self.value(samples, "dispatch_last_success_timestamp_seconds",
                                    **endpoint), 0)
        self.assertEqual(self.value(samples, "dispatch_deliveries_total", result="delivered",
                                    **endpoint), 0)
        self.assertEqual(self.value(samples, "dispatch_kept", result="delivered", **endpoint), 0)
        self.assertEqual(self.value(samples, "http_requests_total", route="/in/{}/{}",
                                    method="POST", code="4xx"), 3)
        self.assertEqual(samples["ringbell_http_request_duration_seconds"][
            frozenset({("kind", "intake"), ("", "_count")})], 5)
        storage = self.ringbell.status()["storage"]
        self.assertEqual(self.value(samples, "storage_capacity_bytes"), storage["total_bytes"])

    def test_deliveries_are_counted_once_each(self):
        sink = Sink([400])
        self.addCleanup(sink.close)
        self.ringbell.add_endpoint("sink", kind="http", url=sink.url, levels=["critical"])
        push = {"endpoint": "sink", "kind": "http"}
        def counts(name):
            samples = self.scrape()
            return [self.value(samples, name, result=result, **push)
                    for result in ("delivered", "dead", "suppressed")]
        self.ringbell.send_alert(level="critical", policy="p", object="o")
        wait_for("a dead push", lambda: counts("dispatch_kept")[1] == 1)
        before = counts("dispatch_deliveries_total")
        self.assertEqual(before[:2], [0, 1])
        # given up, then delivered: two ends of one push
        self.ringbell.api.call("POST", "/api/v1/endpoints/sink/replay", {})
        wait_for("a delivered push", lambda: counts("dispatch_kept")[:2] == [1, 0])
        self.assertEqual(counts("dispatch_deliveries_total")[:2], [1, 1])
        self.ringbell.send_alert(level="error", policy="p", object="other")
        wait_for("a suppressed push",
                 lambda: counts("dispatch_deliveries_total")[2] > before[2])

    def test_finished_removed_and_written(self):
        policy = self.ringbell.add_policy("all")["id"]
        self.ringbell.add_endpoint("all", kind="pcap", policy=policy)
        self.traffic(RATE)
        wait_for_packets(RATE)
        self.ringbell.send_alert(level="critical", policy="p", object="o")
        wait_for("packets", lambda: any(row["coverage"]["packets"]
                                        for row in self.ringbell.captures_of(policy)))
        self.ringbell.send_alert(level="recovery", policy="p", object="o")
        finished = lambda: self.scrape()["ringbell_captures_finished_total"]
        wait_for("a finished capture", lambda: sum(finished().values()) == 1)
        self.assertEqual(finished()[frozenset({("completeness", "empty")})], 0)
        samples = self.scrape()
        self.assertGreater(samples["ringbell_storage_write_seconds"][
            frozenset({("", "_count")})], 0)
        self.assertEqual(sum(samples["ringbell_storage_evicted_captures_total"].values()), 0)

    def test_processes_are_weighed(self):
        roles = ("supervisor", "recorder", "control", "courier")
        wait_for("every process weighed", lambda: all(
            self.value(self.scrape(), "process_resident_memory_bytes", role=role)
            for role in roles))
        samples = self.scrape()
        for role in roles:
            self.assertGreater(self.value(samples, "process_open_fds", role=role), 3, role)
            self.assertGreater(self.value(samples, "process_start_time_seconds", role=role),
                               1_700_000_000)
            self.value(samples, "process_cpu_seconds_total", role=role)

    def test_judged_by_prometheus(self):
        """promtool reads the page and the rules; each metric that a rule names is on the page."""
        page = self.ringbell.api.ask("GET", "/metrics").body
        judged = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
        self.assertEqual((judged.returncode, judged.stdout, judged.stderr), (0, b"", b""))
        judged = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True)
        self.assertEqual(judged.returncode, 0, judged)
        with open(RULES) as file:
            named = set(re.findall(r"ringbell_[a-z_]+", file.read()))
        known = parse(page.decode())
        known = set(known) | {name + "_bucket" for name in known}
        self.assertGreater(len(named), 5)
        self.assertLessEqual(named, known)

    def test_open_metrics(self):
        answer = self.ringbell.api.ask("GET", "/metrics", headers={
            "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"})
        self.assertEqual(answer.headers["content-type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        text = answer.body.decode()
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertNotRegex(text, r"# (TYPE|HELP) [a-z_]+_total ")
        self.assertIn("\n# TYPE ringbell_capture_packets counter\n", text)
        self.assertIn(f'\nringbell_capture_packets_total{{ring="{NIC}"}} ', text)

    def test_contract_is_served(self):
        answer = self.ringbell.api.ask("GET", "/api/v1/openapi.json")
        with open(contract.PATH, "rb") as file:
            self.assertEqual(answer.body, file.read())
        self.assertEqual(answer.headers["etag"], f'"{hashlib.sha256(answer.body).hexdigest()}"')
        self.assertEqual(json.loads(answer.body)["info"]["version"],
                         self.ringbell.status()["version"])
        again = self.ringbell.api.ask("GET", "/api/v1/openapi.json",
                                      headers={"If-None-Match": answer.headers["etag"]})
        self.assertEqual((again.status, again.body), (304, b""))


if __name__ == "__main__":
    harness.main()
