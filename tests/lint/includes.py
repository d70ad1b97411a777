#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (docs/DESIGN.md), and where a third party's header may appear.

With --self-check, the rule is shown forbidden and allowed examples and must tell them apart."""
import re
import sys

import tree

# folder → what it may include besides itself: folders, or single headers
ALLOWED = {
    "base": [],
    "policy": ["base/"],
    "capture": ["base/", "storage/segment.h", "storage/repair.h"],
    "storage": ["base/", "policy/"],
    "dispatch/push": ["base/", "policy/"],
    "dispatch/serve": ["base/", "policy/", "storage/", "capture/recorder.h", "capture/compiler.h",
                       "capture/shared.h", "capture/match_table.h", "capture/extract.h", "capture/digest.h", "capture/segment_index.h",
                       "dispatch/push/courier.h", "dispatch/push/endpoint.h"],
    "firmware": ["base/", "policy/", "capture/", "storage/", "dispatch/"],
    "cli": ["base/"],
}

# these take types from policy/ but call none of its functions
TYPES_ONLY = ("storage/", "dispatch/push/")

# header → the files that may include it
CONFINED = [
    (r"sqlite3(ext)?\.h", r"storage/"),
    (r"event2?/.*|event\.h|evhttp\.h", r"base/loop\.c$|dispatch/serve/"),
    (r"pcap\.h|pcap/.*", r"capture/(compiler|source_pcap|filter)\.c$"),
    (r"pcre2\.h", r"policy/intake_generic\.c$"),
    (r"linux/if_packet\.h", r"capture/(ring[^/]*|source_afpacket)\.c$"),
    (r"netpacket/packet\.h", r"capture/(ring[^/]*|source_afpacket)\.c$"),
    (r"curl/.*", r"(dispatch/push|cli)/"),
    (r"openssl/(ssl|x509.*|pem|ec)\.h",
     r"dispatch/(serve/(tls|certificate|sns)|push/wire)\.c$"),
    (r"librdkafka/.*|rdkafka\.h", r"dispatch/push/"),
    (r"zlib\.h|zstd\.h", r"capture/(sink|segment_index)\.c$"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.M)


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "dispatch" else parts[0]


def judge_own(path, header):
    folder = folder_of(path)
    if folder not in ALLOWED:
        return f"{path}: folder {folder} is not in the table of who may include whom"
    for place in [folder + "/"] + ALLOWED[folder]:
        if header == place or (place.endswith("/") and header.startswith(place)):
            return None
    return f"{path}: may not include \"{header}\""


def judge_foreign(path, header):
    for pattern, place in CONFINED:
        if re.fullmatch(pattern, header) and not re.match(place, path):
            return f"{path}: <{header}> may only be included in {place}"
    return None


def judge(path, header, own):
    return judge_own(path, header) if own else judge_foreign(path, header)


def included(path):
    for quoted, angled in INCLUDE.findall(tree.text(path)):
        yield quoted or angled, bool(quoted)


def policy_functions():
    """Names that policy's headers declare or define as functions."""
    names = set()
    for path in tree.product_files(".h"):
        if path.startswith("policy/"):
            names.update(re.findall(r"\b(\w+)\s*\([^;{)]*\)\s*(?:;|\n\{)", tree.code(path)))
    return names


def check_calls(path, functions):
    """A call needs the function's code at link time, so it is more than a type."""
    if not path.endswith(".c") or not path.startswith(TYPES_ONLY):
        return []
    called = set(re.findall(r"\b(\w+)\s*\(", tree.code(path))) & functions
    return [f"{path}: calls {name}() of policy/, of which it may use types only"
            for name in sorted(called)]


def check_tree():
    paths = [p for p in tree.product_files(".c", ".h")]
    known = set(tree.files(".h"))
    functions = policy_functions()
    complaints = []
    for path in paths:
        for header, quoted in included(path):
            if quoted and header not in known:
                complaints.append(f"{path}: \"{header}\" is no header of ours, from the root")
                continue
            complaints.append(judge(path, header, quoted))
        complaints += check_calls(path, functions)
    tree.finish([c for c in complaints if c], len(paths))


FORBIDDEN = [
    ("base/buf.c", "policy/alert.h", True), ("policy/engine.c", "storage/db.h", True),
    ("capture/cursor.c", "storage/db.h", True), ("capture/cursor.c", "policy/level.h", True),
    ("storage/db.c", "dispatch/serve/route.h", True), ("storage/db.c", "capture/shared.h", True),
    ("dispatch/push/courier.c", "dispatch/serve/route.h", True),
    ("dispatch/push/courier.c", "storage/outbox.h", True),
    ("dispatch/serve/api.c", "dispatch/push/endpoint_http.h", True),
    ("dispatch/serve/api.c", "capture/cursor.h", True), ("cli/main.c", "storage/db.h", True),
    ("dispatch/serve/api.c", "firmware/config.h", True), ("new/thing.c", "base/buf.h", True),
    ("cli/main.c", "sqlite3.h", False), ("policy/engine.c", "event2/event.h", False),
    ("capture/cursor.c", "pcap/pcap.h", False), ("firmware/main.c", "linux/if_packet.h", False),
    ("dispatch/serve/api.c", "curl/curl.h", False), ("base/ipc.c", "event2/event.h", False),
]
ACCEPTED = [
    ("base/buf.c", "base/alloc.h", True), ("capture/writer.c", "storage/segment.h", True),
    ("dispatch/serve/api.c", "capture/recorder.h", True), ("storage/db.c", "sqlite3.h", False),
    ("dispatch/serve/api.c", "dispatch/push/courier.h", True), ("cli/main.c", "curl/curl.h", False),
    ("firmware/wiring.c", "dispatch/push/courier.h", True), ("base/loop.c", "event2/event.h", False),
    ("capture/ring_socket.c", "linux/if_packet.h", False), ("base/buf.c", "stdio.h", False),
    ("capture/compiler.c", "pcap/pcap.h", False), ("storage/outbox.c", "policy/engine.h", True),
]


def self_check():
    complaints = [f"not refused: {e}" for e in FORBIDDEN if not judge(*e)]
    complaints += [f"refused: {e}" for e in ACCEPTED if judge(*e)]
    tree.finish(complaints, len(FORBIDDEN) + len(ACCEPTED))


if __name__ == "__main__":
    self_check() if "--self-check" in sys.argv else check_tree()
