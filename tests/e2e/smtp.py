# SPDX-License-Identifier: Apache-2.0
"""A mail server that offers exactly what a test says, and keeps every line it hears."""

import base64
import hmac
import os
import shutil
import socket
import ssl
import subprocess
import threading

CHALLENGE = b"<1896.697170952@mail.example.org>"


class MailServer:
    """`tls`: None, "starttls" or "implicit", with the certificate of `folder`. `mechanisms`: what
    AUTH offers. `heard`: lines as they came; `logins`: (mechanism, user, password is right)."""

    def __init__(self, folder, tls=None, mechanisms=(), user="bob", password=""):
        self.tls, self.mechanisms, self.user, self.password = tls, mechanisms, user, password
        self.heard, self.logins, self.mails = [], [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
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
        session = None
        try:
            if self.tls == "implicit":
                connection = self.context.wrap_socket(connection, server_side=True)
            session = Session(self, connection)
            session.talk()
        except OSError: # hung up, or did not like our certificate
            pass
        (session.connection if session else connection).close()

    def close(self):
        self.socket.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.secure = server, server.tls == "implicit"
        self.use(connection)

    def use(self, connection):
        self.connection, self.stream = connection, connection.makefile("rb")

    def say(self, text):
        self.connection.sendall(text.encode() + b"\r\n")

    def hear(self):
        line = self.stream.readline().decode().rstrip("\r\n")
        if line:
            self.server.heard.append(line)
        return line

    def talk(self):
        self.say("220 mail.example.org ESMTP")
        while line := self.hear():
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                self.greet()
            elif word == "STARTTLS":
                self.say("220 go ahead")
                self.use(self.server.context.wrap_socket(self.connection, server_side=True))
                self.secure = True
            elif word == "AUTH":
                self.login(line.split(" "))
            elif word == "DATA":
                self.take()
            elif word == "QUIT":
                return
            else:
                self.say("250 2.0.0 OK")

    def greet(self):
        offers = ["mail.example.org"]
        if self.server.tls == "starttls" and not self.secure:
            offers.append("STARTTLS")
        if self.server.mechanisms:
            offers.append("AUTH " + " ".join(self.server.mechanisms))
        for offer in offers[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {offers[-1]}")

    def ask(self, text):
        """One question of a login, and its answer."""
        self.say("334 " + base64.b64encode(text).decode())
        return base64.b64decode(self.hear())

    def login(self, words):
        mechanism = words[1].upper()
        first = base64.b64decode(words[2]) if len(words) > 2 else None
        if mechanism == "PLAIN":
            _, user, password = (first or self.ask(b"")).split(b"\0")
        elif mechanism == "LOGIN":
            user, password = first or self.ask(b"Username:"), self.ask(b"Password:")
        else: # CRAM-MD5
            user, digest = self.ask(CHALLENGE).split(b" ")
            right = hmac.new(self.server.password.encode(), CHALLENGE, "md5").hexdigest()
            password = self.server.password.encode() if digest.decode() == right else b""
        right = (user.decode(), password.decode()) == (self.server.user, self.server.password)
        self.server.logins.append((mechanism, right))
        self.say("235 2.7.0 welcome" if right else "535 5.7.8 no")

    def take(self):
        self.say("354 go on")
        lines = []
        while (line := self.stream.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.mails.append(b"".join(lines).decode())
        self.say("250 2.0.0 queued as " + os.urandom(4).hex())


class Exim:
    """The real one: takes mail for example.org from bob, and over TLS alone, and relays it to `sink`, a
    MailServer without TLS."""

    CONFIG = """\
primary_hostname = mail.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/exim.pid
tls_certificate = {folder}/spool/cert.pem
tls_privatekey = {folder}/spool/key.pem
tls_advertise_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
keep_environment =
begin acl
rcpt:
  deny !encrypted = *
  deny !authenticated = *
  accept domains = example.org
  deny message = relay not permitted
begin routers
out:
  driver = manualroute
  route_list = * 127.0.0.1
  transport = out
  self = send
begin transports
out:
  driver = smtp
  port = {sink}
  hosts_avoid_tls = *
  allow_localhost
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{bob}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""

    def __init__(self, folder, port, password, sink):
        self.port = port
        os.chmod(folder, 0o755)
        os.mkdir(f"{folder}/spool")
        for name in ("cert.pem", "key.pem"):
            shutil.copy(f"{folder}/{name}", f"{folder}/spool")
        for path in ("spool", "spool/cert.pem", "spool/key.pem"):
            shutil.chown(f"{folder}/{path}", "Debian-exim", "Debian-exim")
        with open(f"{folder}/exim.conf", "w") as file:
            file.write(self.CONFIG.format(folder=folder, port=port, sink=sink.port,
                                          password=password))
        os.chmod(f"{folder}/exim.conf", 0o644)
        self.process = subprocess.Popen(["exim4", "-C", f"{folder}/exim.conf", "-bdf", "-q1m"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait()
