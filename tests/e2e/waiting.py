# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions with a limit: nothing in these tests relies on a sleep being long enough."""

import time


class TimeIsUp(AssertionError):
    """The condition did not come true within its limit."""


def wait_for(what, condition, limit=10.0, pause=0.02):
    """Calls condition() until it returns something true, which is returned.

    An AssertionError or OSError inside condition counts as "not yet"; the last one is shown when the
    time is up.
    """
    end = time.monotonic() + limit
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > end:
            raise TimeIsUp(f"{what}: not within {limit} s (last: {last!r})")
        time.sleep(pause) # wait: the pause between two looks at the condition
