"""Commands of the operator for who signs for a unit: any certificate with its tax code, or only registered ones."""

from __future__ import annotations

import argparse
import getpass
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.belonging_words import day_for_people
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    aside,
    command,
    read_file,
    settings,
    table,
)
from gateway.clock import VIETNAM, SystemClock, from_us, rfc3339, to_us
from gateway.opened import open_migrated
from gateway.renewal import Holder, Kinship, binding_of, identity_of, kinship
from signing.certificate import read_certificate
from signing.indication import Refusal, Signer
from storage import bindings, journal, register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import sqlalchemy as sa

    from storage.bindings import Binding

_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"


def declare(kinds: Commands[Parser]) -> None:
    """Declare `unit bind|bindings|unbind|signing`."""
    bind = command(
        kinds,
        "bind",
        _bind,
        says="Đăng ký chứng thư số ký cho đơn vị; bản gia hạn của nó tự được nhận.",
        tells="Register a certificate that signs for a unit; its renewals are recognised by themselves.",
        example="""
            motcua unit bind --code AK4549H --cert congty.pem
            motcua unit bind --code AK4549H --cert congty.cer --from 01/07/2026 --to 31/12/2026
            motcua unit signing --code AK4549H --mode registered    # từ nay chỉ nhận chứng thư đã đăng ký
        """,
    )
    _add_code(bind)
    bind.add_argument("--cert", required=True, metavar="FILE", help="chứng thư số, PEM hoặc DER · the certificate")
    bind.add_argument("--from", dest="since", type=a_day, metavar="DAY", help="từ ngày (mặc định: hôm nay)")
    bind.add_argument("--to", dest="until", type=a_day, metavar="DAY", help="đến hết ngày · its last day")
    add_by(bind)
    show = command(
        kinds,
        "bindings",
        _bindings,
        says="Liệt kê chứng thư số đã đăng ký cho đơn vị, kể cả đã hết hoặc đã gỡ.",
        tells="List the certificates registered for a unit, ended and withdrawn ones too.",
        example="motcua unit bindings --code AK4549H",
    )
    _add_code(show)
    add_json(show)
    unbind = command(
        kinds,
        "unbind",
        _unbind,
        says="Gỡ một chứng thư số khỏi đơn vị, có hiệu lực ngay; hồ sơ đã nhận không đổi.",
        tells="Withdraw a certificate from a unit, at once; what was received stays as it is.",
        example="""
            motcua unit unbind --code AK4549H --cert congty.pem
            motcua unit unbind --code AK4549H --serial 5404fffe --with-renewals
        """,
    )
    _add_code(unbind)
    which = unbind.add_mutually_exclusive_group(required=True)
    which.add_argument("--cert", metavar="FILE", help="chứng thư số, PEM hoặc DER · the certificate")
    which.add_argument("--serial", metavar="HEX", help="số sê-ri, như trong unit bindings · its serial number")
    which.add_argument("--sha256", metavar="HEX", help="SHA-256 của chứng thư · its digest")
    unbind.add_argument("--with-renewals", action="store_true", help="gỡ cả các bản gia hạn · its renewals too")
    add_by(unbind)
    signing = command(
        kinds,
        "signing",
        _signing,
        says="Chọn ai được ký cho đơn vị: mọi chứng thư có MST của đơn vị, hay chỉ chứng thư đã đăng ký.",
        tells="Say whose certificates sign for a unit: any with its tax code, or only registered ones.",
        example="""
            motcua unit signing --code AK4549H --mode registered
            motcua unit signing --code AK4549H --mode tax-code --signed-by-parent yes
        """,
    )
    _add_code(signing)
    signing.add_argument("--mode", choices=(register.BY_TAX_CODE, register.REGISTERED), help="ai được ký · who signs")
    signing.add_argument(
        "--signed-by-parent",
        choices=("yes", "no"),
        help="trụ sở chính được ký thay chi nhánh (mặc định: no) · the head office may sign for its branch",
    )


def _add_code(parser: Parser) -> None:
    parser.add_argument("--code", required=True, metavar="CODE", help="mã đơn vị, 7 ký tự · unit code")


def add_by(parser: Parser) -> None:
    """Let the operator say who registers it."""
    parser.add_argument("--by", default="", metavar="NAME", help="người thực hiện (mặc định: tên đăng nhập máy này)")


def registrar(asked: argparse.Namespace) -> str:
    """Who registers: as told, else the name that this machine knows the operator by."""
    if asked.by:
        return str(asked.by)
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "operator"


