"""A bound on what a library may do that has none of its own: so many calls of its functions, and no more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooMuchWork(BaseException):
    """The bound was reached. Doing it again reaches it again: calls are counted, not seconds.

    Not an Exception, so that no `except Exception` on the way takes it for one of the library's own.
    """


@contextmanager
def bounded_calls(calls_max: int) -> Iterator[None]:
    """Raise `TooMuchWork` inside once `calls_max` Python functions have been called in this thread.

    What a called C function does is not seen; whoever uses this bounds the size of what it works on. Costs some tenths
    of a microsecond a call. A tracer that was there before (a debugger's) waits until it is over.
    """
    left = calls_max

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooMuchWork

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)
