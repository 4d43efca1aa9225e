"""Run as a process of its own (`apart` starts it): reads or cuts out the pages of one scan, and then is gone."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from gateway.mailroom.apart import PAGES_MAX, SIZE_BYTES_MAX, STATUSES, TIME_S_MAX

MEMORY_BYTES_MAX: Final = 3 * 1024 * 1024 * 1024
# prctl(2): the signal that a process gets when its parent ends; never to gain a right by starting a program.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def hold_to_limits() -> None:
    """Memory and time are bounded, no file is written, nothing is left behind by a crash; all before the first byte."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, int(TIME_S_MAX)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, bound))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main() -> int:
    """Do what the arguments say with the bytes on standard input. Ends with one of `apart.STATUSES` if it refuses."""
    hold_to_limits()
    # Libraries that read what strangers send are loaded only under the limits.
    from gateway.mailroom import page_reading, pages_apart, sheets_apart  # noqa: PLC0415
    from gateway.mailroom.scan_images import Refused  # noqa: PLC0415

    task, media_type, *numbers = sys.argv[1:]
    content = sys.stdin.buffer.read(SIZE_BYTES_MAX + 1)
    try:
        if len(content) > SIZE_BYTES_MAX or len(numbers) > PAGES_MAX:
            raise Refused("too-large")  # noqa: TRY301
        if task == "read":
            page_reading.tell(content, media_type, sys.stdout.buffer)
        else:
            made = {"extract": pages_apart.cut_out, "join": sheets_apart.joined, "picture": sheets_apart.picture}[task]
            sys.stdout.buffer.write(made(content, media_type, [int(each) for each in numbers]))
        sys.stdout.buffer.flush()
    except Refused as refused:
        return STATUSES[str(refused)]
    except MemoryError:
        return STATUSES["too-large"]
    except Exception:
        return STATUSES["damaged"]
    return 0


if __name__ == "__main__":
    # Straight out: libraries that were given rubbish are not asked to tidy up.
    os._exit(main())
