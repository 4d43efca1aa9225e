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
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    command,
    read_file,
    settings,
    thousands,
)
from gateway.clock import VIETNAM, SystemClock, for_people
from gateway.receipt import JUDGEMENT_TYPE, NOTICE_TYPE, RECEIPT_TYPE, Judgement, Notice, Receipt
from gateway.seals import history_path, open_seal
from signing.jwks import Doubt, JwksUnusable, PublishedKey, read_jwks
from signing.seal import SealBroken, SealKeyUnusable, kid_of, load_seal_key, open_jws
from signing.signer import jwk_of

_PIECES = 3
_Statement = Receipt | Notice | Judgement
_KINDS: dict[str, type[_Statement]] = {RECEIPT_TYPE: Receipt, NOTICE_TYPE: Notice, JUDGEMENT_TYPE: Judgement}


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
            # khóa đã lộ, nhưng có dấu thời gian · the key is compromised, but a time-stamp proves it was there:
            motcua verify hoso.receipt.jws --key cong.jwks --existed-at 2026-03-02T09:00+07:00
        """,
    )
    verify.add_argument("file", metavar="FILE", help="biên nhận (JWS, hoặc câu trả lời JSON của cổng), hoặc -")
    verify.add_argument("--key", metavar="FILE", help="khóa của cổng: JWKS, JWK hoặc PEM (mặc định: cổng trên máy này)")
    verify.add_argument("--content", metavar="FILE", help="hồ sơ mà biên nhận nói đến · the dossier it speaks of")
    verify.add_argument(
        "--existed-at",
        type=an_instant,
        metavar="TIME",
        help="lúc mà một bằng chứng độc lập cho thấy văn bản đã có · when it was there, by a proof from elsewhere",
    )
    add_json(verify)


def _verify(asked: argparse.Namespace) -> int:
    keys = _keys(asked.key)
    try:
        statement = _statement(read_file(asked.file))
        said, key = _open(statement, keys, asked.existed_at)
        if asked.content:
            _compare(said, read_file(asked.content))
    except _Untrue as wrong:
        if asked.json:
            print(msgspec.json.encode({"ok": False, "wrong": wrong.en, "wrong_vi": wrong.vi}).decode())
        else:
            print(f"KHÔNG ĐÚNG · DOES NOT HOLD  {asked.file}\n  {wrong.vi}\n  {wrong.en}")
        return JUDGED_BAD
    if asked.json:
        told = {"ok": True, "compared_with_content": bool(asked.content), "says": said, "key": key}
        print(msgspec.json.encode(told).decode())
        return DONE
    print(f"ĐÚNG · HOLDS  {asked.file}")
    for line in (*_sentences(said), _period(key)):
        print(f"  {line}")
    if asked.content:
        print(f"  Nội dung {asked.content} đúng từng byte · the content is the same, byte for byte.")
    else:
        print("  Chưa so nội dung (--content FILE) · not compared with any content.")
    return DONE


def _keys(path: str | None) -> dict[str, PublishedKey]:
    """The pinned keys by their names (RFC 7638 thumbprints), each with its period where that is known."""
    if path is None:
        told, now = settings(), SystemClock().now()
        if not history_path(told).exists() and not told.path("seal_key", "seal.pem").exists():
            raise CannotWork("cần --key: khóa của cổng đã ghim · --key is needed: the gateway's key that you pinned")
        return {key.kid: key for key in open_seal(told, now, keep=False, to_seal=False).keys(now)}
    content = read_file(path)
    if content.lstrip().startswith(b"-----BEGIN"):
        key = PublishedKey(jwk=_pem(content, path))
        return {key.kid: key}
    try:
        return read_jwks(content)
    except JwksUnusable as error:
        raise CannotWork(f"{path}: không phải JWK, JWKS hay PEM · neither JWK, JWKS nor PEM ({error})") from error


def _pem(content: bytes, path: str) -> dict[str, str]:
    if b"PRIVATE KEY" in content:
        return load_seal_key(Path(path)).public_jwk()
    try:
        public = load_pem_public_key(content)
    except ValueError as error:
        raise CannotWork(f"{path}: không đọc được khóa PEM · not a readable PEM key") from error
    try:
        if isinstance(public, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            return jwk_of(public)
    except SealKeyUnusable:
        pass
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


def _open(
    statement: str, keys: dict[str, PublishedKey], existed_at: datetime | None
) -> tuple[_Statement, PublishedKey]:
    header = _header(statement)
    # The key is the reader's choice: the header's name for it only picks among those that were pinned.
    named = kid_of(statement)
    key = keys.get(named)
    if key is None:
        raise _Untrue(
            f"Biên nhận được niêm phong bằng khóa khác: {named[:60]!r}, không phải khóa đã ghim. Nếu cổng đã đổi khóa, "
            "hãy tải lại /v1/keys qua đường tin cậy.",
            f"Sealed by another key, {named[:60]!r}, not by {', '.join(keys)}. If the gateway has a new key since, "
            "fetch /v1/keys again in a way that you trust.",
        )
    kind = _KINDS.get(header.get("typ", ""))
    if kind is None:
        told = header.get("typ")
        raise _Untrue(f"Loại văn bản {told!r} không phải biên nhận.", f"Its type {told!r} is none of ours.")
    try:
        payload = open_jws(statement, key.jwk, typ=header["typ"])
    except SealBroken as error:
        raise _Untrue(f"Niêm phong đã vỡ: nội dung đã bị sửa ({error}).", f"The seal is broken: {error}.") from error
    try:
        said = msgspec.json.decode(payload, type=kind)
        sealed_at = _sealed_at(said)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _Untrue(f"Nội dung không đúng dạng: {error}.", f"It says not what a receipt says: {error}.") from error
    if doubt := key.doubt(sealed_at, existed_at):
        raise _doubted(doubt, key, sealed_at)
    return said, key


def _sealed_at(said: _Statement) -> datetime:
    """The instant whose key must have sealed this: a later judgement is sealed when it is made. Raises ValueError."""
    instant = datetime.fromisoformat(said.judged_at if isinstance(said, Judgement) else said.received_at)
    if instant.tzinfo is None:
        raise ValueError("its time has no zone")
    return instant


def _doubted(doubt: Doubt, key: PublishedKey, sealed_at: datetime) -> _Untrue:
    """Why a seal that holds as a signature proves nothing all the same."""
    at, kid = for_people(sealed_at), key.kid[:12]
    match doubt:
        case Doubt.AFTER_ITS_PERIOD:
            end = for_people(key.seals_until or sealed_at)
            return _Untrue(
                f"Văn bản ghi lúc {at}, nhưng khóa {kid} chỉ niêm phong đến trước {end}: không phải do cổng cấp.",
                f"It says {at}, but the key {kid} sealed only before {end}: the gateway did not issue it.",
            )
        case Doubt.BEFORE_ITS_PERIOD:
            start = for_people(key.seals_from or sealed_at)
            return _Untrue(
                f"Văn bản ghi lúc {at}, nhưng khóa {kid} chỉ niêm phong từ {start}: không phải do cổng cấp.",
                f"It says {at}, but the key {kid} sealed only from {start} on: the gateway did not issue it.",
            )
        case Doubt.COMPROMISED:
            since = for_people(key.compromised_at or sealed_at)
            return _Untrue(
                f"Khóa {kid} đã lộ từ {since}: ngày trong văn bản không còn chứng minh được gì. Cần bằng chứng độc lập "
                "(dấu thời gian, nhật ký minh bạch) rằng văn bản đã có trước lúc đó, rồi ghi lúc ấy vào --existed-at.",
                f"The key {kid} is compromised since {since}: the date in the statement proves nothing. It needs a "
                "proof from elsewhere (a time-stamp, the log) that it was there before; tell when by --existed-at.",
            )


def _period(key: PublishedKey) -> str:
    begins, ends = (for_people(at) if at else "—" for at in (key.seals_from, key.seals_until))
    known = (
        "" if key.seals_from or key.seals_until or key.published_at else " (không rõ thời gian dùng · period unknown)"
    )
    return f"Khóa niêm phong · seal key {key.kid[:12]}, từ · from {begins}, đến trước · before {ends}{known}"


def _header(statement: str) -> dict[str, str]:
    first = statement.partition(".")[0]
    try:
        return msgspec.json.decode(_from_base64url(first), type=dict[str, str])
    except (ValueError, msgspec.MsgspecError):
        raise _Untrue("Không đọc được phần đầu của JWS.", "The header of the JWS cannot be read.") from None


def _compare(said: _Statement, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != said.sha256:
        raise _Untrue(
            f"Nội dung có SHA-256 {found}, biên nhận nói về {said.sha256}.",
            f"The content's SHA-256 is {found}, the statement speaks of {said.sha256}.",
        )


def _sentences(said: _Statement) -> list[str]:
    at = for_people(datetime.fromisoformat(said.received_at).astimezone(VIETNAM))
    if isinstance(said, Judgement):
        judged = for_people(_sealed_at(said))
        verdict = " ".join(filter(None, (said.state, said.verdict, said.sub_indication)))
        lines = [
            f"Kết luận số {said.judgement}, lúc {judged}: hồ sơ {said.dossier} (biên nhận {said.receipt}) {verdict}.",
            f"Judgement {said.judgement} of {judged} on what was received at {at} under {said.receipt}: {verdict}.",
            f"SHA-256 {said.sha256}; biên nhận · receipt SHA-256 {said.receipt_sha256}",
        ]
        return [*lines, *(f"- {one.message}" for one in said.findings)]
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


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
