# SPDX-License-Identifier: Apache-2.0
"""A catalogue of many captures, written straight into the store of a stopped daemon."""

import sqlite3

FIRST_MS = 1_700_000_000_000
SPACING_MS = 1000
POLICIES = 50
PER_ALERT = 3
FINISHED = 3


def ident(number):
    """UUIDv7 number `number`, one a second."""
    ms = FIRST_MS + number * SPACING_MS
    return f"{ms >> 16:08x}-{ms & 0xffff:04x}-7{number & 0xfff:03x}-8{number >> 12 & 0xfff:03x}-{number:012x}"


def policy(number):
    return ident(10**8 + number % POLICIES)


def alert(number):
    return ident(2 * 10**8 + number // PER_ALERT)


def capture(number):
    at = (FIRST_MS + number * SPACING_MS) * 10**6
    return {"id": ident(number), "policy": policy(number), "policy_name": f"policy-{number % POLICIES}",
            "alert": alert(number), "folder": ident(number), "filter": "", "slice": "whole", "rings": "cap0",
            "state": FINISHED, "created_at": at, "finished_at": at + 60 * 10**9,
            "requested_from": at - 30 * 10**9, "requested_until": at + 60 * 10**9, "trigger_at": at,
            "reach_from": 0, "stop_reason": "recovered: over", "problem": ""}


def segment(number, place):
    at = (FIRST_MS + number * SPACING_MS) * 10**6
    return {"capture": ident(number), "ring": 0, "number": place, "nic": "cap0", "name": f"segment-{place}",
            "sealed": 1, "missing": 1, "file_bytes": 1 << 20, "packets": 1000, "bytes": 1 << 19, "first": at,
            "last": at + 10**9, "loss_kernel": 0, "loss_nic": 0, "loss_cursor": 0, "loss_torn": 0, "loss_disk": 0,
            "loss_restart": 0, "sha256": "0" * 64}


def insert(store, table, rows):
    names = list(rows[0])
    store.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                      [tuple(row.values()) for row in rows])


def fill(path, count):
    store = sqlite3.connect(path)
    insert(store, "captures", [capture(number) for number in range(count)])
    insert(store, "segments", [segment(number, place) for number in range(count) for place in range(2)])
    store.commit()
    store.close()


QUERIES = {
    "newest": lambda dice, count: "limit=50",
    "a page": lambda dice, count: f"limit=50&before={ident(dice.randrange(50, count))}",
    "of a policy": lambda dice, count: f"limit=50&policy={policy(dice.randrange(POLICIES))}",
    "of an alert": lambda dice, count: f"alert={alert(dice.randrange(count))}",
    "running": lambda dice, count: "state=recording",
}
