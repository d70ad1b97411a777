# SPDX-License-Identifier: Apache-2.0
"""What a push must not do: speak in clear where TLS was asked for, believe a certificate it was not told to,
follow where it may not go, tell a secret. Against a real nginx and a mail server that offers what it is told."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse

import harness
import vendors
from build import ROOT
from network import die_with_parent
from smtp import Exim, MailServer
from vendors import SMTP_PASSWORD
from waiting import wait_for

NGINX = """\
daemon off; user root; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.error;
events {}
http {
    access_log %(folder)s/nginx.access;
    client_body_temp_path %(folder)s/body;
    ssl_certificate %(folder)s/cert.pem;
    ssl_certificate_key %(folder)s/key.pem;
    server { # everybody with the CA
        listen 127.0.0.1:%(open)d ssl;
        location / { return 204; }
        location /down { return 307 http://127.0.0.1:%(plain)d/; }
        location /across { return 307 https://127.0.0.1:%(closed)d/; }
    }
    server { # those with a certificate of ours
        listen 127.0.0.1:%(closed)d ssl;
        ssl_client_certificate %(folder)s/client.pem;
        ssl_verify_client on;
        location / { return 204; }
    }
    server {
        listen 127.0.0.1:%(old)d ssl;
        ssl_protocols TLSv1.1;
        ssl_ciphers ALL:@SECLEVEL=0;
        location / { return 204; }
    }
    server { listen 127.0.0.1:%(plain)d; location / { return 204; } }
}
"""


def make_certificate(folder, name):
    """Key and self-signed certificate of a client; their texts."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{folder}/{name}.key",
                    "-out", f"{folder}/{name}.pem", "-days", "2", "-subj", f"/CN={name}"],
                   check=True, capture_output=True)
    return {"cert": read(f"{folder}/{name}.pem"), "cert_key": read(f"{folder}/{name}.key")}


def read(path):
    with open(path) as file:
        return file.read()


