"""The doors to paper, as they are described: one dict from each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_postal_announcements import ANNOUNCEMENT_DOORS
from gateway.api.described_postal_handlings import HANDLINGS_DOORS
from gateway.api.described_postal_items import ITEM_DOORS
from gateway.api.described_postal_mailroom import MAILROOM_DOORS
from gateway.api.described_postal_manifests import MANIFEST_DOORS
from gateway.api.described_postal_papers import POSTAL_PAPER_DOORS
from gateway.api.described_postal_returns import POSTAL_RETURN_DOORS

if TYPE_CHECKING:
    from gateway.api.described_shapes import Door

POSTAL_DOORS: dict[str, Door] = {
    **ANNOUNCEMENT_DOORS,
    **HANDLINGS_DOORS,
    **ITEM_DOORS,
    **MAILROOM_DOORS,
    **MANIFEST_DOORS,
    **POSTAL_PAPER_DOORS,
    **POSTAL_RETURN_DOORS,
}
