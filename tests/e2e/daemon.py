# SPDX-License-Identifier: Apache-2.0
"""The real ringbelld in the receiver namespace, and its HTTP API as tests use it."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

from network import NIC, die_with_parent
from waiting import wait_for

ADDRESS = "127.0.0.1:8470"
READ_SIZE = 1 << 20


class Answer:
    """One HTTP answer: status, headers (lower-case names), body, and .json."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {(self.body or b'')[:500]!r}>"


class Refused(AssertionError):
    """The API answered something else than 2xx; .answer has it."""

    def __init__(self, what, answer):
        super().__init__(f"{what}: {answer!r}")
        self.answer = answer


class Api:
    """judge(method, path, answer, request), if set, looks at each answer of the daemon; the tests have
    it compare them with docs/openapi.json."""

    judge = None

    def __init__(self, address=ADDRESS, token=None):
        self.address = address
        self.token = token
        self.tls = None # an ssl.SSLContext

    def _connect(self, timeout):
        if self.tls:
            return http.client.HTTPSConnection(self.address, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.address, timeout=timeout)

    def _answer(self, method, path, response, content, request=None):
        """content None: the body was not kept."""
        answer = Answer(response, content)
        if Api.judge and self.address == ADDRESS:
            Api.judge(method, path, answer, request)
        return answer

    def ask(self, method, path, body=None, headers=None, timeout=15):
        """The answer, whatever its status. body: object (sent as JSON), bytes or None."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self._connect(timeout)
        try:
            try:
                connection.request(method, path, body, headers)
            except BrokenPipeError:
                pass # a body that is too large is answered before it is all sent
            response = connection.getresponse()
            return self._answer(method, path, response, response.read(), body)
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def call(self, method, path, body=None, **more):
        """The JSON of a 2xx answer (None if it has no body); Refused otherwise."""
        answer = self.ask(method, path, body, **more)
        if answer.status // 100 != 2:
            raise Refused(f"{method} {path}", answer)
        return answer.json if answer.body else None

    def download(self, path, file, headers=None):
        """Streams a 2xx answer into file; returns the headers (Answer without a body)."""
        connection = self._connect(60)
        try:
            connection.request("GET", path, headers={
                "Authorization": f"Bearer {self.token}", **(headers or {})})
            response = connection.getresponse()
            if response.status // 100 != 2:
                raise Refused(f"GET {path}",
                              self._answer("GET", path, response, response.read()))
            with open(file, "wb") as out:
                shutil.copyfileobj(response, out, READ_SIZE)
            return self._answer("GET", path, response, None)
        finally:
            connection.close()


class Daemon:
    """Starts, watches and ends one ringbelld. Its folder survives stop() and start()."""

    def __init__(self, network, binary, rings=None, storage=None, hook="", nics=(NIC,),
                 captures=None, sections=None):
        """sections: more of the configuration file, {section: {key: value}}."""
        self.network = network
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-", dir="/tmp")
        # Children run as other users and must be able to pass through.
        os.chmod(self.folder, 0o755)
        self.state = f"{self.folder}/state"
        self.captures = captures or f"{self.folder}/captures"
        self.config = f"{self.folder}/ringbell.yaml"
        self.log = f"{self.folder}/log"
        self.nics = list(nics)
        self.process = None
        self.api = Api()
        self.tokens = {}
        self.write_config(rings or {}, storage or {}, hook, sections or {})

    def write_config(self, rings, storage, hook, more):
        sections = {"rings": rings, "storage": storage, "test": {"hook": hook} if hook else {},
                    "courier": {"allow": "127.0.0.0/8"}, # the tests' receivers are here
                    **more}
        with open(self.config, "w") as out:
            for name, members in sections.items():
                if members:
                    out.write(f"{name}:\n")
                    out.writelines(f"  {key}: {json.dumps(value)}\n"
                                   for key, value in members.items())

    def command(self):
        command = [self.binary, "--foreground", "--config", self.config, "--listen", ADDRESS,
                   "--state", self.state, "--captures", self.captures]
        for nic in self.nics:
            command += ["-i", nic]
        return command

    def launch(self):
        """Starts it, and waits for nothing."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.network.inside(self.network.rx, self.command()),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def start(self, limit=30.0):
        self.launch()
        self.wait_ready(limit)
        with open(f"{self.state}/tokens.json") as file:
            self.tokens = json.load(file)
        self.api.token = self.tokens["admin"]
        return self

    def wait_ready(self, limit=30.0):
        def ready():
            if self.process.poll() is not None:
                raise SystemError(f"ringbelld ended with {self.process.returncode}")
            return self.api.ask("GET", "/readyz").status == 200
        wait_for("ringbelld ready", ready, limit)

    def stop(self, limit=8.0):
        """SIGTERM; returns the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(limit)
        return self.process.returncode if self.process else None

    def kill(self):
        """SIGKILL to the supervisor; waits until all of its children are gone too."""
        children = self.children()
        self.process.kill()
        self.process.wait()
        wait_for("all children gone", lambda: not any(map(alive, children)), 10)

    def close_process(self):
        """Ends it with all children, however it is."""
        if not self.process or self.process.poll() is not None:
            return
        children = self.children()
        self.process.terminate()
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        wait_for("all children gone", lambda: not any(map(alive, children)), 10)

    def close(self):
        self.close_process()
        shutil.rmtree(self.folder, ignore_errors=True)

    def children(self):
        return children_of(self.process.pid)

    def pid_of(self, role):
        """Pid of the child with that role, as status tells it."""
        return next(process["pid"] for process in self.status()["processes"]
                    if process["role"] == role)

    def kill_child(self, role):
        """SIGKILL to one child; returns once its successor has another pid and serves."""
        pid = self.pid_of(role)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"a new {role}", lambda: self.pid_of(role) not in (0, pid), 20)
        self.wait_ready()
        return pid

    def read_log(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    # The API in the words of the tests.

    def status(self):
        return self.api.call("GET", "/api/v1/status")

    def ring(self, nic=NIC):
        return next(ring for ring in self.status()["rings"] if ring["nic"] == nic)

    def add_policy(self, name, **members):
        body = {"name": name, "margin": "0s", **members}
        return self.api.call("POST", "/api/v1/policies", body)

    def add_endpoint(self, name, **members):
        return self.api.call("POST", "/api/v1/endpoints", {"name": name, **members})

    def clear(self):
        """Removes the ready-made endpoints and policies, so that a test sees only its own."""
        for kind in ("endpoints", "policies"):
            for row in self.api.call("GET", f"/api/v1/{kind}")["items"]:
                self.api.call("DELETE", f"/api/v1/{kind}/{row['id']}")

    def policy(self, identity):
        return self.api.call("GET", f"/api/v1/policies/{identity}")

    def switch(self, policy, what, **members):
        """what: enable, disable, automatic."""
        return self.api.call("POST", f"/api/v1/policies/{policy}/{what}", members)

    def send_alert(self, token=None, **members):
        """One native alert; returns the answer's JSON."""
        token = token or self.tokens["sources"]["native"]
        return self.api.call("POST", f"/in/native/{token}", members)

    def source_url(self, source):
        return f"http://{ADDRESS}/in/{source}/{self.tokens['sources'][source]}"

    def captures_of(self, policy):
        query = urllib.parse.urlencode({"policy": policy})
        return self.api.call("GET", f"/api/v1/captures?{query}")["items"]

    def capture(self, identity):
        return self.api.call("GET", f"/api/v1/captures/{identity}")

    def wait_capture(self, policy, state, limit=15.0):
        """The policy's newest capture once it is in that state."""
        def found():
            rows = self.captures_of(policy)
            assert rows, "no capture"
            row = self.capture(rows[0]["id"])
            assert row["state"] == state, row
            return row
        return wait_for(f"capture {state}", found, limit)

    def download(self, identity, name="whole"):
        path = f"{self.folder}/{name}.pcapng"
        self.api.download(f"/api/v1/captures/{identity}/download", path)
        return path


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return re.sub(r".*\) ", "", file.read(), flags=re.S)[0] != "Z"
    except OSError:
        return False


def children_of(pid):
    """All descendants of pid."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in map(int, file.read().split()):
                found += [child, *children_of(child)]
    except OSError:
        pass
    return found
