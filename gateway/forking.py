"""Read only by the process from which workers are forked: how it, and they, take being told to stop.

A signal to the whole group reaches that process too. Were it to end by it, whoever waits for the workers would take
them for ended while they still answer, and would not wait; were it killed, they would serve on, watched by nobody.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

# prctl(2): the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG: Final = 1
_FORKING: Final = os.getpid()
_libc: Final = ctypes.CDLL(None, use_errno=True)


def _be_a_worker() -> None:
    """Stop when told, and when nobody is there to tell."""
    if os.getppid() != _FORKING:
        return  # a worker's own child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


# It ends when the workers and the one that watches them have ended: when nobody holds its pipe any more.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.register_at_fork(after_in_child=_be_a_worker)
