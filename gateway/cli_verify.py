"""The command that verifies a receipt or a notice offline, against a key that its reader has pinned."""

from __future__ import annotations

import argparse
import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    read_file,
    settings,
    thousands,
)
from gateway.clock import VIETNAM, for_people
from gateway.receipt import NOTICE_TYPE, RECEIPT_TYPE, Notice, Receipt
from signing.seal import SealBroken, load_seal_key, open_jws, thumbprint

_COORDINATE_OCTETS = 32
_PIECES = 3


class _Untrue(Exception):
    """The first thing that is wrong with the statement, in Vietnamese and English."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} · {en}")
        self.vi, self.en = vi, en


def declare(commands: Commands[Parser]) -> None:
    """Declare `verify`."""
    verify = command(
        commands,
        "verify",
        _verify,
        says="Kiểm chứng biên nhận hoặc thông báo không tiếp nhận, ngoại tuyến, bằng khóa của cổng đã ghim.",
        tells="Verify a receipt or a notice of refusal offline, against the gateway's key that you pinned.",
        example="""
            curl -s http://127.0.0.1:8080/v1/keys > cong.jwks         # ghim một lần · pin it once
            motcua verify hoso.signed.xml.receipt.jws --key cong.jwks --content hoso.signed.xml
        """,
    )
    verify.add_argument("file", metavar="FILE", help="biên nhận (JWS, hoặc câu trả lời JSON của cổng), hoặc -")
    verify.add_argument("--key", metavar="FILE", help="khóa của cổng: JWKS, JWK hoặc PEM (mặc định: cổng trên máy này)")
    verify.add_argument("--content", metavar="FILE", help="hồ sơ mà biên nhận nói đến · the dossier it speaks of")
    add_json(verify)


def _verify(asked: argparse.Namespace) -> int:
    keys = _keys(asked.key)
    try:
        statement = _statement(read_file(asked.file))
        said = _open(statement, keys)
        if asked.content:
            _compare(said, read_file(asked.content))
    except _Untrue as wrong:
        if asked.json:
            print(msgspec.json.encode({"ok": False, "wrong": wrong.en, "wrong_vi": wrong.vi}).decode())
        else:
            print(f"KHÔNG ĐÚNG · DOES NOT HOLD  {asked.file}\n  {wrong.vi}\n  {wrong.en}")
        return JUDGED_BAD
    if asked.json:
        print(msgspec.json.encode({"ok": True, "compared_with_content": bool(asked.content), "says": said}).decode())
        return DONE
    print(f"ĐÚNG · HOLDS  {asked.file}")
    for line in _sentences(said):
        print(f"  {line}")
    if asked.content:
        print(f"  Nội dung {asked.content} đúng từng byte · the content is the same, byte for byte.")
    else:
        print("  Chưa so nội dung (--content FILE) · not compared with any content.")
    return DONE


def _keys(path: str | None) -> dict[str, dict[str, str]]:
    """The pinned keys by their names (RFC 7638 thumbprints)."""
    if path is None:
        local = settings().path("seal_key", "seal.pem")
        if not local.exists():
            raise CannotWork("cần --key: khóa của cổng đã ghim · --key is needed: the gateway's key that you pinned")
        found: list[dict[str, str]] = [load_seal_key(local).public_jwk()]
    else:
        content = read_file(path)
        found = [_pem(content, path)] if content.lstrip().startswith(b"-----BEGIN") else _jwks(content, path)
    try:
        return {thumbprint(jwk): jwk for jwk in found}
    except SealBroken as error:
        raise CannotWork(f"{path}: {error}") from error


def _jwks(content: bytes, path: str) -> list[dict[str, str]]:
    """One JWK or a set (RFC 7517 §5); members that are not text do not matter here."""
    try:
        held: Any = msgspec.json.decode(content)
        keys = held.get("keys", [held])
        return [{name: value for name, value in key.items() if isinstance(value, str)} for key in keys]
    except (msgspec.DecodeError, TypeError, AttributeError) as error:
        raise CannotWork(f"{path}: không phải JWK, JWKS hay PEM · neither JWK, JWKS nor PEM") from error


def _pem(content: bytes, path: str) -> dict[str, str]:
    if b"PRIVATE KEY" in content:
        return load_seal_key(Path(path)).public_jwk()
    try:
        public = load_pem_public_key(content)
    except ValueError as error:
        raise CannotWork(f"{path}: không đọc được khóa PEM · not a readable PEM key") from error
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        numbers = public.public_numbers()
        x, y = (_base64url(one.to_bytes(_COORDINATE_OCTETS, "big")) for one in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    raise CannotWork(f"{path}: khóa không phải P-256 hay Ed25519 · neither P-256 nor Ed25519")


def _statement(content: bytes) -> str:
    """The compact JWS: as a file of its own, or inside an answer of the gateway that was kept."""
    try:
        text = content.decode("ascii").strip()
        if text.startswith("{"):
            answer: Any = msgspec.json.decode(text)
            text = answer.get("receipt") or answer.get("notice") or ""
    except (UnicodeDecodeError, msgspec.DecodeError):
        text = ""
    if text.count(".") != _PIECES - 1:
        raise _Untrue("Tệp không phải biên nhận (JWS).", "The file is no receipt (JWS).")
    return text


def _open(statement: str, keys: dict[str, dict[str, str]]) -> Receipt | Notice:
    header = _header(statement)
    # The key is the reader's choice: the header's name for it only picks among those that were pinned.
    jwk = keys.get(header.get("kid", ""))
    if jwk is None:
        raise _Untrue(
            f"Biên nhận được niêm phong bằng khóa khác: {header.get('kid')}, không phải khóa đã ghim.",
            f"Sealed by another key, {header.get('kid')}, not by {', '.join(keys)}.",
        )
    kinds: dict[str, type[Receipt | Notice]] = {RECEIPT_TYPE: Receipt, NOTICE_TYPE: Notice}
    kind = kinds.get(header.get("typ", ""))
    if kind is None:
        told = header.get("typ")
        raise _Untrue(f"Loại văn bản {told!r} không phải biên nhận.", f"Its type {told!r} is none of ours.")
    try:
        payload = open_jws(statement, jwk, typ=header["typ"])
    except SealBroken as error:
        raise _Untrue(f"Niêm phong đã vỡ: nội dung đã bị sửa ({error}).", f"The seal is broken: {error}.") from error
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError as error:
        raise _Untrue(f"Nội dung không đúng dạng: {error}.", f"It says not what a receipt says: {error}.") from error


def _header(statement: str) -> dict[str, str]:
    first = statement.partition(".")[0]
    try:
        return msgspec.json.decode(_from_base64url(first), type=dict[str, str])
    except (ValueError, msgspec.MsgspecError):
        raise _Untrue("Không đọc được phần đầu của JWS.", "The header of the JWS cannot be read.") from None


def _compare(said: Receipt | Notice, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != said.sha256:
        raise _Untrue(
            f"Nội dung có SHA-256 {found}, biên nhận nói về {said.sha256}.",
            f"The content's SHA-256 is {found}, the statement speaks of {said.sha256}.",
        )


def _sentences(said: Receipt | Notice) -> list[str]:
    at = for_people(datetime.fromisoformat(said.received_at).astimezone(VIETNAM))
    size = thousands(said.size_bytes)
    if isinstance(said, Notice):
        why = " ".join(filter(None, (said.code, said.verdict, said.sub_indication)))
        lines = [
            f"Thông báo số {said.notice}: cổng KHÔNG tiếp nhận {size} byte nhận lúc {at} ({why}).",
            f"Notice {said.notice}: {size} bytes received at {at} were NOT accepted ({why}).",
            f"SHA-256 {said.sha256}",
        ]
        return [*lines, *(f"- {one.message}" for one in said.findings)]
    due = for_people(datetime.fromisoformat(said.due_at)) if said.due_at else "—"
    return [
        f"Biên nhận số {said.receipt}: cổng đã tiếp nhận hồ sơ {said.dossier} lúc {at}.",
        f"Receipt {said.receipt}: the gateway accepted dossier {said.dossier} at {at}.",
        f"{size} byte, SHA-256 {said.sha256}",
        f"Thủ tục · procedure {said.procedure_version}, kỳ · period {said.period or '—'}, đợt · batch {said.batch}",
        f"Đơn vị · unit {said.unit or '—'}, MST {said.tax_code}, người nộp · submitter {said.submitter}",
        f"Chữ ký · signature {said.verdict} ({said.policy})",
        f"Cơ quan giải quyết · competent office {said.competent_office}, hẹn trả · due {due}",
    ]


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