class Safety(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-safety-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ca = vendors.certificate(self.folder)
        self.ringbell = self.daemon(rings={"memory_bytes": 8 * harness.MIB})

    def peer(self, peer):
        self.addCleanup(peer.close)
        return peer

    def try_form(self, **settings):
        """The Test button on a form that is not saved: the way of a push."""
        form = {"name": "form", "timeout": "10s"} | settings
        return self.ringbell.api.call("POST", "/api/v1/endpoint-tests", {"endpoint": form},
                                      timeout=70)

    # ---- HTTPS, with nginx ----

    def start_nginx(self):
        names = ("open", "closed", "old", "plain")
        self.ports = dict(zip(names, vendors.free_ports(len(names))))
        with open(f"{self.folder}/nginx.conf", "w") as file:
            file.write(NGINX % {"folder": self.folder, **self.ports})
        process = subprocess.Popen(["nginx", "-c", f"{self.folder}/nginx.conf"],
                                   stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_for("nginx", lambda: all(map(vendors.connects, self.ports.values())), 30)

    def hook(self, server, path="/", **more):
        return self.try_form(kind="http", url=f"https://127.0.0.1:{self.ports[server]}{path}",
                             **more)

    def check(self, result, delivered, step):
        self.assertEqual((result["delivered"], result["step"]), (delivered, step), result)

    # HTP-03, HTP-04, HTP-12
    def test_tls_of_both_sides(self):
        own, other = (make_certificate(self.folder, name) for name in ("client", "stranger"))
        self.start_nginx()
        self.check(self.hook("open"), False, "tls") # nobody told us of this CA
        self.check(self.hook("open", ca=self.ca), True, "none")
        self.check(self.hook("open", verify=False), True, "none")
        self.check(self.hook("closed", ca=self.ca, **own), True, "none")
        for answer in (self.hook("closed", ca=self.ca), self.hook("closed", ca=self.ca, **other)):
            self.assertFalse(answer["delivered"], answer)
            self.assertIn("certificate", answer["text"].lower())
        self.check(self.hook("old", ca=self.ca), False, "tls") # TLS 1.2 is the least
        # a redirect: never to clear text, and judged by the same CA
        down = self.hook("open", "/down", ca=self.ca, redirects=3)
        self.assertFalse(down["delivered"], down)
        self.assertIn("307", down["text"])
        self.check(self.hook("open", "/across", ca=self.ca, redirects=3, **own), True, "none")
        self.assertFalse(self.hook("open", "/across", ca=self.ca, **own)["delivered"])
        key = own["cert_key"].splitlines()[1]
        self.assertNotIn(key, self.ringbell.read_log())

    # ---- proxies ----

    # HTP-15, HTP-18
    def test_a_proxy_is_asked_for_the_name(self):
        for scheme in ("socks5", "socks5h"):
            with self.subTest(scheme):
                socks = self.peer(Socks())
                proxy = f"{scheme}://{socks.host}"
                result = self.try_form(kind="http", url="http://nobody.invalid/hook", proxy=proxy)
                self.check(result, True, "none")
                self.assertEqual(socks.asked, [(3, b"nobody.invalid", 80)])
                for host in ("169.254.169.254", "169.254.169.254.", "2852039166", "[fe80::1]"):
                    denied = self.try_form(kind="http", url=f"http://{host}/", proxy=proxy)
                    self.assertFalse(denied["delivered"], denied)
                self.assertEqual(len(socks.asked), 1)

    # ---- mail ----

    def mail(self, **offers):
        server = MailServer(self.folder, password=SMTP_PASSWORD, **offers)
        self.addCleanup(server.close)
        return server

    def try_mail(self, server, tls, **more):
        return self.try_form(**{
            "kind": "email", "host": "127.0.0.1", "port": server.port, "tls": tls,
            "from": "ringbell@example.org", "to": "noc@example.org", "user": "bob",
            "password": SMTP_PASSWORD, "ca": self.ca, **more})

    # EML-08, EML-11
    def test_a_server_without_starttls_hears_nothing(self):
        server = self.mail(mechanisms=("PLAIN", "LOGIN"))
        self.check(self.try_mail(server, "starttls"), False, "tls")
        words = {line.split(" ")[0] for line in server.heard}
        self.assertLessEqual(words, {"EHLO", "QUIT"}, server.heard)

    # EML-07, EML-09, DEF-04
    def test_rancher_took_any_certificate_of_implicit_tls(self):
        for tls in ("implicit", "starttls"):
            with self.subTest(tls):
                server = self.mail(tls=tls, mechanisms=("PLAIN",))
                self.check(self.try_mail(server, tls, ca=None), False, "tls")
                self.check(self.try_mail(server, tls, host="localhost"), False, "tls")
                self.assertEqual((server.logins, server.mails), ([], []))
                self.check(self.try_mail(server, tls), True, "none")
                self.check(self.try_mail(server, tls, ca=None, verify=False), True, "none")
                self.assertEqual(len(server.mails), 2)

    # EML-10, EML-14, DEF-04
    def test_rancher_knew_only_login(self):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            with self.subTest(mechanism):
                server = self.mail(tls="starttls", mechanisms=(mechanism,))
                self.check(self.try_mail(server, "starttls"), True, "none")
                self.assertEqual(server.logins, [(mechanism, True)])
                self.assertIn("\r\nMessage-ID: <", server.mails[0])
        server = self.mail(tls="starttls", mechanisms=("CRAM-MD5", "LOGIN", "PLAIN"))
        self.check(self.try_mail(server, "starttls", password="wrong"), False, "auth")
        self.assertEqual(server.mails, [])

    def test_a_real_mail_server(self):
        sink = self.mail()
        server = self.peer(Exim(self.folder, *vendors.free_ports(1), SMTP_PASSWORD, sink))
        wait_for("exim", lambda: vendors.connects(server.port), 30)
        self.check(self.try_mail(server, "starttls", ca=None), False, "tls")
        self.check(self.try_mail(server, "starttls", password="wrong"), False, "auth")
        self.check(self.try_mail(server, "starttls", to="x@elsewhere.example"), False, "remote")
        self.assertEqual(sink.mails, [])
        self.check(self.try_mail(server, "starttls"), True, "none")
        wait_for("the mail", lambda: sink.mails, 60)
        self.assertIn("Subject: settings validated", sink.mails[0])

    # EML-18, EML-15
    def test_an_alert_cannot_write_headers_or_recipients(self):
        server = self.mail(tls="starttls", mechanisms=("PLAIN",))
        self.ringbell.add_endpoint(
            "mail", **{"kind": "email", "host": "127.0.0.1", "port": server.port, "user": "bob",
                       "from": "ringbell@example.org", "to": "noc@example.org", "ca": self.ca,
                       "password": SMTP_PASSWORD, "title": "{{ title }} {{ object }}",
                       "allow_override": True})
        evil = "x\r\nBcc: evil@example.org\r\n\r\n.\r\nMAIL FROM:<evil@example.org>\r\n"
        self.ringbell.send_alert(level="critical", policy="p", object=evil, title=evil,
                                 annotations={"ringbell_to_email": evil})
        wait_for("mail", lambda: server.mails)
        head = server.mails[0].split("\r\n\r\n")[0]
        self.assertNotIn("\r\nBcc", head)
        self.assertNotIn("evil@", "".join(line for line in server.heard if "noc@" not in line))
        self.assertEqual([line for line in server.heard if line.startswith("RCPT")],
                         ["RCPT TO:<noc@example.org>"])
        self.assertEqual(len(server.mails), 1)

    # ---- secrets ----

    def planted(self):
        """Kind → settings with a secret in each field that may have one; the proxies' own are in
        `proxied`. All but the mail server that refuses it, and Kafka and syslog that nobody hears,
        talk to a peer that repeats what it was sent."""
        cert = make_certificate(self.folder, "planted")
        echo, key = self.peer(Echo()), cert["cert_key"].splitlines()[1]
        mail = self.mail(tls="starttls", mechanisms=("PLAIN",))
        url = f"http://127.0.0.1:{echo.port}"
        self.secrets = [key, *SECRETS]
        return {
            "http": {"url": f"{url}/hook", "headers": [
                {"name": "Authorization", "value": "Bearer planted-bearer"},
                {"name": "X-Api-Key", "value": "planted-api-key"}],
                "signing_secret": signing_secret("planted-signing-secret-1"),
                "signing_secret_old": signing_secret("planted-signing-secret-0"), **cert},
            "slack": {"token": "xoxb-planted-bot", "channel": "C1", "api_url": f"{url}/slack-api"},
            "slack webhook": {"url": f"{url}/services/T0/B0/planted-slack-hook"},
            "pagerduty": {"routing_key": "planted0routing0key0000000000000", "api_url": f"{url}/pd"},
            "wecom_app": {"corp_id": "corp", "agent_id": 7, "secret": "planted-corp-secret",
                          "recipient": "1", "api_url": url},
            "wecom_robot": {"url": f"{url}/cgi-bin/webhook/send?key=planted-robot-key"},
            "dingtalk": {"url": f"{url}/robot/send?access_token=planted-ding-token",
                         "secret": "planted-ding-secret"},
            "email": {"host": "127.0.0.1", "port": mail.port, "from": "a@example.org", "ca": self.ca,
                      "to": "b@example.org", "user": "bob", "password": "planted-mail-password"},
            "kafka": {"brokers": "127.0.0.1:1", "topic": "t", "mechanism": "plain", "user": "bob",
                      "password": "planted-kafka-password", "tls": True, **cert},
            "syslog": {"destination": "tls://127.0.0.1:1", **cert},
            "pcap": {"policy": self.ringbell.add_policy("planted")["id"]},
        }

    def shown(self, answers):
        """Everything anybody gets to see: answers, the log, what the API lists, the metrics."""
        api = self.ringbell.api
        texts = [answer.body.decode() for answer in answers] + [self.ringbell.read_log()]
        for path in ("endpoints", "alerts", "status", "pushes?state=pending", "pushes?state=dead",
                     "pushes?state=delivered", "sources", "policies", "refusals", "routes"):
            texts.append(api.ask("GET", f"/api/v1/{path}").body.decode())
        texts.append(api.ask("GET", "/metrics").body.decode())
        for alert in api.call("GET", "/api/v1/alerts")["items"]:
            texts.append(api.ask("GET", f"/api/v1/alerts/{alert['id']}").body.decode())
        return "\n".join(texts)

    def spoil(self, name, settings):
        """Edits that are refused, each because of one field: what is said of it does not quote it."""
        edits = [{"timeout": "never"}] * (name != "pcap")
        edits += [{field: value.replace("-----", "") + "\n"} for field, value in settings.items()
                  if isinstance(value, str)]
        edits += [{"headers": [{"name": "A b", "value": "planted-bearer"}]}] * (name == "http")
        for edit in edits:
            answer = self.ringbell.api.ask(
                "PATCH", f"/api/v1/endpoints/{urllib.parse.quote(name)}", edit,
                {"Content-Type": "application/merge-patch+json"})
            self.assertEqual(answer.status, 422, (edit, answer))
            yield answer

    def plant(self, name, settings):
        """An endpoint; what is said of it by all that can be asked."""
        api = self.ringbell.api
        path = f"/api/v1/endpoints/{urllib.parse.quote(name)}"
        limit = {} if name == "pcap" else {"timeout": "2s"}
        made = api.ask("POST", "/api/v1/endpoints",
                       {"name": name, "kind": name.split(" ")[0], **limit, **settings})
        self.assertEqual(made.status, 201, made)
        yield made
        yield api.ask("GET", path)
        test = api.ask("POST", f"{path}/test", {}, timeout=60)
        self.assertEqual(json.loads(test.body)["delivered"], name == "pcap", test)
        yield test
        yield api.ask("POST", f"{path}/clone", {})
        yield from self.spoil(name, settings)

    def crash(self, role):
        pid = self.ringbell.pid_of(role)
        self.assertRegex(read(f"/proc/{pid}/limits"), r"Max core file size +0 +0 ")
        os.kill(pid, signal.SIGSEGV)
        wait_for(f"a new {role}", lambda: self.ringbell.pid_of(role) not in (0, pid), 60)
        self.ringbell.wait_ready(60)

    def test_planted_secrets_show_nowhere(self):
        answers, planted = [], self.planted()
        self.assertEqual({name.split(" ")[0] for name in planted}, secret_kinds())
        for name, settings in planted.items():
            answers += self.plant(name, settings)
        proxied = {"url": "https://192.0.2.1/", "proxy": PROXY}
        answers += self.plant("http proxied", proxied)
        self.check_fields({**planted, "http proxied": proxied})
        self.ringbell.send_alert(level="critical", policy="p", object="o")
        wait_for("a failed push", lambda: "again later" in self.ringbell.read_log(), 60)
        wait_for("a dead push", lambda: "dead, status" in self.ringbell.read_log(), 60)
        for role in ("courier", "control"): # what a crash tells
            self.crash(role)
        text = self.shown(answers)
        for secret in self.secrets:
            at = text.find(secret)
            self.assertEqual(at, -1, text[max(0, at - 300):at + 100])

    def check_fields(self, planted):
        """No secret field of any kind was left out."""
        set_ = {field for settings in planted.values() for field in settings}
        with open(f"{ROOT}/policy/settings_kind_table.c") as file:
            table = file.read()
        fields = re.findall(r'SECRET\("(\w+)"', table)
        fields += re.findall(r'\.key = "(\w+)",[^{}]*?KIND_SECRET', table)
        self.assertGreaterEqual(len(set(fields)), 8, fields)
        self.assertLessEqual(set(fields), set_)


def signing_secret(text):
    return "whsec_" + base64.b64encode(text.encode()).decode()


def secret_kinds():
    """All kinds there are."""
    with open(f"{ROOT}/policy/settings_kind_table.c") as file:
        return set(re.findall(r'^\t\[ENDPOINT_\w+\] = "(\w+)"', file.read(), re.M))


PROXY = "http://planted-proxy-user:planted-proxy-password@127.0.0.1:1"
SECRETS = ("planted-bearer", "planted-api-key", "planted-proxy-password", "planted-bot",
           "planted-slack-hook", "planted0routing", "planted-corp", "planted-robot", "planted-ding",
           "planted-mail", "planted-kafka",
           base64.b64encode(b"planted-signing-secret-1").decode(),
           base64.b64encode(b"planted-signing-secret-0").decode())


class Socks:
    """A SOCKS5 proxy that is the remote itself: it takes what it is sent. `asked`: (type, host, port)."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            stream.read(stream.read(2)[1]) # version, methods
            connection.sendall(b"\5\0")
            kind = stream.read(4)[3]
            host = stream.read(stream.read(1)[0] if kind == 3 else 4 if kind == 1 else 16)
            self.asked.append((kind, host, int.from_bytes(stream.read(2), "big")))
            connection.sendall(b"\5\0\0\1" + bytes(6))
            length = 0
            while (line := stream.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def close(self):
        self.socket.close()


class Echo:
    """Refuses each request, and repeats it: head and body in a line, as some proxies do."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            head, length = b"", 0
            while (line := stream.readline()).strip():
                head += line
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            secrets = b" ".join(line for line in head.splitlines() if b"planted" in line)
            answer = (secrets + b" " + stream.read(length))[:480]
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                               b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))

    def close(self):
        self.socket.close()


if __name__ == "__main__":
    harness.main()
