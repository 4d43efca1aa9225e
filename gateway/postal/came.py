"""How a paper dossier came, as its receipt says."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.clock import from_us
from gateway.paper_receipt import payload_of
from gateway.postal.paper_told import POST
from gateway.receipt import PaperNamed

if TYPE_CHECKING:
    from storage.journal import Dossier


class _Came(Struct, frozen=True):
    paper: PaperNamed | None = None
    half: str = ""


def came_by_post(dossier: Dossier) -> PaperNamed | None:
    """How a paper dossier came, as its receipt says; None for what came by wire, or was erased."""
    if dossier.channel != POST or not dossier.statement:
        return None
    return msgspec.json.decode(payload_of(dossier.statement), type=_Came).paper


def time_of_receipt(dossier: Dossier) -> datetime:
    """When the dossier counts as received: paper when it was posted or arrived, everything else when we had it."""
    paper = came_by_post(dossier)
    return datetime.fromisoformat(paper.time_of_receipt) if paper else from_us(dossier.received_at_us)


def is_half(dossier: Dossier) -> bool:
    """Whether its receipt says that it is one of two halves."""
    return bool(dossier.statement) and bool(msgspec.json.decode(payload_of(dossier.statement), type=_Came).half)
