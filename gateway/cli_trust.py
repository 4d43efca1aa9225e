"""Commands of the operator for trust: which certificate authorities' signatures the gateway believes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    group,
    read_file,
    settings,
    table,
)
from gateway.clock import SystemClock
from signing.indication import Refusal
from signing.trust import TrustStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_SUFFIXES = (".pem", ".crt", ".cer", ".der")
_SOON_DAYS = 90


class _Held(Struct, frozen=True):
    """A certificate of the trust folder, and what is wrong with it, if anything."""

    file: str
    kind: str
    subject: str
    not_after: str
    sha256: str
    wrong: str = ""


def declare(commands: Commands[Parser]) -> None:
    """Declare `trust add|list|check`."""
    kinds = group(
        commands,
        "trust",
        says="Chứng thư số gốc và trung gian được tin (MOTCUA_TRUST).",
        tells="Trusted anchors and the intermediates below them.",
    )
    add = command(
        kinds,
        "add",
        _add,
        says="Thêm chứng thư số của CA sau khi kiểm tra. Tự ký là gốc được tin: hãy đối chiếu dấu vân tay trước.",
        tells="Add an authority's certificate after checking it. A self-signed one becomes an anchor.",
        example="""
            motcua trust add ca-goc.pem ca-trung-gian.pem
            motcua trust list
        """,
    )
    add.add_argument("files", nargs="+", metavar="FILE", help="chứng thư số PEM hoặc DER · certificates")
    for name, run, says, tells in (
        ("list", _list, "Liệt kê chứng thư số được tin.", "List what is trusted."),
        ("check", _check, "Như list; kết thúc 1 nếu có gì hỏng.", "As list; exit status 1 when anything is wrong."),
    ):
        shown = command(kinds, name, run, says=says, tells=tells, example=f"motcua trust {name}")
        add_json(shown)


def _add(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    checked = [one for file in asked.files for one in _authorities(file, now)]
    folder = settings().path("trust", "trust")
    folder.mkdir(parents=True, exist_ok=True)
    held = {one.fingerprint(hashes.SHA256()) for _, one in _certificates(folder)}
    for certificate in checked:
        name = certificate.fingerprint(hashes.SHA256())
        kind = "gốc · anchor" if _is_anchor(certificate) else "trung gian · intermediate"
        subject = certificate.subject.rfc4514_string()
        if name in held:
            print(f"Đã có · already there: {kind}  {subject}")
            continue
        _lay(folder / f"{name.hex()[:16]}.pem", certificate.public_bytes(Encoding.PEM))
        print(f"Đã thêm · added: {kind}  {subject}\n  SHA-256 {name.hex()}")
    print("Cổng đọc lại khi khởi động · the gateway reads it at its next start")
    return DONE


def _authorities(file: str, now: datetime) -> list[x509.Certificate]:
    """The certificates of a file, each fit to be trusted or to be a link. Raises `CannotWork`."""
    content = read_file(file)
    if b"PRIVATE KEY" in content:
        raise CannotWork(f"{file}: có khóa riêng bên trong, không phải chỗ này · holds a private key, keep it away")
    try:
        pem = b"-----BEGIN CERTIFICATE-----" in content
        found = x509.load_pem_x509_certificates(content) if pem else [x509.load_der_x509_certificate(content)]
    except ValueError as error:
        raise CannotWork(f"{file}: không phải chứng thư số · not a certificate") from error
    for one in found:
        if wrong := _fault(one, now):
            raise CannotWork(f"{file}: {one.subject.rfc4514_string()}: {wrong}")
    return found


def _fault(certificate: x509.Certificate, now: datetime) -> str:
    """Why a certificate should not be in the trust folder, or nothing."""
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    if not is_authority:
        return "không phải chứng thư số của CA · not an authority's certificate"
    if certificate.not_valid_after_utc < now:
        return f"hết hạn · expired {certificate.not_valid_after_utc:%d/%m/%Y}"
    if certificate.not_valid_before_utc > now:
        return f"chưa có hiệu lực · not valid before {certificate.not_valid_before_utc:%d/%m/%Y}"
    return ""


def _list(asked: argparse.Namespace) -> int:
    _shown(asked)
    return DONE


def _check(asked: argparse.Namespace) -> int:
    held = _shown(asked)
    anchors = [one for one in held if one.kind == "anchor"]
    if not anchors and not asked.json:
        print("KHÔNG có gốc nào: mọi chữ ký sẽ bị từ chối · NO anchor: every signature will be refused")
    return JUDGED_BAD if not anchors or any(one.wrong for one in held) else DONE


def _shown(asked: argparse.Namespace) -> list[_Held]:
    folder = settings().path("trust", "trust")
    held = _held(folder, SystemClock().now())
    if asked.json:
        print(msgspec.json.encode(held).decode())
        return held
    words = {"anchor": "gốc · anchor", "intermediate": "trung gian · intermediate"}
    rows = [
        (words[one.kind], one.not_after, one.sha256[:16], one.subject, f"✗ {one.wrong}" if one.wrong else "")
        for one in held
    ]
    head = ("LOẠI", "HẾT HẠN", "SHA-256", "CHỦ THỂ", "")
    print("\n".join(table([head, *rows])) if held else f"{folder}: chưa có gì · nothing there yet")
    return held


def _held(folder: Path, now: datetime) -> list[_Held]:
    found = list(_certificates(folder))
    anchors = [one for _, one in found if _is_anchor(one)]
    store = TrustStore(anchors, [one for _, one in found if one not in anchors])
    held = []
    for name, one in found:
        wrong = _fault(one, now)
        if not wrong and one not in anchors:
            chain = store.chain(one.public_bytes(Encoding.DER), now)
            wrong = "không nối được tới gốc nào · leads to no anchor" if isinstance(chain, Refusal) else ""
        soon = (one.not_valid_after_utc - now).days < _SOON_DAYS
        held.append(
            _Held(
                file=name,
                kind="anchor" if one in anchors else "intermediate",
                subject=one.subject.rfc4514_string(),
                not_after=f"{one.not_valid_after_utc:%d/%m/%Y}" + (" (!)" if soon and not wrong else ""),
                sha256=one.fingerprint(hashes.SHA256()).hex(),
                wrong=wrong,
            )
        )
    return held


def _certificates(folder: Path) -> Iterator[tuple[str, x509.Certificate]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES:
            content = path.read_bytes()
            try:
                pem = b"-----BEGIN CERTIFICATE-----" in content
                each = x509.load_pem_x509_certificates(content) if pem else [x509.load_der_x509_certificate(content)]
            except ValueError as error:
                raise CannotWork(f"{path}: không phải chứng thư số · not a certificate") from error
            yield from ((path.name, one) for one in each)


def _is_anchor(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _lay(path: Path, content: bytes) -> None:
    """Write whole or not at all: a gateway that starts meanwhile must not read half a certificate."""
    before = path.with_suffix(".new")
    before.write_bytes(content)
    os.replace(before, path)  # noqa: PTH105 - said as what it is
