# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test file starts from: the tools, the network, one daemon, and the runner.

A file runs alone: `python3 test_x.py [TestCase.test_name]`, as root. RINGBELL_BUILD names the build
folder (default: the newest of build/*). Without root the file is skipped (exit status 77).
"""

import os
import signal
import sys
import unittest

import contract
import packets
from build import ROOT, Tools, build_folder
from daemon import Api, Daemon
from network import Network, Traffic
from senders import stamp

SKIPPED = 77
MIB = 1 << 20
Api.judge = contract.check


class Case(unittest.TestCase):
    """One network per test. The daemon's log is shown when the test fails."""

    maxDiff = None

    def setUp(self):
        self.tools = Tools(build_folder())
        self.network = Network()
        self.addCleanup(self.network.close)
        self.addCleanup(self._check_contract)

    def daemon(self, **options):
        """A started daemon without the ready-made policies."""
        daemon = Daemon(self.network, self.tools.ringbelld, **options)
        self.addCleanup(daemon.close)
        self.addCleanup(self._show_log, daemon)
        daemon.start()
        daemon.clear()
        return daemon

    def traffic(self, rate, **options):
        traffic = Traffic(self.network, self.tools.gen, rate, **options)
        self.addCleanup(traffic.stop)
        return traffic

    def verify(self, *paths, **expected):
        return packets.verify(self.tools.verify, *paths, **expected)

    def assert_seamless(self, path, **expected):
        """Every sequence number between the file's first and last one is there exactly once (with
        ports: of those that are expected, and no other)."""
        facts = self.verify(path, **expected)
        self.assertGreater(facts["uniq"], 0, facts)
        for key in ("span_lost", "dup", "bad", "outside", "sliced", "truncated"):
            self.assertEqual(facts[key], 0, facts)
        return facts

    def _check_contract(self):
        """Also what a thread got, or a condition swallowed."""
        found, contract.violations[:] = list(contract.violations), []
        self.assertEqual(found, [], "docs/openapi.json does not describe it")

    def _show_log(self, process):
        outcome = self._outcome.result
        failed = [test for test, _ in outcome.failures + outcome.errors if test is self]
        if failed:
            print(f"--- log of {process.__class__.__name__} in {self.id()}", file=sys.stderr)
            print(process.read_log()[-20000:], file=sys.stderr)


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(SKIPPED)
    # A terminated test must still run its cleanups.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(verbosity=2, failfast=False)
