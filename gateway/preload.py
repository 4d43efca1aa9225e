"""What all workers hold alike: read once, in a process from which they are forked and whose memory they share."""

from __future__ import annotations

import gc
import os

# The server's own parts are fetched by name when a worker starts; fetched here, they are shared too.
import uvicorn.lifespan.on
import uvicorn.loops.uvloop
import uvicorn.protocols.http.httptools_impl  # noqa: F401

from gateway.app import Door, at_work, build
from gateway.config import load
from gateway.facts import open_catalogue

_SETTINGS = load(os.environ)
_CATALOGUE = open_catalogue(_SETTINGS)
# What the collector looks at it also writes to, and what is written to is shared no longer.
gc.collect()
gc.freeze()


def door() -> Door:
    """What a worker serves."""
    return at_work(build(_SETTINGS, catalogue=_CATALOGUE))
