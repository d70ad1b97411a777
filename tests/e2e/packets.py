# SPDX-License-Identifier: Apache-2.0
"""What is in a capture file: exact loss by sequence number, the facts other tools read, and a small
pcapng reader for what they do not show."""

import json
import os
import re
import struct
import subprocess

MAGIC = struct.pack("<Q", 0x4341504C41423031)
MAGIC_AT = 42 # after Ethernet, IPv4 and UDP headers
SEQUENCES_MAX = 200_000_000

SECTION, INTERFACE, PACKET, STATISTICS = 0x0A0D0D0A, 1, 6, 5
OPTION_COMMENT, OPTION_DROPCOUNT, OPTION_IF_NAME = 1, 4, 2
OPTION_IFDROP, OPTION_OSDROP = 5, 7


def verify(tool, *paths, bound=SEQUENCES_MAX):
    """The harness's exact count: {pkts, uniq, dup, first, max, span_lost, …}."""
    done = subprocess.run([tool, "-n", str(bound), *paths], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"verify failed: {done.stdout}{done.stderr}")
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


def blocks(path):
    """Yields (type, offset, body) of each whole block; stops at the first inconsistent one."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        offset = 0
        while offset + 12 <= size:
            kind, length = struct.unpack("<II", file.read(8))
            if length < 12 or length % 4 or offset + length > size:
                return
            body = file.read(length - 12)
            if struct.unpack("<I", file.read(4))[0] != length:
                return
            yield kind, offset, body
            offset += length


def options(body):
    """{code: [value, …]} of an option list."""
    found = {}
    at = 0
    while at + 4 <= len(body):
        code, length = struct.unpack_from("<HH", body, at)
        if code == 0:
            break
        found.setdefault(code, []).append(body[at + 4:at + 4 + length])
        at += 4 + (length + 3) // 4 * 4
    return found


class Contents:
    """All that the tests ask of a file, in one walk."""

    def __init__(self, path):
        self.sections = 0
        self.statistics = 0
        self.interfaces = []
        self.comments = []      # of sections
        self.marks = []         # (packet number, comment) of packets
        self.sequences = []     # of our generated packets
        self.times = []         # ns
        self.foreign = 0        # packets that are not the generator's
        self.dropped = 0        # sum of epb_dropcount
        self.statistics_drops = 0
        for kind, _, body in blocks(path):
            self._add(kind, body)

    def _add(self, kind, body):
        if kind == PACKET:
            self._add_packet(body)
        elif kind == SECTION:
            self.sections += 1
            self.comments += [text.decode() for text in options(body[16:]).get(OPTION_COMMENT, [])]
        elif kind == INTERFACE:
            names = options(body[8:]).get(OPTION_IF_NAME, [b""])
            self.interfaces.append(names[0].decode())
        elif kind == STATISTICS:
            self.statistics += 1
            found = options(body[12:])
            for code in (OPTION_IFDROP, OPTION_OSDROP):
                value = struct.unpack("<Q", found.get(code, [bytes(8)])[0])[0]
                self.statistics_drops = max(self.statistics_drops, value)

    def _add_packet(self, body):
        high, low, length = struct.unpack_from("<III", body, 4)
        data_end = 20 + (length + 3) // 4 * 4
        if len(body) > data_end:
            found = options(body[data_end:])
            for value in found.get(OPTION_DROPCOUNT, []):
                self.dropped += struct.unpack("<Q", value)[0]
            for value in found.get(OPTION_COMMENT, []):
                self.marks.append((len(self.times), value.decode()))
        self.times.append(high << 32 | low)
        at = 20 + MAGIC_AT
        if body[at:at + 8] == MAGIC and length >= MAGIC_AT + 16:
            self.sequences.append(struct.unpack_from("<Q", body, at + 8)[0])
        else:
            self.foreign += 1


def missing_in(sequences, expected=lambda number: True):
    """Expected numbers between the first and the last one that are not there, in order."""
    if not sequences:
        return []
    have = set(sequences)
    return [number for number in range(min(have), max(have) + 1)
            if expected(number) and number not in have]
