"""Manifests for tests: made as a counter's software makes them, and signed by its key."""

import hashlib
import uuid
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.postal.manifest_said import SIGNED_TYPE
from signing.seal import Signer, create_seal_key, seal_jws
from tests.gateway.inhouse import OFFICE, Inhouse

MADE_AT = "2026-03-02T07:40:00+07:00"
TAKEN_AT = "2026-03-02T09:15:00+07:00"


def pieces(**counts: int) -> list[dict[str, Any]]:
    return [{"kind": kind.replace("_", "-"), "count": count} for kind, count in counts.items()]


def an_item(number: str, *, condition: str = "intact", note: str = "", **counts: int) -> dict[str, Any]:
    said: dict[str, Any] = {"number": number, "condition": condition}
    if counts:
        said["pieces"] = pieces(**counts)
    if note:
        said["note"] = note
    return said


def a_manifest(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the post hands to the office, unless told otherwise."""
    told = {
        "id": str(uuid.uuid4()), "number": "BK-05/2026-0001", "carrier": "vnpost", "office": OFFICE, "direction": "in",
        "made_at": MADE_AT, "officer": "Bưu tá Nguyễn Văn Đệ", "items": list(items),
    }  # fmt: skip
    return told | changes


def a_receipt(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"made_at": TAKEN_AT, "officer": "Lê Thị Ước", "lines": list(lines)} | changes


def of(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a receipt says of its manifest's paper."""
    return {name: manifest[name] for name in ("number", "carrier", "office", "direction")}


def digest(said: dict[str, Any]) -> str:
    """As any other software would work it out: sorted JSON without blanks and without the signature."""
    plain = {name: value for name, value in said.items() if name != "signature"}
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def signed(said: dict[str, Any], manifest: str, side: str, key: Signer, **changes: Any) -> dict[str, Any]:
    payload = {"manifest": manifest, "side": side, "sha256": digest(said)} | changes
    return said | {"signature": seal_jws(key, msgspec.json.encode(payload), SIGNED_TYPE)}


class Counter:
    """A client of one side, its token and its own key."""

    def __init__(self, gateway: Inhouse, role: Any, folder: Path, **more: Any) -> None:
        self.key = create_seal_key(folder / f"{uuid.uuid4()}.pem")
        more = {"offices": ["vnpost"]} | more if role == "post" else more
        self.client, self.secret = gateway.client(role, **more)
        jwk = msgspec.json.encode(self.key.public_jwk()).decode()
        with gateway.house.database.begin() as tx:
            tx.execute(sa.text("UPDATE client SET jwk = :jwk WHERE id = :id"), {"id": self.client, "jwk": jwk})
        self.token = gateway.token(self.client, self.secret)
