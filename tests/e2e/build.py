# SPDX-License-Identifier: Apache-2.0
"""Where the sources and the programs under test are."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build_folder():
    """RINGBELL_BUILD, or the newest of build/dev and build/release."""
    if "RINGBELL_BUILD" in os.environ:
        return os.environ["RINGBELL_BUILD"]
    found = [f"{ROOT}/build/{name}" for name in ("dev", "release")]
    found = [path for path in found if os.path.exists(f"{path}/firmware/ringbelld")]
    if not found:
        sys.exit("no build found: run cmake, or set RINGBELL_BUILD")
    return max(found, key=lambda path: os.path.getmtime(f"{path}/firmware/ringbelld"))


class Tools:
    def __init__(self, build):
        self.ringbelld = f"{build}/firmware/ringbelld"
        self.ringbell = f"{build}/cli/ringbell"
        self.gen = f"{build}/tests/harness/gen"
        self.verify = f"{build}/tests/harness/verify"
        self.jinja_lines = f"{build}/tests/differential/jinja_lines"
        self.bench_filter = f"{build}/tests/bench/bench_filter"
        self.bench_engine = f"{build}/tests/bench/bench_engine"
        self.bench_intake = f"{build}/tests/bench/bench_intake"
        self.bench_outbox = f"{build}/tests/bench/bench_outbox"
        self.pcap_memory = f"{build}/tests/harness/pcap_memory"
        self.failing_calls = f"{build}/tests/harness/libfailing_calls.so"
