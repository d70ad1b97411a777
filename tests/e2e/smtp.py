# SPDX-License-Identifier: Apache-2.0
"""A mail server that offers exactly what a test says, and keeps every line it hears."""

import base64
import hmac
import os
import socket
import ssl
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
