#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS peers for test_http_tls: makes a CA and a certificate for 127.0.0.1 in the given folder, serves
one TLS and one plain port, and prints "<tls port> <plain port>". Ends with its standard input."""
import http.server
import pathlib
import ssl
import subprocess
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_certificates(folder):
    key, ca, csr, cert = (str(folder / n) for n in ("key.pem", "ca.pem", "csr.pem", "cert.pem"))
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
    openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Test CA", "-days", "2", "-out", ca)
    openssl("req", "-new", "-key", key, "-subj", "/CN=peer", "-out", csr)
    openssl("x509", "-req", "-in", csr, "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "2",
            "-extfile", str(folder / "san"), "-out", cert)
    return cert, key


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # clients that hang up in the handshake are the point of the test


def serve(context=None):
    server = Server(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*make_certificates(pathlib.Path(sys.argv[1])))
print(serve(context), serve(), flush=True)
sys.stdin.read()
