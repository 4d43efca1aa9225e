"""The command that verifies a statement or an evidence bundle offline, against a key that its reader has pinned."""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
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
)
from gateway.clock import SystemClock, for_people
from gateway.log_opening import OriginSaid
from gateway.seals import history_path, open_seal
from gateway.verify_bundle import BundleVerification, Step
from gateway.verify_statement import Statement, Untrue, open_statement
from gateway.verify_words import sentences
from signing.jwks import JwksUnusable, PublishedKey, read_jwks
from signing.seal import SealKeyUnusable, load_seal_key
from signing.signer import jwk_of
from signing.trust import TrustStore, TrustUnusable

_PIECES = 3
_ZIP_MARK = b"PK\x03\x04"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def declare(commands: Commands[Parser]) -> None:
    """Declare `verify`."""
    verify = command(
        commands,
        "verify",
        _verify,
        says="Kiểm chứng biên nhận, thông báo hoặc gói bằng chứng, ngoại tuyến, bằng khóa của cổng đã ghim.",
        tells="Verify a receipt, a notice or an evidence bundle offline, against the gateway's key that you pinned.",
        example="""
            curl -s http://127.0.0.1:8080/v1/keys > cong.jwks         # ghim một lần · pin it once
            motcua verify hoso.signed.xml.receipt.jws --key cong.jwks --content hoso.signed.xml
            motcua verify hoso.asice --key cong.jwks --tsa goc-tsa.pem
            # khóa đã lộ, nhưng có dấu thời gian · the key is compromised, but a time-stamp proves it was there:
            motcua verify hoso.receipt.jws --key cong.jwks --existed-at 2026-03-02T09:00+07:00
        """,
    )
    verify.add_argument("file", metavar="FILE", help="biên nhận (JWS, hoặc câu trả lời JSON), gói .asice, hoặc -")
    verify.add_argument(
        "--key", metavar="FILE", help="khóa của cổng: JWKS, JWK, PEM, hoặc thumbprint (mặc định: cổng trên máy này)"
    )
    verify.add_argument(
        "--tsa",
        metavar="PATH",
        help="chứng thư gốc của tổ chức cấp dấu thời gian · the authorities' roots (PEM, folder)",
    )
    verify.add_argument("--content", metavar="FILE", help="hồ sơ mà biên nhận nói đến · the dossier it speaks of")
    verify.add_argument(
        "--existed-at",
        type=an_instant,
        metavar="TIME",
        help="lúc mà một bằng chứng độc lập cho thấy văn bản đã có · when it was there, by a proof from elsewhere",
    )
    add_json(verify)


def _verify(asked: argparse.Namespace) -> int:
    if asked.file != "-" and _is_bundle(asked.file):
        return _verify_bundle(asked)
    keys = _keys(asked.key)
    if isinstance(keys, str):
        raise CannotWork("chỉ gói bằng chứng mang khóa theo; cần tệp khóa · a thumbprint will do for a bundle alone")
    try:
        statement = _statement(read_file(asked.file))
        said, key = open_statement(statement, keys, lambda: asked.existed_at)
        if asked.content:
            _compare(said, read_file(asked.content))
    except Untrue as wrong:
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
    for line in (*sentences(said), _period(key)):
        print(f"  {line}")
    if asked.content:
        print(f"  Nội dung {asked.content} đúng từng byte · the content is the same, byte for byte.")
    else:
        print("  Chưa so nội dung (--content FILE) · not compared with any content.")
    return DONE


def _is_bundle(path: str) -> bool:
    """Whether the file is a ZIP, or is called like one."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_ZIP_MARK)) == _ZIP_MARK or path.lower().endswith((".asice", ".sce"))
    except OSError as error:
        raise CannotWork(f"{path}: {error.strerror}") from error


def _verify_bundle(asked: argparse.Namespace) -> int:
    """All steps; what holds is told as it is found, and the first thing that is wrong ends it."""
    if asked.content:
        raise CannotWork("gói bằng chứng đã có nội dung · a bundle has the content inside: --content is not for it")
    found: list[Step] = []
    wrong: Untrue | None = None
    with Path(asked.file).open("rb") as file:
        check = BundleVerification(
            file, _keys(asked.key), now=SystemClock().now(), tsa=_tsa(asked.tsa), existed_at=asked.existed_at
        )
        try:
            for step in check.steps():
                found.append(step)
                if not asked.json:
                    print(f"{step.number}. ✓ {step.vi}\n     {step.en}")
        except Untrue as error:
            wrong = error
    if asked.json:
        told: dict[str, object] = {"ok": wrong is None, "steps": found}
        if wrong:
            told |= {"step": wrong.step, "what": wrong.what, "wrong": wrong.en, "wrong_vi": wrong.vi}
        print(msgspec.json.encode(told).decode())
    elif wrong:
        print(f"{wrong.step}. ✗ {wrong.what}: {wrong.vi}\n     {wrong.en}")
        print(f"KHÔNG ĐÚNG · DOES NOT HOLD  {asked.file}")
    else:
        print(f"ĐÚNG · HOLDS  {asked.file}")
    return JUDGED_BAD if wrong else DONE


def _tsa(path: str | None) -> TrustStore | None:
    """The time-stamp authorities that the reader believes: a PEM file, or a folder of certificates."""
    if path is None:
        return None
    try:
        if Path(path).is_dir():
            return TrustStore.load(Path(path))
        return TrustStore(x509.load_pem_x509_certificates(read_file(path)))
    except (TrustUnusable, ValueError) as error:
        raise CannotWork(f"{path}: không phải chứng thư số PEM · no PEM certificates ({error})") from error


def _keys(path: str | None) -> dict[str, PublishedKey] | str:
    """The pinned keys by their names (RFC 7638 thumbprints), each with its period where that is known; or a
    thumbprint alone.
    """
    if path is None:
        told, now = settings(), SystemClock().now()
        if not history_path(told).exists() and not told.path("seal_key", "seal.pem").exists():
            raise CannotWork("cần --key: khóa của cổng đã ghim · --key is needed: the gateway's key that you pinned")
        return {key.kid: key for key in open_seal(told, now, keep=False, to_seal=False).keys(now)}
    if _THUMBPRINT.fullmatch(path) and not Path(path).exists():
        return path
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
        raise Untrue("Tệp không phải biên nhận (JWS).", "The file is no receipt (JWS).")
    return text


def _period(key: PublishedKey) -> str:
    begins, ends = (for_people(at) if at else "—" for at in (key.seals_from, key.seals_until))
    known = (
        "" if key.seals_from or key.seals_until or key.published_at else " (không rõ thời gian dùng · period unknown)"
    )
    return f"Khóa niêm phong · seal key {key.kid[:12]}, từ · from {begins}, đến trước · before {ends}{known}"


def _compare(said: Statement, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if isinstance(said, OriginSaid) or found != said.sha256:
        named = "" if isinstance(said, OriginSaid) else said.sha256
        raise Untrue(
            f"Nội dung có SHA-256 {found}, văn bản nói về {named or 'một nhật ký'}.",
            f"The content's SHA-256 is {found}, the statement speaks of {named or 'a log'}.",
        )
