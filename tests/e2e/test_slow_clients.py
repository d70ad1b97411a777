# SPDX-License-Identifier: Apache-2.0
"""A thousand slow clients, the short form of tests/fault/slow_clients."""

import harness
import slow

CLIENTS = 1000
LIMIT = 25 # seconds, of a machine that may be busy; tests/fault/slow_clients holds 20
P99 = 1.0 # of a machine that may be busy; tests/fault/slow_clients holds 50 ms


class SlowClients(harness.Case):
    def daemon(self, **options):
        """Speaks TLS or not, as the sections say."""
        daemon = harness.Daemon(self.network, self.tools.ringbelld, **options)
        if options["sections"]["tls"]["mode"] == "on":
            daemon.api.tls = slow.unverified()
        self.addCleanup(daemon.close)
        self.addCleanup(self._show_log, daemon)
        daemon.start()
        daemon.clear()
        return daemon

    def test_plain(self):
        self.check(slow.trial(self, CLIENTS, limit=LIMIT))

    def test_tls(self):
        self.check(slow.trial(self, CLIENTS // 2, tls=True, limit=LIMIT))

    def check(self, figures):
        self.assertLess(figures["healthy"]["p99"], P99, figures)
        self.assertGreater(figures["healthy"]["requests"], 50, figures)
        self.assertGreater(figures["captured"], 1000, figures)


if __name__ == "__main__":
    harness.main()
