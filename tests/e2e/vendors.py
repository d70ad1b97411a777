# SPDX-License-Identifier: Apache-2.0
"""The other side of pushes: one HTTP(S) server that speaks for Slack, PagerDuty, WeCom, DingTalk and a
signed webhook, checks what it gets as they do, and can be told to misbehave; a mail server; sinks."""

import base64
import hmac
import http.server
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
ROBOT_KEY = "robot-key-planted-1"
DING_TOKEN = "ding-token-planted-2"
DING_SECRET = "SEC-planted-3"
CORP_SECRET = "corp-secret-planted-4"
BOT_TOKEN = "xoxb-planted-5"
SIGNING_KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_SECRET = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
SMTP_PASSWORD = "smtp-planted-6"
DRIP_BYTES, DRIP_PAUSE = 20, 0.2 # an answer that takes four seconds
PLANTED = (ROUTING_KEY, ROBOT_KEY, DING_TOKEN, DING_SECRET, CORP_SECRET, BOT_TOKEN, SIGNING_SECRET,
           SMTP_PASSWORD)


def certificate(folder):
    """Key and self-signed certificate for 127.0.0.1; the certificate's text."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{folder}/key.pem",
                    "-out", f"{folder}/cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with open(f"{folder}/cert.pem") as file:
        return file.read()


def tls_context(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    return context


def free_ports(count, kind=socket.SOCK_STREAM):
    """Different ones that nobody listens on now."""
    probes = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Vendors:
    """`requests`: (path, headers, JSON body) of what was accepted. `script`: what the next requests
    get instead: (status, headers, body), or "reset" (after it was taken), "garbage", "drip"."""

    def __init__(self, context=None):
        self.requests, self.script, self.tokens = [], [], 0
        vendors = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                vendors.answer(self, b"")

            def do_POST(self):
                vendors.answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_port
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        act = self.misbehave() or self.judge(url.path, query, handler.headers, body)
        if act == "drip":
            status, headers, text = self.judge(url.path, query, handler.headers, body)
            handler.send_response(status)
            handler.end_headers()
            for byte in text + " " * DRIP_BYTES:
                handler.wfile.write(byte.encode())
                time.sleep(DRIP_PAUSE) # wait: slowness is what this is for
            handler.close_connection = True
            return
        if act == "reset":
            self.judge(url.path, query, handler.headers, body)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        if act == "garbage":
            handler.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
            handler.close_connection = True
            return
        status, headers, text = act
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    def misbehave(self):
        """What the next request gets instead of a judgement, if anything."""
        return self.script.pop(0) if self.script else None

    def take(self, path, headers, data):
        """It is this vendor's from now on."""
        self.requests.append((path, headers, data))

    def judge(self, path, query, headers, body):
        """As the vendor at this path does."""
        data = json.loads(body) if body else None
        ok = (200, {"Content-Type": "application/json"}, '{"errcode":0,"errmsg":"ok"}')
        refused = lambda code, text: (200, {}, json.dumps({"errcode": code, "errmsg": text}))
        if path == "/slack":
            if not data.get("text"):
                return (400, {}, "no_text")
            answer = (200, {}, "ok")
        elif path == "/slack-api":
            if headers["Authorization"] != f"Bearer {BOT_TOKEN}":
                return (200, {}, '{"ok":false,"error":"invalid_auth"}')
            answer = (200, {}, json.dumps({"ok": True, "channel": "C1",
                                           "ts": f"{len(self.requests)}.1"}))
        elif path == "/pd":
            if data["routing_key"] != ROUTING_KEY:
                return (400, {}, '{"status":"invalid event","errors":["Invalid routing key"]}')
            answer = (202, {}, '{"status":"success"}')
        elif path == "/cgi-bin/gettoken":
            if body: # the vendor's word for a wrong verb
                return refused(43001, "require GET method")
            if query["corpsecret"] != CORP_SECRET:
                return refused(40001, "invalid secret")
            self.tokens += 1
            return (200, {}, json.dumps({"errcode": 0, "access_token": f"token-{self.tokens}",
                                         "expires_in": 7200}))
        elif path == "/cgi-bin/message/send":
            if query["access_token"] != f"token-{self.tokens}":
                return refused(40014, "invalid access_token")
            if not isinstance(data["agentid"], int):
                return refused(40056, "invalid agentid")
            answer = ok
        elif path == "/cgi-bin/webhook/send":
            if query["key"] != ROBOT_KEY:
                return refused(93000, "invalid webhook url")
            answer = ok
        elif path == "/robot/send":
            text = f"{query.get('timestamp')}\n{DING_SECRET}".encode()
            sign = base64.b64encode(hmac.digest(DING_SECRET.encode(), text, "sha256")).decode()
            if query["access_token"] != DING_TOKEN:
                return refused(300005, "token is not exist")
            if query.get("sign") != sign:
                return refused(310000, "sign not match")
            if abs(int(query["timestamp"]) - time.time() * 1000) > 3600e3:
                return refused(310000, "invalid timestamp")
            answer = ok
        elif path == "/hook":
            text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            sign = "v1," + base64.b64encode(hmac.digest(SIGNING_KEY, text, "sha256")).decode()
            if sign not in headers.get("webhook-signature", "").split(" "):
                return (401, {}, "signature")
            answer = (204, {}, "")
        else:
            return (404, {}, "nobody is here")
        self.take(path, dict(headers), data)
        return answer

    def bodies(self, path):
        return [body for at, _, body in self.requests if at == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Garbage:
    """Takes connections, says nonsense, hangs up."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                connection.sendall(b"999 \x01\x02 nonsense\r\n")
                connection.close()
            except OSError:
                return

    def close(self):
        self.socket.close()


class Mail:
    """aiosmtpd with STARTTLS required and AUTH, in a process of its own (Debian's Python has it).
    It knows @example.org but not nobody@example.org; `messages` are (sender, recipients, text).
    With a chance of `trouble` a message is not taken, or taken without a word."""

    PROGRAM = r"""
import asyncio, json, random, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
folder, password, trouble = sys.argv[1], sys.argv[2], float(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if not address.endswith("@example.org") or address.startswith("nobody"):
            return "550 5.1.1 no such user"
        if address.startswith("later"):
            return "450 4.2.1 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        dice = random.random()
        if dice < trouble / 2:
            return random.choice(["451 4.3.0 later", "421 4.3.2 closing", "452 4.3.1 no room"])
        print(json.dumps([envelope.mail_from, envelope.rcpt_tos,
                          envelope.content.decode("latin-1")]), flush=True)
        if dice < trouble:
            server.transport.abort()
        return "250 2.0.0 queued as 42"
def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"bob" and data.password == password.encode())
async def main():
    loop = asyncio.get_running_loop()
    def make():
        return SMTP(Handler(), tls_context=context, require_starttls=True, auth_required=True,
                    authenticator=login, enable_SMTPUTF8=True)
    server = await loop.create_server(make, "127.0.0.1", 0)
    print(json.dumps(server.sockets[0].getsockname()[1]), flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

    def __init__(self, folder, trouble=0):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", self.PROGRAM, folder, SMTP_PASSWORD, str(trouble)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = json.loads(self.process.stdout.readline())
        self.messages = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.messages.append(json.loads(line))

    def close(self):
        self.process.kill()
        self.process.wait()


class Kafka:
    """librdkafka's mock cluster in a process of its own; `brokers` is its address. With "trouble",
    its brokers refuse, hang up, go down and are slow, now and then; with "refuse", the first eight
    messages are too large."""

    PROGRAM = r"""
import ctypes, random, select, sys
lib = ctypes.CDLL("librdkafka.so.1")
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
text = ctypes.create_string_buffer(512)
client = lib.rd_kafka_new(0, ctypes.c_void_p(lib.rd_kafka_conf_new()), text, 512)
cluster = ctypes.c_void_p(lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 3))
print(lib.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
trouble = sys.argv[1:] == ["trouble"]
refuses = sys.argv[1:] == ["refuse"]
NOT_LEADER, TIMED_OUT, TOO_FEW, TRANSPORT = 6, 7, 19, -195
while trouble and not select.select([sys.stdin], [], [], 0.3)[0]:
    broker = random.randint(1, 3)
    error = random.choice([0, 0, 0, NOT_LEADER, TIMED_OUT, TOO_FEW, TRANSPORT])
    lib.rd_kafka_mock_clear_request_errors(cluster, 0)
    if error: # of the next Produce request
        lib.rd_kafka_mock_push_request_errors(cluster, 0, ctypes.c_size_t(1), error)
    elif random.random() < 0.2:
        lib.rd_kafka_mock_broker_set_rtt(cluster, broker, random.choice([0, 0, 200]))
    elif random.random() < 0.1:
        lib.rd_kafka_mock_broker_set_down(cluster, broker)
        select.select([sys.stdin], [], [], 0.5)
        lib.rd_kafka_mock_broker_set_up(cluster, broker)
lib.rd_kafka_mock_clear_request_errors(cluster, 0)
if refuses: # as too large
    lib.rd_kafka_mock_push_request_errors(cluster, 0, ctypes.c_size_t(8), *[10] * 8)
for broker in (1, 2, 3):
    lib.rd_kafka_mock_broker_set_rtt(cluster, broker, 0)
sys.stdin.read() # the first line ends the trouble, the end of file all
"""

    def __init__(self, *trouble):
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", self.PROGRAM, *trouble], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.brokers = self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.communicate()

    def calm(self):
        """No trouble from now on."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class GuardedKafka:
    """A broker that knows nobody: Kafka's protocol up to SaslAuthenticate, which fails."""

    VERSIONS = {0: 3, 3: 2, 17: 1, 18: 0, 36: 0} # of Produce, Metadata, SaslHandshake, …

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
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
            while size := stream.read(4):
                request = stream.read(struct.unpack(">i", size)[0])
                api, version, correlation = struct.unpack(">hhi", request[:8])
                answer = struct.pack(">i", correlation) + self.answer(api, version)
                connection.sendall(struct.pack(">i", len(answer)) + answer)

    def answer(self, api, version):
        if api == 18: # ApiVersions: UNSUPPORTED_VERSION for newer ones, with what there is
            rows = b"".join(struct.pack(">hhh", key, 0, last)
                            for key, last in self.VERSIONS.items())
            return struct.pack(">hi", 35 if version else 0, len(self.VERSIONS)) + rows
        if api == 17: # SaslHandshake
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        text = b"who is that?" # SaslAuthenticate: SASL_AUTHENTICATION_FAILED
        return struct.pack(">hh", 58, len(text)) + text + struct.pack(">i", 0)

    def close(self):
        self.socket.close()
