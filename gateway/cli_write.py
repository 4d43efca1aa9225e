"""Commands for those who write dossiers: a sample to start from, and signing."""

from __future__ import annotations

import argparse
import sys
from datetime import date, datetime, timedelta
from getpass import getpass
from pathlib import Path

from cryptography import x509

from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    aside,
    command,
    read_file,
    settings,
    thousands,
    whole,
    write_file,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.facts import open_catalogue
from schemas import sample
from schemas.catalogue import Catalogue
from signing.asic import ENVELOPE
from signing.dossier import sign_dossier
from signing.sign import SigningKey, load_certificate, load_key
from signing.sign_asic import add_signature, container_of_envelope, make_container

# An invented office of the table that comes with motcua.
DEMO_OFFICE = "09993"
SEED_MAX = 999_999_999
_ZIP = b"PK\x03\x04"


def declare(commands: Commands[Parser]) -> None:
    """Declare `sample` and `sign`."""
    make = command(
        commands,
        "sample",
        _sample,
        says="Tạo một hồ sơ mẫu hợp lệ, chưa ký; người và đơn vị trong đó đều bịa ra.",
        tells="Write a valid unsigned dossier; its people and units are made up. The same arguments, the same bytes.",
        example="""
            motcua sample 600 --employees 10 --seed 7 --unit AK4549H --tax-code 9922360686 -o hoso.xml
            motcua sample 04 -o dangky.xml
            motcua sample RUT --receipt G09.20-20260116-0000123 -o rut.xml      # rút hồ sơ · a withdrawal
            motcua sample 600 --supplement --form D02-TS -o bosung.xml          # bổ sung · a supplement
        """,
    )
    make.add_argument("procedure", metavar="PROCEDURE", help="mã thủ tục: 600, 607, 630a, 04 … · its code")
    make.add_argument("--employees", type=whole(1, sample.EMPLOYEES_MAX), default=10, metavar="N")
    make.add_argument("--seed", type=whole(0, SEED_MAX), default=0, metavar="S")
    make.add_argument("--unit", metavar="CODE", help="mã đơn vị (mặc định: theo --seed) · unit code")
    make.add_argument("--tax-code", metavar="MST", help="mã số thuế (mặc định: theo --seed) · tax code")
    make.add_argument("--office", default=DEMO_OFFICE, metavar="CODE", help="mã cơ quan BHXH (mặc định: %(default)s)")
    make.add_argument("--period", metavar="MM/yyyy", help="kỳ kê khai (mặc định: tháng này) · period")
    make.add_argument("--made-on", type=a_day, metavar="DAY", help="ngày lập (mặc định: hôm nay) · day of making")
    make.add_argument("--attachments", type=whole(0, sample.ATTACHMENTS_MAX), default=1, metavar="N")
    make.add_argument(
        "--attachment-bytes", type=whole(1, sample.ATTACHMENT_SIZE_BYTES_MAX), metavar="N", help="cỡ mỗi PDF · of a PDF"
    )
    make.add_argument(
        "--receipt", default="", metavar="NUMBER", help="số biên nhận của hồ sơ cần rút · to be withdrawn"
    )
    make.add_argument("--supplement", action="store_true", help="hồ sơ bổ sung: chỉ chứng từ và --form · a supplement")
    make.add_argument("--form", action="append", metavar="CODE", help="tờ khai cần có (lặp lại được) · its forms")
    make.add_argument("-o", "--output", metavar="FILE", help="mặc định: đầu ra chuẩn · default: standard output")

    put = command(
        commands,
        "sign",
        _sign,
        says="Ký hồ sơ: từng tờ khai rồi đến phong bì; những byte khác giữ nguyên.",
        tells="Sign a dossier: each form, then the envelope; every other byte stays as it is. An ASiC-E container "
        "gets one more signature.",
        example="""
            motcua sign hoso.xml --key donvi.key.pem --cert donvi.pem -o hoso.signed.xml
            motcua sign hoso.xml --key donvi.p12 --password-file matkhau.txt > hoso.signed.xml
            motcua sign hoso.xml --key donvi.p12 --profile xades -o hoso.signed.xml
            motcua sign hoso.xml --key donvi.p12 --profile asic -o hoso.asice
        """,
    )
    put.add_argument("file", metavar="FILE", help="hồ sơ, hoặc - · the dossier, or - for standard input")
    put.add_argument("--key", required=True, type=Path, metavar="KEY", help="khóa: PEM hoặc PKCS#12 (.p12, .pfx)")
    put.add_argument("--cert", type=Path, metavar="CERT", help="chứng thư số (PEM, DER); không cần nếu đã có trong KEY")
    put.add_argument("--password-file", type=Path, metavar="PATH", help="tệp chứa mật khẩu của khóa · its password")
    put.add_argument("--level", choices=("both", "forms", "envelope"), default="both", help="ký ở mức nào")
    put.add_argument(
        "--profile",
        choices=("national", "xades", "asic"),
        default="national",
        help="dạng chữ ký: quốc gia (XMLDSig), XAdES-B-B, hay gói ASiC-E · kind of signature",
    )
    put.add_argument("-o", "--output", metavar="FILE", help="mặc định: đầu ra chuẩn · default: standard output")


