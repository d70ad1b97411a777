# SPDX-License-Identifier: Apache-2.0
"""What the README tells a newcomer to type works, typed as written by an ordinary user in a fresh copy
of the sources. Fenced sh blocks after <!-- test: name --> are run."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

import harness
import packets
from daemon import Api
from network import die_with_parent
from waiting import wait_for

BLOCK = re.compile(r"^<!-- test: ([\w-]+) -->\n+```sh\n(.*?)^```$", re.M | re.S)
BUILD_LIMIT = 600 # beside other tests


def named_blocks(path):
    with open(path) as file:
        return dict(BLOCK.findall(file.read()))


class Newcomer:
    """An ordinary user of this machine with a copy of the sources; both are removed by close()."""

    def __init__(self):
        self.name = f"rbe-{os.getpid()}"
        self.folder = tempfile.mkdtemp(prefix="ringbell-e2e-docs-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.home = f"{self.folder}/home"
        subprocess.run(["useradd", "--create-home", "--home-dir", self.home, "--shell", "/bin/sh",
                        self.name], check=True)
        self.sources = f"{self.home}/ringbell"
        self._copy_sources()

    def _copy_sources(self):
        def built(folder, _names):
            return ["build", ".git"] if folder == harness.ROOT else ["__pycache__"]
        shutil.copytree(harness.ROOT, self.sources, symlinks=True, ignore=built)
        subprocess.run(["chown", "-R", f"{self.name}:", self.home], check=True)

    def type(self, text, log):
        """Starts a shell that runs the text in the sources, in a session of its own."""
        user = pwd.getpwnam(self.name)
        environment = {"HOME": self.home, "USER": self.name, "LANG": "C.UTF-8",
                       "PATH": "/usr/local/bin:/usr/bin:/bin"}
        return subprocess.Popen(["sh", "-e", "-c", text], cwd=self.sources, env=environment,
                                user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                start_new_session=True, preexec_fn=die_with_parent)

    def close(self):
        subprocess.run(["userdel", self.name], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Readme(harness.Case):
    def setUp(self):
        super().setUp()
        self.blocks = named_blocks(f"{harness.ROOT}/README.md")
        self.user = Newcomer()
        self.addCleanup(self.user.close)

    def end(self, shell):
        """Ctrl-C for everything the shell started."""
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGINT)
        try:
            shell.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()

    def start_demo(self):
        self.output = f"{self.user.folder}/demo.log"
        with open(self.output, "wb") as log:
            shell = self.user.type(self.blocks["demo"], log)
        self.addCleanup(self.end, shell)

        def ready():
            if shell.poll() is not None:
                raise SystemError(f"the demo ended: {self.read_output()}")
            return Api().ask("GET", "/readyz").status == 200
        wait_for("the demo", ready, BUILD_LIMIT, pause=0.2)
        return shell

    def read_output(self):
        with open(self.output) as file:
            return file.read()

    def type(self, text):
        log = f"{self.user.folder}/typed.log"
        with open(log, "wb") as out:
            shell = self.user.type(text, out)
        self.addCleanup(self.end, shell)
        shell.wait(60)
        with open(log) as file:
            shown = file.read()
        self.assertEqual(shell.returncode, 0, shown)
        return shown

    def test_demo_and_first_capture(self):
        self.assertEqual(set(self.blocks), {"demo", "first-capture"}, "a block nobody runs")
        self.start_demo()
        self.type(self.blocks["first-capture"])
        facts = packets.open_in_tools(f"{self.user.sources}/incident.pcapng")
        self.assertGreater(facts["packets"], 0)
        self.check_printed_lines()

    def check_printed_lines(self):
        """The ready lines that the demo prints do what they say."""
        lines = [line.strip() for line in self.read_output().splitlines()]
        ready = [line for line in lines if re.match(r"(curl|\S*ringbell) ", line)]
        self.assertGreaterEqual(len(ready), 3, self.read_output())
        for line in ready:
            self.type(line)


if __name__ == "__main__":
    harness.main()
