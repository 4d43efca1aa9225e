"""How a paper dossier came, as its receipt says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.paper_receipt import payload_of
from gateway.postal.paper_told import POST
from gateway.receipt import PaperNamed

if TYPE_CHECKING:
    from storage.journal import Dossier


class _Came(Struct, frozen=True):
    paper: PaperNamed | None = None


def came_by_post(dossier: Dossier) -> PaperNamed | None:
    """How a paper dossier came, as its receipt says; None for what came by wire, or was erased."""
    if dossier.channel != POST or not dossier.statement:
        return None
    return msgspec.json.decode(payload_of(dossier.statement), type=_Came).paper
