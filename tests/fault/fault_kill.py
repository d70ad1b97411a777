# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments: each child once per cycle, in random order, then the supervisor."""

import os
import signal
import time

from waiting import wait_for
from world import ROLES

CYCLES = {"full": 200, "short": 4}
WAIT_MAX = 0.25 # seconds before each kill


def kill_child(world, role, dice):
    time.sleep(dice.uniform(0, WAIT_MAX)) # wait: the random moment is the point
    pid = wait_for(f"{role}'s pid", lambda: world.pid_of(role), 20)
    since = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_for(f"a new {role}", lambda: world.pid_of(role) not in (0, pid), 20)
    world.ready()
    world.recovered(since)
    world.check_outbox()


def kill_supervisor(world, dice):
    time.sleep(dice.uniform(0, WAIT_MAX)) # wait: the random moment is the point
    since = time.monotonic()
    world.ringbell.kill()
    acknowledged = list(world.load.acknowledged)
    world.check_store(acknowledged)
    world.ringbell.start()
    world.recovered(since)
    world.check_outbox()


def cycle(world, number):
    dice = world.random(number)
    roles = list(ROLES)
    dice.shuffle(roles)
    for role in roles:
        kill_child(world, role, dice)
    kill_supervisor(world, dice)
    world.check_files()


def run(world, cycles):
    for number in cycles:
        yield number
        cycle(world, number)
    world.figures["kills_per_process"] = len(cycles)
