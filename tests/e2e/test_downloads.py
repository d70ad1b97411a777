# SPDX-License-Identifier: Apache-2.0
"""Downloads as HTTP has them (ranges, conditions, what is gone), by signed links, at limited rates, and what
the audit tells of them."""

import hashlib
import os
import socket
import subprocess
import time
import urllib.parse

import harness
from daemon import ADDRESS, Api, Refused
from network import wait_for_packets
from slow import memory_of
from waiting import wait_for

MIB = harness.MIB
READERS = 48


class Downloads(harness.Case):
    def start(self, **sections):
        self.ringbell = self.daemon(rings={"memory_bytes": 32 * MIB}, sections=sections)

    def record(self, count=3000):
        """A finished capture of several segments, all hashed."""
        policy = self.ringbell.add_policy("all", rotate_bytes=MIB)["id"]
        self.ringbell.switch(policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on", 20)
        traffic = self.traffic(20_000, size=1000)
        wait_for_packets(count)
        traffic.stop()
        self.ringbell.switch(policy, "automatic")
        row = self.ringbell.wait_capture(policy, "finished", 30)

        def hashed():
            found = self.ringbell.capture(row["id"])
            return found if all(segment["sha256"] for segment in found["segments"]) else None
        return wait_for("all segments hashed", hashed, 30)

    def whole(self, path):
        """Content and entity tag."""
        answer = self.ringbell.api.ask("GET", path)
        self.assertEqual(answer.status, 200)
        return answer.body, answer.headers["etag"]

    def audit(self, **query):
        return self.ringbell.api.call("GET", "/api/v1/downloads?" + urllib.parse.urlencode(query))["items"]

    def ended(self, outcome, count=1):
        """The newest row of the audit once its outcome is that."""
        def found():
            rows = [row for row in self.audit() if row["outcome"] == outcome]
            return rows if len(rows) >= count else None
        return wait_for(f"audit: {outcome}", found, 20)[0]

    # --- ranges and conditions ---

    def test_the_table_of_ranges_and_conditions(self):
        self.start()
        row = self.record()
        segment = row["segments"][0]
        for path in (f"/api/v1/captures/{row['id']}/download",
                     f"/api/v1/captures/{row['id']}/segments/{segment['name']}/download"):
            body, etag = self.whole(path)
            self.check_ranges(path, body, etag)
            self.check_conditions(path, body, etag)
        self.assertEqual(etag, f'"{segment["sha256"]}"')
        first = row["segments"][0]["file_bytes"]
        body, _ = self.whole(f"/api/v1/captures/{row['id']}/download")
        across = self.ringbell.api.ask("GET", f"/api/v1/captures/{row['id']}/download",
                                       headers={"Range": f"bytes={first - 10}-{first + 9}"})
        self.assertEqual(across.body, body[first - 10:first + 10])

    def check_ranges(self, path, body, etag):
        size = len(body)
        table = [ # Range, status, from, to (exclusive)
            ("bytes=0-0", 206, 0, 1), ("bytes=0-", 206, 0, size), (f"bytes={size - 1}-", 206, size - 1, size),
            ("bytes=-1", 206, size - 1, size), (f"bytes=-{size * 2}", 206, 0, size),
            (f"bytes=100-{size * 2}", 206, 100, size), ("bytes=5-99", 206, 5, 100),
            (f"bytes={size}-", 416, 0, 0), (f"bytes={10 ** 30}-", 416, 0, 0), ("bytes=-0", 416, 0, 0),
            ("bytes=9-8", 200, 0, size), ("bytes=a-b", 200, 0, size), ("bytes=", 200, 0, size),
            ("bytes=0-1,4-5", 200, 0, size), ("lines=0-1", 200, 0, size), ("bytes=--1", 200, 0, size),
            ("bytes=0x1-2", 200, 0, size), ("bytes=1-2-3", 200, 0, size)]
        for text, status, first, end in table:
            with self.subTest(path=path, range=text):
                answer = self.ringbell.api.ask("GET", path, headers={"Range": text})
                self.assertEqual(answer.status, status)
                if status == 416:
                    self.assertEqual(answer.headers["content-range"], f"bytes */{size}")
                    self.assertEqual(answer.json["code"], "range_not_satisfiable")
                    continue
                self.assertEqual(answer.body, body[first:end])
                self.assertEqual(answer.headers["etag"], etag)
                self.assertEqual(answer.headers["accept-ranges"], "bytes")
                if status == 206:
                    self.assertEqual(answer.headers["content-range"], f"bytes {first}-{end - 1}/{size}")

    def check_conditions(self, path, body, etag):
        table = [ # method, headers, status
            ("GET", {"Range": "bytes=1-2", "If-Range": etag}, 206),
            ("GET", {"Range": "bytes=1-2", "If-Range": '"other"'}, 200),
            ("GET", {"Range": "bytes=1-2", "If-Range": f"W/{etag}"}, 200),
            ("GET", {"Range": "bytes=1-2", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"}, 200),
            ("GET", {"If-None-Match": etag}, 304), ("GET", {"If-None-Match": f'"x", {etag}'}, 304),
            ("GET", {"If-None-Match": '"x"'}, 200), ("HEAD", {}, 200), ("HEAD", {"If-None-Match": etag}, 304),
            ("HEAD", {"Range": "bytes=1-2"}, 200)]
        for method, headers, status in table:
            with self.subTest(path=path, method=method, headers=headers):
                answer = self.ringbell.api.ask(method, path, headers=headers)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["etag"], etag)
                if status == 304 or method == "HEAD":
                    self.assertEqual(answer.body, b"")
                else:
                    self.assertEqual(answer.body, body[1:3] if status == 206 else body)
                if method == "HEAD" and status == 200:
                    self.assertEqual(answer.headers["content-length"], str(len(body)))

    def test_what_is_not_there_says_why(self):
        self.start()
        row = self.record()
        path = f"/api/v1/captures/{row['id']}"
        name = row["segments"][1]["name"]
        os.remove(f"{self.ringbell.captures}/{row['id']}/{name}")
        gone = self.ringbell.api.ask("GET", f"{path}/segments/{name}/download")
        self.assertEqual((gone.status, gone.json["code"]), (410, "gone"))
        self.ringbell.api.call("DELETE", path)
        wait_for("removed", lambda: self.ringbell.api.ask("GET", f"{path}/download").status == 410, 20)
        self.assertEqual(self.ringbell.api.ask("HEAD", f"{path}/download").status, 410)
        policy = self.ringbell.add_policy("nothing", filter="host 192.0.2.1")["id"]
        self.ringbell.switch(policy, "enable")
        wait_for("on", lambda: self.ringbell.policy(policy)["state"] == "on", 20)
        self.ringbell.switch(policy, "automatic")
        empty = self.ringbell.wait_capture(policy, "finished", 30)
        answer = self.ringbell.api.ask("GET", f"/api/v1/captures/{empty['id']}/download",
                                       headers={"Range": "bytes=0-1"})
        self.assertEqual((answer.status, answer.json["code"]), (409, "nothing_matched"))

    # --- links ---

    def link(self, path, **more):
        return self.ringbell.api.call("POST", "/api/v1/links", {"path": path, **more})

    def test_a_link_opens_one_download_for_a_time(self):
        self.start()
        row = self.record()
        capture = f"/api/v1/captures/{row['id']}"
        nobody = Api()
        for path in (f"{capture}/download", f"{capture}/packets?port=1024&format=pcap",
                     f"/api/v1/packets?capture={row['id']}", f"{capture}/manifest"):
            made = self.link(path, **{"for": "10m"})
            self.assertTrue(made["url"].endswith(made["path"]))
            answer = nobody.ask("GET", made["path"])
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.body, self.ringbell.api.ask("GET", path).body)
            self.assertEqual(nobody.ask("GET", path).status, 401)
            self.assertEqual(nobody.ask("GET", made["path"].replace("expires=1", "expires=2")).status, 401)
            self.assertEqual(nobody.ask("GET", made["path"][:-1] + "x").status, 401)
            self.assertEqual(nobody.ask("GET", made["path"] + "&slice=whole").status, 401)
        made = self.link(f"{capture}/download")["path"]
        self.assertEqual(nobody.ask("HEAD", made).status, 200)
        self.assertEqual(nobody.ask("GET", made, headers={"Range": "bytes=0-9"}).status, 206)
        self.assertEqual(nobody.ask("DELETE", made.replace("/download", "")).status, 401)
        short = self.link(f"{capture}/download", **{"for": "1s"})["path"]
        over = wait_for("the link is over", lambda: (a := nobody.ask("GET", short)).status == 403 and a, 20)
        self.assertEqual(over.json["code"], "link_expired")
        for body in ({"path": "/api/v1/captures"}, {"path": "/api/v1/policies"}, {"path": made}, {},
                     {"path": f"{capture}/download", "for": "1000h"}, {"path": "http://x/"}):
            self.assertEqual(self.ringbell.api.ask("POST", "/api/v1/links", body).status, 422, body)
        rows = self.audit(limit=200)
        self.assertIn("link", {row["outcome"] for row in rows})
        self.assertTrue(any(row["who"].startswith("link ") and row["outcome"] == "complete" for row in rows))
        self.assertNotIn("signature", str(rows))

    def tool(self, *arguments):
        return subprocess.run([self.tools.ringbell, *arguments], capture_output=True, text=True, check=True,
                              env={**os.environ, "RINGBELL_STATE": self.ringbell.state}).stdout

    def test_the_command_line_makes_links_and_shows_the_audit(self):
        self.start()
        row = self.record()
        address = urllib.parse.urlsplit(self.tool("capture", "link", "latest", "--for", "10m").strip())
        answer = Api().ask("GET", f"{address.path}?{address.query}")
        self.assertEqual(answer.status, 200)
        self.ended("complete")
        text = self.tool("audit")
        self.assertIn(f"/api/v1/captures/{row['id']}/download", text)
        self.assertRegex(text, r"link [0-9a-f]{16} .*complete")
        self.assertRegex(text, r"uid 0 .*link")

    # --- the audit ---

    def test_each_download_is_audited(self):
        self.start()
        row = self.record()
        path = f"/api/v1/captures/{row['id']}/segments/{row['segments'][0]['name']}/download"
        body, etag = self.whole(path)
        told = self.ended("complete")
        self.assertEqual((told["who"], told["address"], told["request"], told["capture"], told["bytes"]),
                         ("token admin", "127.0.0.1", path, row["id"], len(body)))
        self.assertEqual(told["hash"], etag.strip('"'))
        self.assertEqual(told["hash"], hashlib.sha256(body).hexdigest())
        derived = self.ringbell.api.ask("GET", f"/api/v1/captures/{row['id']}/packets?compression=gzip")
        told = self.ended("complete", 2)
        self.assertEqual(told["hash"], hashlib.sha256(derived.body).hexdigest())
        self.assertEqual(told["bytes"], len(derived.body))
        older = self.audit(limit=1)
        self.assertEqual(older[0]["id"], told["id"])
        self.assertEqual(self.audit(before=told["id"])[0]["request"], path)
        self.assertEqual(len(self.audit(capture=row["id"])), 2)

    def test_a_limited_rate_is_kept(self):
        rate = 2 * MIB
        self.start(http={"download_rate": rate})
        row = self.record()
        began = time.monotonic()
        path = self.ringbell.download(row["id"])
        size = os.path.getsize(path)
        # a window of 256 KiB is not waited for: the first one
        self.assertGreater(time.monotonic() - began, (size - MIB) / rate)
        self.assertEqual(self.ended("complete")["bytes"], size)
        began = time.monotonic()
        for start in range(0, size, 256 << 10):  # a connection for each piece
            part = self.ringbell.api.ask("GET", f"/api/v1/captures/{row['id']}/download",
                                         headers={"Range": f"bytes={start}-{start + (256 << 10) - 1}"})
            self.assertEqual(part.status, 206)
        self.assertGreater(time.monotonic() - began, (size - MIB) / rate)

    # --- slow readers ---

    def read_slowly(self, path):
        """A client that asks for path, takes the first byte, and no more until it is told to."""
        host, port = ADDRESS.split(":")
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((host, int(port)))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\n"
                       f"Authorization: Bearer {self.ringbell.api.token}\r\n\r\n".encode())
        self.assertEqual(client.recv(1), b"H")
        return client

    def read_rest(self, client):
        """The body of a client above, as far as it comes."""
        data = bytearray(b"H")
        try:
            while part := client.recv(1 << 16):
                data += part
        except ConnectionResetError:
            pass
        return bytes(data).partition(b"\r\n\r\n")[2]

    def test_slow_readers_cost_half_a_megabyte_each_and_outlive_a_removal(self):
        self.start(http={"idle_timeout": "60s"})
        row = self.record(12_000)
        path = f"/api/v1/captures/{row['id']}/download"
        whole, _ = self.whole(path)
        self.assertGreater(len(whole), 4 * MIB)
        control = self.ringbell.pid_of("control")
        before = memory_of(control, "VmRSS")
        clients = [self.read_slowly(path) for _ in range(READERS)]
        self.assertLess(memory_of(control, "VmRSS") - before, READERS * MIB // 2)
        # its files go meanwhile: who reads gets a prefix, never other bytes, and is cut where it ends
        self.ringbell.api.call("DELETE", f"/api/v1/captures/{row['id']}")
        wait_for("410", lambda: self.ringbell.api.ask("GET", path).status == 410, 20)
        wait_for("files gone", lambda: not os.path.exists(f"{self.ringbell.captures}/{row['id']}"), 20)
        body = self.read_rest(clients.pop())
        self.assertEqual(body, whole[:len(body)])
        self.assertLess(len(body), len(whole))
        self.ended("cut")
        for client in clients:
            client.close()
        self.ended("left", READERS - 1)
        self.assertEqual(self.ringbell.pid_of("control"), control)


if __name__ == "__main__":
    harness.main()
