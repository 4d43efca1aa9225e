"""The keys that this gateway seals with, as its settings name them, and whether what it sealed was sealed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from signing.keyring import Keyring, KeyringUnusable
from signing.seal import kid_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gateway.config import Settings
    from storage.database import Database

HISTORY_FILE = "seal-keys.json"
_LAST = sa.text("SELECT statement FROM dossier WHERE seq = (SELECT max(seq) FROM dossier)")


def history_path(settings: Settings) -> Path:
    """The file of all keys that ever sealed: all workers and all gateways that share a database read the same."""
    return settings.path("seal_keys", HISTORY_FILE)


def open_seal(settings: Settings, now: datetime, *, keep: bool = True, to_seal: bool = True) -> Keyring:
    """The keyring of these settings; a gateway that has one key and no history yet begins one, written if `keep`.

    Raises `KeyringUnusable`, `SealKeyUnusable`: an operator must mend them; `SealAway`: trying again is safe.
    """
    path, source = history_path(settings), settings.path("seal_key", "seal.pem")
    return Keyring.open(path, source, now, keep=keep, to_seal=to_seal)


def refuse_unknown_seal(seal: Keyring, database: Database, now: datetime) -> None:
    """Refuse a history that lacks the key of the last statement made: it was restored from before a rotation, or lost.

    Published like that, it would make receipts of ours look forged. Raises `KeyringUnusable`, `DatabaseAway`.
    """
    with database.read() as tx:
        statement = tx.execute(_LAST).scalar_one_or_none()
    if statement is None:
        return
    last = kid_of(statement)
    if last not in [key.kid for key in seal.keys(now)]:
        raise KeyringUnusable(
            f"{seal.path}: thiếu khóa {last} đã niêm phong văn bản gần nhất; hãy khôi phục bản mới hơn của tệp này · "
            "lacks the key of the last statement sealed: bring back a newer copy of this file"
        )
