"""Commands of the operator for paper: `motcua post …`; each part declares its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import (
    cli_post_account,
    cli_post_announce,
    cli_post_handlings,
    cli_post_items,
    cli_post_mailroom,
    cli_post_manifest,
    cli_post_returns,
)
from gateway.cli_terms import Commands, Parser, group

if TYPE_CHECKING:
    from collections.abc import Callable

# Every part declares its commands in the group.
PARTS: tuple[Callable[[Commands[Parser]], None], ...] = (
    cli_post_announce.declare,
    cli_post_items.declare,
    cli_post_handlings.declare,
    cli_post_mailroom.declare,
    cli_post_returns.declare,
    cli_post_manifest.declare,
    cli_post_account.declare,
)


def declare(commands: Commands[Parser]) -> None:
    """Declare `post …`."""
    kinds = group(
        commands,
        "post",
        says="Hồ sơ giấy gửi qua bưu chính: bưu gửi, số cấp sẵn, sự kiện, bản kê.",
        tells="Paper that comes and goes by post: items, numbers given out beforehand, events, manifests.",
    )
    for part in PARTS:
        part(kinds)
