# SPDX-License-Identifier: Apache-2.0
"""The ways in: TLS, the unix socket, and how many may come."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import harness
from daemon import ADDRESS
from waiting import wait_for

RINGS = {"memory_bytes": 32 * harness.MIB}
HOST, PORT = ADDRESS.split(":")
NOT_ALLOWED = 4
NOBODY = 65534


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("probe", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Listener(harness.Case):
    def tls_daemon(self, **sections):
        sections.setdefault("tls", {"mode": "on"})
        daemon = harness.Daemon(self.network, self.tools.ringbelld, rings=RINGS, sections=sections)
        daemon.api.tls = unverified()
        self.addCleanup(daemon.close)
        self.addCleanup(self._show_log, daemon)
        return daemon.start()

    def tool(self, *arguments, status=0, state=None):
        environment = {key: value for key, value in os.environ.items() if key != "RINGBELL_STATE"}
        if state:
            environment["RINGBELL_STATE"] = state
        done = subprocess.run([self.tools.ringbell, *arguments], env=environment, timeout=30,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def handshake(self, *options):
        """What openssl's client says about one handshake."""
        done = subprocess.run(["openssl", "s_client", "-connect", ADDRESS, *options], input="",
                              capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    def assert_cipher(self, pattern, *options):
        self.assertRegex(self.handshake(*options), f"Cipher is {pattern}")

    # ---- TLS ----

    def test_only_strong_tls(self):
        self.tls_daemon()
        weak = ["-cipher", "ALL:@SECLEVEL=0"]
        for version in ("-tls1", "-tls1_1"):
            self.assertIn("Cipher is (NONE)", self.handshake(version, *weak))
        for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA",
                       "DHE-RSA-AES256-GCM-SHA384", "NULL", "aNULL"):
            said = self.handshake("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
            self.assertNotRegex(said, r"Cipher is (?!\(NONE\))", cipher)
        self.assert_cipher("ECDHE-ECDSA-", "-tls1_2")
        self.assert_cipher("TLS_", "-tls1_3")
        said = self.handshake("-tls1_3", "-alpn", "h2")
        self.assertIn("no application protocol", said)
        self.assertIn("ALPN protocol: http/1.1", self.handshake("-alpn", "h2,http/1.1"))
        self.assertIn("Compression: NONE", self.handshake())

    def test_who_it_is(self):
        daemon = self.tls_daemon()
        facts = daemon.status()["listener"]["tls"]
        self.assertIn(facts["fingerprint"], daemon.read_log())
        self.assertEqual(os.stat(f"{daemon.state}/tls.pem").st_mode & 0o777, 0o600)
        text = subprocess.run(["openssl", "x509", "-in", f"{daemon.state}/tls.crt", "-noout", "-text",
                               "-fingerprint", "-sha256"], check=True, capture_output=True,
                              text=True).stdout
        self.assertIn("ASN1 OID: prime256v1", text)
        self.assertIn("IP Address:127.0.0.1", text)
        self.assertIn(f"DNS:{socket.gethostname()}", text)
        self.assertIn(facts["certificate_sha256"], text.replace(":", "").lower())
        # any client that is given the certificate believes it
        trusting = ssl.create_default_context(cafile=f"{daemon.state}/tls.crt")
        connection = http.client.HTTPSConnection(ADDRESS, context=trusting, timeout=10)
        connection.request("GET", "/livez")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        # the same key after a restart
        daemon.kill_child("control")
        self.assertEqual(daemon.status()["listener"]["tls"], facts)

    def test_the_tool_knows_it(self):
        daemon = self.tls_daemon()
        url = f"https://{ADDRESS}"
        token = f"{daemon.folder}/token"
        with open(token, "w") as file:
            file.write(daemon.tokens["admin"])
        fingerprint = daemon.status()["listener"]["tls"]["fingerprint"]
        self.assertIn("ready", self.tool("status", "--server", url, state=daemon.state))
        self.assertIn("ready", self.tool("status", "--server", url, "--token-file", token,
                                         "--fingerprint", fingerprint))
        self.assertIn("ready", self.tool("status", "--server", url, "--token-file", token,
                                         "--cacert", f"{daemon.state}/tls.crt"))
        for options in ((), ("--fingerprint", "sha256//" + "A" * 43 + "=")):
            said = self.tool("status", "--server", url, "--token-file", token, *options,
                             status=NOT_ALLOWED)
            self.assertIn("not trusted", said)
        self.assertIn("sha256//", self.tool("status", "--server", url, "--token-file", token,
                                            "--fingerprint", "x", status=2))

    def make_certificate(self, folder, name):
        key, certificate = f"{folder}/{name}.key", f"{folder}/{name}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", certificate, "-days", "2", "-subj", f"/CN={name}"], check=True,
                       capture_output=True)
        os.chmod(key, 0o600) # root's alone
        return key, certificate

    def test_own_certificate_and_reload(self):
        folder = self.network_folder()
        key, certificate = self.make_certificate(folder, "one")
        daemon = self.tls_daemon(tls={"mode": "on", "certificate_file": certificate,
                                      "key_file": key})
        tls = lambda: daemon.status()["listener"]["tls"]
        self.assertEqual(tls()["subject"], "/CN=one")
        old = http.client.HTTPSConnection(ADDRESS, context=unverified(), timeout=10)
        old.request("GET", "/livez")
        old.getresponse().read()
        for source, target in zip(self.make_certificate(folder, "two"), (key, certificate)):
            os.replace(source, target)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the new certificate", lambda: tls()["subject"] == "/CN=two")
        # who is connected stays connected
        old.request("GET", "/livez")
        self.assertEqual(old.getresponse().status, 200)
        old.close()
        with open(key, "w") as file:
            file.write("nonsense")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the complaint", lambda: "no private key in PEM form" in daemon.read_log())
        self.assertEqual(tls()["subject"], "/CN=two")

    def network_folder(self):
        import tempfile
        folder = tempfile.TemporaryDirectory(prefix="ringbell-tls-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_slow_handshakes_end(self):
        self.tls_daemon(http={"request_timeout": "2s"})
        silent = socket.create_connection((HOST, PORT), timeout=10)
        begun = socket.create_connection((HOST, PORT), timeout=10)
        begun.sendall(bytes.fromhex("160301020001"))
        start = time.monotonic()
        for connection in (silent, begun):
            try:
                while connection.recv(100):
                    pass
            except ConnectionResetError:
                pass
            connection.close()
        self.assertLess(time.monotonic() - start, 5)

    # ---- the unix socket ----

    def ask_locally(self, daemon, uid=None, groups=()):
        """Status of the answer to GET /status without a token; an errno's name."""
        script = ("import http.client,os,socket,sys\n"
                  "uid, groups, path = eval(sys.argv[1])\n"
                  "uid and (os.setgroups(groups), os.setgid(uid), os.setuid(uid))\n"
                  "c = http.client.HTTPConnection('probe'); c.sock = socket.socket(socket.AF_UNIX)\n"
                  "try: c.sock.connect(path)\n"
                  "except OSError as e: print(type(e).__name__); sys.exit()\n"
                  "c.request('GET', '/api/v1/status'); print(c.getresponse().status)\n")
        told = repr((uid, list(groups), f"{daemon.state}/ringbell.sock"))
        return subprocess.run(["python3", "-c", script, told], capture_output=True, text=True,
                              check=True).stdout.strip()

    def test_the_socket_knows_who_asks(self):
        daemon = self.daemon(rings=RINGS)
        group = os.stat(f"{daemon.state}/ringbell.sock").st_gid
        self.assertEqual(self.ask_locally(daemon), "200")
        self.assertEqual(self.ask_locally(daemon, NOBODY), "PermissionError")
        self.assertEqual(self.ask_locally(daemon, NOBODY, [group]), "200")
        # even who gets past the file system is asked
        os.chmod(daemon.state, 0o711)
        os.chmod(f"{daemon.state}/ringbell.sock", 0o666)
        self.assertEqual(self.ask_locally(daemon, NOBODY), "401")
        policy = daemon.add_policy("by hand")["id"]
        self.tool("policy", "disable", policy, state=daemon.state)
        self.assertRegex(daemon.read_log(),
                         rf"http: uid 0, pid \d+: POST /api/v1/policies/{policy}/disable")
        # it is there again after a crash
        daemon.kill_child("control")
        self.assertEqual(self.ask_locally(daemon), "200")

    # ---- how many ----

    def connect(self, count, source=None):
        connections = []
        for _ in range(count):
            connection = socket.socket()
            if source:
                connection.bind((source, 0))
            connection.settimeout(10)
            connection.connect((HOST, int(PORT)))
            self.addCleanup(connection.close)
            connections.append(connection)
        return connections

    def test_one_address_cannot_take_all(self):
        daemon = self.daemon(rings=RINGS, sections={"http": {"connections_per_address": 8}})
        self.connect(8, "127.0.0.2")
        refused = self.connect(1, "127.0.0.2")[0]
        self.assertIn(b"503", refused.recv(1000))
        self.assertEqual(refused.recv(1000), b"")
        self.assertEqual(daemon.api.ask("GET", "/livez").status, 200)
        self.assertEqual(self.metric(daemon, 'connections_ended_total{reason="address"}'), 1)

    def test_waiting_connections_make_room(self):
        daemon = self.daemon(rings=RINGS, sections={"http": {"connections": 16}})
        old = self.connect(1, "127.0.0.2")[0]
        self.connect(15, "127.0.0.3")
        answer = daemon.api.ask("GET", "/livez")
        self.assertEqual(answer.status, 200)
        self.assertEqual(old.recv(1000), b"", "the one that waited longest")
        self.assertGreaterEqual(
            self.metric(daemon, 'connections_ended_total{reason="displaced"}'), 1)

    def metric(self, daemon, name):
        text = daemon.api.ask("GET", "/metrics").body.decode()
        return float(re.search(rf"^ringbell_http_{re.escape(name)} (\S+)$", text, re.M)[1])


if __name__ == "__main__":
    harness.main()
