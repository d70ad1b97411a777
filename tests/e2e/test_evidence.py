# SPDX-License-Identifier: Apache-2.0
"""Signed manifests: what the daemon leaves is genuine, one altered bit is found and named, offline."""

import glob
import json
import os
import shutil
import stat
import subprocess

import harness
from network import wait_for_packets
from waiting import wait_for

RATE = 20_000


class Evidence(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 64 * harness.MIB})

    def tool(self, *arguments, status=0):
        done = subprocess.run([self.tools.ringbell, *arguments], timeout=60, capture_output=True, text=True,
                              env={**os.environ, "RINGBELL_STATE": self.ringbell.state})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def verify(self, folder, status, *options):
        found = json.loads(self.tool("verify", folder, "--json", *options, status=status))
        self.assertEqual(len(found), 1)
        return found[0]

    def manifest(self, identity):
        return self.ringbell.api.call("GET", f"/api/v1/captures/{identity}/manifest")

    def is_signed(self, identity):
        """The manifest on disk is the last one: finished, each segment with its hash."""
        manifest = self.manifest(identity)
        return manifest["state"] == "finished" and all(s["sha256"] for s in manifest["segments"])

    def signed_capture(self):
        """A finished capture and a copy of its folder."""
        ringbell = self.ringbell
        policy = ringbell.add_policy("web", rotate_bytes=harness.MIB)["id"]
        ringbell.add_endpoint("pcap", kind="pcap", policy=policy)
        traffic = self.traffic(RATE, size=256, flows=16)
        wait_for_packets(RATE)
        ringbell.send_alert(level="critical", policy="latency", object="web-1")
        wait_for("on", lambda: ringbell.policy(policy)["state"] == "on")
        wait_for_packets(RATE)
        ringbell.send_alert(level="recovery", policy="latency", object="web-1")
        row = ringbell.wait_capture(policy, "finished", 30)
        traffic.stop()
        wait_for("the signed manifest", lambda: self.is_signed(row["id"]), 60)
        copy = f"{ringbell.folder}/copy/{row['id']}"
        # a manifest may be under way once more
        shutil.copytree(f"{ringbell.captures}/{row['id']}", copy, ignore=shutil.ignore_patterns(".*"))
        return row, copy

    def assert_openssl_agrees(self, folder, key):
        """The commands of docs/evidence.md."""
        script = ("set -e; head -n -2 manifest.json > $OUT/signed; "
                  "tail -n 2 manifest.json | grep -o '\"value\": \"[0-9a-f]*' | cut -c 11- | xxd -r -p > $OUT/sig; "
                  "printf '302a300506032b6570032100%s' $KEY | xxd -r -p | "
                  "openssl pkey -pubin -inform DER -out $OUT/key.pem; "
                  "openssl pkeyutl -verify -pubin -inkey $OUT/key.pem -rawin -in $OUT/signed -sigfile $OUT/sig")
        done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "OUT": self.ringbell.folder, "KEY": key})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_one_altered_bit_is_found_and_named(self):
        row, folder = self.signed_capture()
        key = self.tool("key").strip()
        facts = self.ringbell.api.call("GET", "/api/v1/signing-key")
        self.assertEqual(facts["public_key"], key)
        manifest = self.manifest(row["id"])
        self.assertEqual(manifest["signature"]["public_key"], key)
        self.assertIn(row["alert"], manifest["alerts"])
        self.assertTrue(any(note["text"].startswith("clock ") for note in manifest["timeline"]), manifest)
        self.ringbell.stop()  # offline from here
        self.assert_openssl_agrees(folder, key)
        good = self.verify(folder, 0, "--key", key)
        self.assertEqual((good["result"], good["findings"]), ("genuine", []))
        self.assertEqual(good["chain"], manifest["chain"])
        segments = sorted(glob.glob(os.path.join(folder, "*.pcapng")))
        for place, path in enumerate([*segments[:2], os.path.join(folder, "manifest.json")]):
            with open(path, "r+b") as file:
                data = bytearray(file.read())
                at = len(data) * (place + 1) // 5
                data[at] ^= 1 << place
                file.seek(at)
                file.write(data[at:at + 1])
                file.flush()
                found = self.verify(folder, 9, "--key", key)
                self.assertIn(os.path.basename(path), [f["file"] for f in found["findings"]], found)
                file.seek(at)
                file.write(bytes([data[at] ^ 1 << place]))
        self.assertEqual(self.verify(folder, 0, "--key", key)["result"], "genuine")
        shutil.copytree(folder, f"{folder}/{row['id']}")  # a genuine one inside speaks for itself only
        self.assertEqual(self.verify(folder, 9)["result"], "altered")
        shutil.rmtree(f"{folder}/{row['id']}")
        os.unlink(segments[-1])
        found = self.verify(folder, 9)
        self.assertEqual([(f["code"], f["file"]) for f in found["findings"]],
                         [("missing", os.path.basename(segments[-1]))])

    def test_the_private_key_is_for_its_process_alone(self):
        path = os.path.join(self.ringbell.state, "signing.key")
        found = os.stat(path)
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
        self.assertEqual(found.st_uid, os.stat(os.path.join(self.ringbell.state, "ringbell.db")).st_uid)
        before = self.tool("key")
        self.ringbell.kill()
        self.ringbell.start()
        self.assertEqual(self.tool("key"), before)

    def test_a_pin_is_in_the_manifest_and_survives_a_rebuild(self):
        row, _ = self.signed_capture()
        self.ringbell.api.call("PUT", f"/api/v1/captures/{row['id']}/pin", {"note": "case 4711"})
        wait_for("the pin in the manifest", lambda: self.manifest(row["id"])["pin"], 30)
        self.ringbell.stop()
        subprocess.run([*self.ringbell.command(), "--rebuild"], check=True, capture_output=True)
        self.ringbell.start()
        kept = self.ringbell.capture(row["id"])
        self.assertTrue(kept["retention"]["pinned"], kept)
        self.assertEqual(kept["retention"]["note"], "case 4711")
        folder = f"{self.ringbell.captures}/{row['id']}"
        self.assertEqual(self.verify(folder, 0)["result"], "genuine")


if __name__ == "__main__":
    harness.main()
