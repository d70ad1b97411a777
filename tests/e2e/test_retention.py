# SPDX-License-Identifier: Apache-2.0
"""The cleaner: the oldest captures go when the folder is too large; what is pinned stays; a removed
capture says why."""

import os

import harness
from network import wait_for_packets
from waiting import wait_for


class Retention(harness.Case):
    def start(self, **storage):
        self.ringbell = self.daemon(rings={"memory_bytes": 8 * harness.MIB}, storage=storage)
        self.policy = self.ringbell.add_policy("all")["id"]

    def record(self):
        """A finished capture of a few hundred KiB; its id."""
        self.ringbell.switch(self.policy, "enable", lookback="0s")
        wait_for("on", lambda: self.ringbell.policy(self.policy)["state"] == "on")
        traffic = self.traffic(20_000, size=512)
        wait_for_packets(1000)
        traffic.stop()
        self.ringbell.switch(self.policy, "automatic")
        return self.ringbell.wait_capture(self.policy, "finished")["id"]

    def files(self, capture):
        folder = f"{self.ringbell.captures}/{capture}"
        return os.listdir(folder) if os.path.exists(folder) else []

    def status_of(self, method, path, body=None):
        answer = self.ringbell.api.ask(method, f"/api/v1/captures/{path}", body)
        return answer.status, answer.json["code"] if answer.body else None

    def test_the_oldest_goes_and_what_is_pinned_stays(self):
        self.start(max_bytes=1, min_free_bytes=0)
        first = self.record()
        self.assertIn(self.status_of("PUT", f"{first}/pin", {"note": "case 17"})[0], (204,))
        wait_for("removed or pinned", lambda: self.ringbell.capture(first)["retention"]["pinned"]
                 or not self.files(first), 30)
        pinned = self.ringbell.capture(first)["retention"]["removed_at"] is None
        second = self.record()
        wait_for("removed", lambda: not self.files(second), 30)
        retention = self.ringbell.capture(second)["retention"]
        self.assertEqual(retention["removed_because"], "size")
        self.assertEqual(self.status_of("GET", f"{second}/download"), (410, "gone"))
        if pinned:
            self.assertTrue(self.files(first))
            self.assertEqual(self.status_of("DELETE", first), (409, "pinned"))
            self.assertEqual(self.status_of("DELETE", f"{first}/pin"), (204, None))
            wait_for("removed", lambda: not self.files(first), 30)

    def test_a_capture_is_removed_by_hand(self):
        self.start()
        capture = self.record()
        self.assertTrue(self.files(capture))
        self.assertEqual(self.status_of("PUT", f"{capture}/pin", {"until": "2001-01-01T00:00:00Z"}),
                         (422, "invalid_value"))
        self.assertEqual(self.status_of("DELETE", capture), (204, None))
        wait_for("files gone", lambda: not self.files(capture), 10)
        detail = self.ringbell.capture(capture)
        self.assertEqual(detail["retention"]["removed_because"], "operator")
        self.assertIn("files removed: operator", [note["text"] for note in detail["timeline"]])
        self.assertEqual(self.status_of("GET", f"{capture}/download"), (410, "gone"))
        self.ringbell.switch(self.policy, "enable")
        running = self.ringbell.captures_of(self.policy)[0]["id"]
        self.assertEqual(self.status_of("DELETE", running), (409, "capture_running"))


if __name__ == "__main__":
    harness.main()
