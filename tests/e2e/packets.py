# SPDX-License-Identifier: Apache-2.0
"""What is in a capture file: exact loss by sequence number, and what other people's tools say."""

import json
import re
import subprocess


def verify(tool, *paths, flows=None, ports=None, bound=None):
    """The harness's exact count: {uniq, dup, span_lost, first, max, first_ns, last_ns, dropcount, …};
    see tests/harness/verify.c. With ports ("1024-1031") only packets of these source ports are
    expected. Sequence numbers are below bound (a small one is quicker). Files that break a rule of pcapng are an error."""
    command = [tool]
    if bound:
        command += ["-n", str(bound)]
    if ports:
        command += ["-P", ports, "-F", str(flows)]
    done = subprocess.run([*command, *paths], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"verify: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def complaint(text):
    """stderr without the one line about running as root."""
    lines = [line for line in text.splitlines()
             if line and not line.startswith("Running as user")]
    return "\n".join(lines)


def open_in_tools(path):
    """Opens the file in tshark and capinfos; both must be content. Returns capinfos' facts:
    {packets, first, last} (seconds since 1970)."""
    for command in (["tshark", "-q", "-n", "-r", path], ["capinfos", "-M", path]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or complaint(done.stderr):
            raise AssertionError(f"{command[0]} complains: {done.returncode} {done.stderr}")
    done = subprocess.run(["capinfos", "-M", "-c", "-a", "-e", "-S", path],
                          capture_output=True, text=True)
    facts = {"packets": int(re.search(r"Number of packets:\s+(\d+)", done.stdout)[1])}
    for key, label in (("first", "First packet time"), ("last", "Last packet time")):
        found = re.search(label + r":\s+([\d.]+)", done.stdout)
        facts[key] = float(found[1]) if found else 0.0
    return facts