def _sample(asked: argparse.Namespace) -> int:
    today = SystemClock().now().date()
    content = sample.make_dossier(
        asked.procedure,
        employees=asked.employees,
        seed=asked.seed,
        unit=asked.unit or sample.unit_code(asked.seed),
        tax_code=asked.tax_code or sample.tax_code(asked.seed),
        office=asked.office,
        period=asked.period or f"{today:%m/%Y}",
        made_on=asked.made_on or today,
        attachments=asked.attachments,
        attachment_bytes=asked.attachment_bytes,
        forms=asked.form,
        receipt=asked.receipt,
        supplement=asked.supplement,
        catalogue=open_catalogue(settings()),
    )
    write_file(asked.output, content)
    if asked.output:
        aside(f"Đã tạo · wrote {asked.output} ({thousands(len(content))} byte)")
    return DONE


def _sign(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    content = read_file(asked.file)
    key, certificate = load_holder(asked.key, asked.cert, asked.password_file)
    signed = _signed(asked, content, key, certificate, now)
    write_file(asked.output, signed)
    ends = certificate.not_valid_after_utc
    if ends < now:
        aside(f"Lưu ý: chứng thư số đã hết hạn {ends:%d/%m/%Y} · note: the certificate has expired")
    elif ends < now + timedelta(days=30):
        aside(f"Lưu ý: chứng thư số hết hạn {ends:%d/%m/%Y} · note: the certificate expires soon")
    if asked.output:
        aside(f"Đã ký · signed {asked.output} ({thousands(len(signed))} byte)")
    return DONE


def _signed(
    asked: argparse.Namespace, content: bytes, key: SigningKey, certificate: x509.Certificate, now: datetime
) -> bytes:
    at = now.replace(microsecond=0)
    is_container = content.startswith(_ZIP)
    if asked.profile != "asic":
        if is_container:
            raise CannotWork(f"{asked.file} là gói ASiC-E: thêm --profile asic · is a container: add --profile asic")
        paths = signature_paths(open_catalogue(settings()), now.astimezone(VIETNAM).date())
        return sign_dossier(
            content, key, certificate, signature_paths=paths, now=at, level=asked.level, profile=asked.profile
        )
    if asked.level == "forms":
        raise CannotWork(
            "gói ASiC-E luôn được ký ở mức phong bì · a container is always signed on the envelope's level"
        )
    if is_container:
        return add_signature(content, key, certificate, at)
    if asked.level == "envelope":
        return make_container({ENVELOPE: content}, key, certificate, now=at)
    paths = signature_paths(open_catalogue(settings()), now.astimezone(VIETNAM).date())
    return container_of_envelope(content, key, certificate, at, signature_paths=paths)


def signature_paths(catalogue: Catalogue, on: date) -> dict[str, str]:
    """Where each form's own signature stands, by the name of its root element."""
    return {form.root: form.signature_path for form in catalogue.forms(on)}


def load_holder(
    key_file: Path, certificate_file: Path | None, password_file: Path | None
) -> tuple[SigningKey, x509.Certificate]:
    """A key and its certificate from PEM or PKCS#12. Raises `CannotWork`, SigningImpossible."""
    password = password_file.read_bytes().strip() if password_file else None
    if password is None and key_file.suffix.lower() in (".p12", ".pfx") and sys.stdin.isatty():
        password = getpass(f"Mật khẩu của · password of {key_file.name}: ").encode()
    key, certificate = load_key(key_file, password)
    if certificate_file is not None:
        certificate = load_certificate(certificate_file)
    if certificate is None:
        raise CannotWork(f"{key_file.name} không chứa chứng thư số: thêm --cert · holds no certificate: add --cert")
    return key, certificate