def _bind(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    today = now.astimezone(VIETNAM).date()
    since = asked.since or today
    if asked.until and asked.until < since:
        raise CannotWork(f"--to trước --from · --to is before --from ({asked.until} < {since})")
    signer = read_signer(asked.cert)
    with open_migrated(settings()) as database, database.begin() as tx:
        unit = _unit(tx, asked.code, max(since, today))
        _fits(signer, unit, asked.cert)
        row = binding_of(
            signer,
            unit=unit.code,
            valid_from=since,
            valid_to=asked.until,
            registered_by=registrar(asked),
            at_us=to_us(now),
        )
        bindings.bind(tx, row)
    if signer.not_after <= now:
        aside("Lưu ý: chứng thư đã hết hạn; chỉ bản gia hạn của nó ký được · note: expired, only a renewal can sign")
    if unit.signing != register.REGISTERED:
        aside(
            f"Lưu ý: {unit.code} vẫn nhận mọi chứng thư có MST của đơn vị; đổi: motcua unit signing --mode registered"
            " · note: the unit still takes any certificate with its tax code"
        )
    print(f"Đã đăng ký · registered {signer.serial} ({signer.common_name}) → {unit.code}, {_span(row)}")
    return DONE


def read_signer(path: str) -> Signer:
    """The holder of the one certificate in a file, PEM or DER. Raises `CannotWork`."""
    content = read_file(path)
    if _PEM_BEGIN in content:
        try:
            held = x509.load_pem_x509_certificates(content)
        except ValueError as error:
            raise CannotWork(f"{path}: không đọc được · not readable ({error})") from error
        if len(held) != 1:
            raise CannotWork(
                f"{path}: có {len(held)} chứng thư, cần đúng một · holds {len(held)} certificates, not one"
            )
        content = held[0].public_bytes(Encoding.DER)
    found = read_certificate(content)
    if isinstance(found, Refusal):
        raise CannotWork(f"{path}: không phải chứng thư số dùng được · no usable certificate ({found.code})")
    if found.is_authority:
        raise CannotWork(f"{path}: là chứng thư của tổ chức chứng thực · an authority's certificate")
    return found.signer


def _fits(signer: Signer, unit: register.Unit, path: str) -> None:
    """A certificate that could never sign for the unit is not registered. Raises `CannotWork`."""
    held = identity_of(signer.identifiers).tax_codes
    kin = kinship(unit.tax_code, held)
    if kin is Kinship.SAME or (kin is Kinship.PARENT and unit.signed_by_parent):
        return
    raise CannotWork(
        f"{path}: MST {', '.join(signer.tax_codes) or 'không có'}, đơn vị {unit.code} có MST {unit.tax_code}"
        f" · its tax code is not the unit's ({kin})"
    )


def _bindings(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    with open_migrated(settings()) as database, database.read() as tx:
        held = bindings.bindings(tx, asked.code)
    if asked.json:
        print(msgspec.json.encode([_shown(one, now) for one in held]).decode())
        return DONE
    if not held:
        print(f"Đơn vị {asked.code} chưa có chứng thư nào được đăng ký · no certificates are registered")
        return DONE
    serials = {one.sha256: one.serial for one in held}
    rows = [("SÊ-RI", "NGƯỜI ĐƯỢC CẤP", "HẾT HẠN", "ĐĂNG KÝ", "TRẠNG THÁI", "GIA HẠN CỦA")]
    for one in held:
        expires = day_for_people(from_us(one.not_after_us).date())
        renewed = serials.get(one.renews or "", "")
        rows.append((one.serial, _holder(one).common_name, expires, _span(one), _state(one, now)[0], renewed))
    print("\n".join(table(rows)))
    return DONE


def _shown(one: Binding, now: datetime) -> dict[str, object]:
    holder = _holder(one)
    return {
        "unit": one.unit,
        "sha256": one.sha256,
        "serial": one.serial,
        "issuer": one.issuer,
        "common_name": holder.common_name,
        "identifiers": holder.identifiers,
        "not_before": rfc3339(from_us(one.not_before_us)),
        "not_after": rfc3339(from_us(one.not_after_us)),
        "valid_from": one.valid_from,
        "valid_to": one.valid_to,
        "state": _state(one, now)[1],
        "renews": one.renews,
        "registered_by": one.registered_by,
        "registered_at": rfc3339(from_us(one.at_us)),
        "withdrawn_by": one.withdrawn_by,
        "withdrawn_at": rfc3339(from_us(one.withdrawn_at_us)) if one.withdrawn_at_us else None,
    }


def _state(one: Binding, now: datetime) -> tuple[str, str]:
    """Whether the binding counts now, in Vietnamese for people and in English for programs."""
    today = now.astimezone(VIETNAM).date().isoformat()
    if one.withdrawn_at_us is not None:
        return f"đã gỡ {day_for_people(from_us(one.withdrawn_at_us).date())}", "withdrawn"
    if one.valid_from > today:
        return "chưa bắt đầu", "not-begun"
    if one.valid_to is not None and one.valid_to < today:
        return "đã hết", "ended"
    return "đang dùng", "live"


def _holder(one: Binding) -> Holder:
    return msgspec.json.decode(one.holder, type=Holder)


def _span(one: Binding) -> str:
    until = f"đến {day_for_people(one.valid_to)}" if one.valid_to else "không thời hạn"
    return f"từ {day_for_people(one.valid_from)} {until}"


def _unbind(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    with open_migrated(settings()) as database, database.begin() as tx:
        # Rounds that write renewals wait meanwhile, so that none slips in behind this withdrawal.
        turn = journal.take_turn(tx)
        held = bindings.bindings(tx, asked.code)
        wanted = [_chosen(held, asked)]
        if asked.with_renewals:
            wanted += bindings.renewals_of(held, wanted[0])
        by, now_us = registrar(asked), to_us(now)
        count = sum(bindings.withdraw(tx, asked.code, sha256, by=by, now_us=now_us) for sha256 in wanted)
        left = bindings.bindings(tx, asked.code)
        journal.end_turn(tx, turn)
    if not count:
        raise CannotWork("chứng thư này đã được gỡ trước đó · it was withdrawn already")
    print(f"Đã gỡ · withdrawn: {count}")
    if still := sorted({one.serial for one in left if _state(one, now)[1] == "live"}):
        aside(
            f"Còn hiệu lực: {', '.join(still)}; bản gia hạn của các chứng thư này vẫn được nhận"
            " · still registered, and their renewals are still taken"
        )
    return DONE


def _chosen(held: Sequence[Binding], asked: argparse.Namespace) -> str:
    """The digest of the one certificate that is meant. Raises `CannotWork`."""
    if asked.cert:
        found = {read_signer(asked.cert).certificate_sha256} & {one.sha256 for one in held}
    elif asked.serial:
        serial = asked.serial.replace(":", "").lower().lstrip("0")
        found = {one.sha256 for one in held if one.serial == serial}
    else:
        found = {one.sha256 for one in held if one.sha256 == asked.sha256.replace(":", "").lower()}
    if len(found) != 1:
        how_many = "không có chứng thư nào như vậy" if not found else "có nhiều chứng thư như vậy, hãy nói --sha256"
        raise CannotWork(f"đơn vị {asked.code}: {how_many} · {len(found)} such certificates are registered")
    return found.pop()


def _signing(asked: argparse.Namespace) -> int:
    if asked.mode is None and asked.signed_by_parent is None:
        raise CannotWork("cần --mode hoặc --signed-by-parent · say --mode or --signed-by-parent")
    now = SystemClock().now()
    today = now.astimezone(VIETNAM).date()
    parent = None if asked.signed_by_parent is None else asked.signed_by_parent == "yes"
    with open_migrated(settings()) as database, database.begin() as tx:
        if not register.set_signing(tx, asked.code, today, signing=asked.mode, parent=parent):
            raise CannotWork(f"không có đơn vị {asked.code} từ hôm nay · no such unit from today on")
        unit = _unit(tx, asked.code, today)
        live = [one for one in bindings.bindings(tx, asked.code) if _state(one, now)[1] == "live"]
    if unit.signing == register.REGISTERED and not live:
        aside(
            f"Lưu ý: {unit.code} chưa có chứng thư nào được đăng ký, mọi hồ sơ sẽ bị từ chối; dùng motcua unit bind"
            " · note: no certificate is registered, so that every dossier will be refused"
        )
    print(f"{unit.code}: {unit.signing}, signed-by-parent {'yes' if unit.signed_by_parent else 'no'}")
    return DONE


def _unit(tx: sa.Connection, code: str, on: date) -> register.Unit:
    """The unit as registered on that day, else its next row. Raises `CannotWork`."""
    day = on.isoformat()
    rows = [one for one in register.units_of(tx, code) if one.valid_to is None or one.valid_to >= day]
    if not rows:
        raise CannotWork(f"không có đơn vị {code} trong sổ · no such unit in the register")
    begun = [one for one in rows if one.valid_from <= day]
    return begun[-1] if begun else rows[0]
