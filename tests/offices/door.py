"""What a worker of the month's gateway serves: the gateway as it is, on the month's own clock."""

import os
from pathlib import Path

from gateway import background
from gateway.app import Door, at_work, build
from gateway.config import load
from tests.offices.clock import SharedClock

CLOCK_VARIABLE = "MONTH_CLOCK"
# Hours of the month pass in seconds: whoever looks at the clock now and then must look more often.
WATCH_EVERY_S = 2.0


def door() -> Door:
    vars(background)["WATCH_EVERY_S"] = WATCH_EVERY_S
    return at_work(build(load(os.environ), SharedClock(Path(os.environ[CLOCK_VARIABLE]))))
