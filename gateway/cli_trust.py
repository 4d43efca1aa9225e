"""Commands of the operator for trust: which certificate authorities' signatures the gateway believes, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.cli_terms import DONE, JUDGED_BAD, Commands, Parser, a_day, add_json, command, group, settings
from gateway.cli_trust_rows import Row, anchors_trusted, day_of, rows_of, wrong_in
from gateway.clock import SystemClock, for_people

if TYPE_CHECKING:
    from datetime import date

_KINDS: Final = {
    "anchor": "gốc · anchor",
    "intermediate": "trung gian · intermediate",
    "tsa-anchor": "gốc dấu thời gian · TSA anchor",
    "crl": "danh sách thu hồi · CRL",
    "unusable": "không dùng được · unusable",
}


def declare(commands: Commands[Parser]) -> None:
    """Declare `trust add|list|check|withdraw`."""
    kinds = group(
        commands,
        "trust",
        says="Chứng thư số gốc và trung gian được tin (MOTCUA_TRUST); cổng đang chạy tự đọc lại.",
        tells="Trusted anchors and the intermediates below them; a running gateway reads changes by itself.",
    )
    _declare_add(kinds)
    listing = command(
        kinds,
        "list",
        _list,
        says="Liệt kê chứng thư số và CRL: hiệu lực, được tin từ - đến, nguồn, SHA-256, nối tới gốc nào.",
        tells="List certificates and CRLs: validity, since and until when trusted, source, SHA-256, chain.",
        example="""
            motcua trust list
            motcua trust list --json
        """,
    )
    add_json(listing)
    checking = command(
        kinds,
        "check",
        _check,
        says="Chỉ nêu chỗ sai và chỗ nên biết; kết thúc 1 nếu có gì sai.",
        tells="Tell what is wrong or worth knowing; exit status 1 when anything is wrong.",
        example="""
            motcua trust check
            motcua trust check || echo "xem lại thư mục tin cậy"
        """,
    )
    add_json(checking)
    _declare_withdraw(kinds)


def _declare_add(kinds: Commands[Parser]) -> None:
    add = command(
        kinds,
        "add",
        _add,
        says="Thêm chứng thư số của CA sau khi kiểm tra. Tự ký là gốc được tin: đối chiếu SHA-256 với nguồn khác.",
        tells="Add an authority's certificate after checking it. A self-signed one becomes an anchor: compare its "
        "SHA-256 with another source first.",
        example="""
            motcua trust add ca-goc.pem ca-trung-gian.pem --source "công báo NEAC, bản in ngày 05/01/2026"
            motcua trust add ca-goc.cer --sha256 "$(cat ma-sha256-tu-cong-bao.txt)" --from 01/07/2026
            motcua trust add goc-tsa.pem --tsa --until 31/12/2027
        """,
    )
    add.add_argument("files", nargs="+", metavar="FILE", help="chứng thư số PEM hoặc DER · certificates")
    add.add_argument("--source", default="", metavar="TEXT", help="lấy từ đâu (mặc định: tên tệp) · where it is from")
    add.add_argument("--obtained", type=a_day, metavar="DAY", help="ngày lấy (mặc định: hôm nay) · day it was obtained")
    add.add_argument("--from", dest="since", type=a_day, metavar="DAY", help="được tin từ ngày · first day of trust")
    add.add_argument("--until", type=a_day, metavar="DAY", help="được tin đến hết ngày · last day of trust")
    add.add_argument("--note", default="", metavar="TEXT", help="ghi chú · a note")
    add.add_argument("--by", default="", metavar="NAME", help="người thực hiện (mặc định: tên đăng nhập máy này)")
    add.add_argument("--tsa", action="store_true", help="cho CA cấp dấu thời gian · for time-stamp authorities")
    add.add_argument(
        "--yes", action="store_true", help="đã đối chiếu SHA-256, không hỏi · compared already, do not ask"
    )
    add.add_argument(
        "--sha256",
        action="append",
        default=[],
        metavar="HEX",
        help="SHA-256 mà gốc phải có · what the anchor must have",
    )


def _declare_withdraw(kinds: Commands[Parser]) -> None:
    withdraw = command(
        kinds,
        "withdraw",
        _withdraw,
        says="Rút một chứng thư khỏi diện được tin, mọi tiến trình theo sau vài giây. Tệp và lý do được giữ lại. "
        "Muốn tin lại: bỏ withdrawn_on và why trong trust.toml.",
        tells="End trust in a certificate, in every process within seconds. The file and the reason are kept. "
        "To trust it again: take withdrawn_on and why out of trust.toml.",
        example="""
            motcua trust withdraw 3f9a11c0d2e45b76 --why "CA báo lộ khóa, công văn ngày 02/03/2026"
            motcua trust withdraw 3f9a11c0d2e45b76 --why "hết giấy phép" --on 01/07/2026
        """,
    )
    withdraw.add_argument(
        "sha256", metavar="SHA256", help="SHA-256, ít nhất 8 chữ số đầu · at least its first 8 digits"
    )
    withdraw.add_argument("--why", required=True, metavar="TEXT", help="lý do · the reason")
    withdraw.add_argument("--on", type=a_day, metavar="DAY", help="từ đầu ngày (mặc định: hôm nay) · from that day on")
    withdraw.add_argument("--yes", action="store_true", help="kể cả gốc cuối cùng · the last anchor too")


def _add(asked: argparse.Namespace) -> int:
    # Only for these two: they read and write more than a listing does.
    from gateway.cli_trust_add import add  # noqa: PLC0415

    return add(asked)


def _withdraw(asked: argparse.Namespace) -> int:
    from gateway.cli_trust_add import withdraw  # noqa: PLC0415

    return withdraw(asked)


def _list(asked: argparse.Namespace) -> int:
    _show(asked, everything=True)
    return DONE


def _check(asked: argparse.Namespace) -> int:
    rows = _show(asked, everything=False)
    return JUDGED_BAD if wrong_in(rows) or not anchors_trusted(rows) else DONE


def _show(asked: argparse.Namespace, *, everything: bool) -> list[Row]:
    folder = settings().path("trust", "trust")
    rows = rows_of(folder, SystemClock().now())
    if asked.json:
        print(msgspec.json.encode(rows).decode())
        return rows
    names = {one.sha256: one.subject for one in rows if one.sha256}
    for one in rows:
        if everything or one.wrong or one.cautions:
            print("\n".join(_block(one, names)))
    if not rows:
        print(f"{folder}: chưa có gì · nothing there yet")
    if not anchors_trusted(rows):
        print("KHÔNG có gốc nào được tin: mọi chữ ký sẽ bị từ chối · NO anchor: every signature will be refused")
    counts = [sum(one.kind == kind and one.standing == "trusted" for one in rows) for kind in list(_KINDS)[:3]]
    print(
        f"Được tin · trusted: {counts[0]} gốc · anchors, {counts[1]} trung gian · intermediates, {counts[2]} gốc dấu "
        f"thời gian · TSA anchors; {sum(len(one.wrong) for one in rows)} lỗi · wrong, "
        f"{sum(len(one.cautions) for one in rows)} lưu ý · cautions"
    )
    return rows


def _block(one: Row, names: dict[str, str]) -> list[str]:
    """One certificate or CRL: its heading, what is known of it, what is wrong with it."""
    mark = "✗" if one.wrong else "–" if one.standing not in ("trusted", "") else "!" if one.cautions else "✓"
    lines = [f"{mark} {_KINDS[one.kind]}  {one.subject or one.file}"]
    if one.kind == "crl":
        until = f" đến · until {for_people(one.not_after)}" if one.not_after else ""
        lines.append(f"{one.file}: ngày · of {for_people(one.not_before)}{until}" if one.not_before else one.file)
    elif one.kind != "unusable":
        lines += _known(one, names)
    lines += [f"✗ {said.vi} · {said.en}" for said in one.wrong]
    lines += [f"! {said.vi} · {said.en}" for said in one.cautions]
    return [lines[0], *(f"    {line}" for line in lines[1:])]


def _known(one: Row, names: dict[str, str]) -> list[str]:
    lines = [f"SHA-256 {one.sha256}  ({one.file})"]
    if one.not_before and one.not_after:
        lines.append(f"hiệu lực · valid {day_of(one.not_before)} – {day_of(one.not_after)}")
    if one.withdrawn_on:
        since = f"rút từ · withdrawn from {_day(one.withdrawn_on)}"
        lines.append(since + (f": {one.why}" if one.why else ""))
    if one.trusted_from or one.trusted_until:
        since = _day(one.trusted_from) if one.trusted_from else "…"
        until = _day(one.trusted_until) if one.trusted_until else "…"
        standing = {"not-yet": " (chưa · not yet)", "ended": " (đã hết · ended)"}.get(one.standing, "")
        lines.append(f"được tin · trusted {since} – {until}{standing}")
    if one.source:
        obtained = f", lấy ngày · obtained {_day(one.obtained_on)}" if one.obtained_on else ""
        by = f", thêm bởi · added by {one.added_by}" if one.added_by else ""
        lines.append(f"nguồn · source: {one.source}{obtained}{by}")
    if one.note:
        lines.append(f"ghi chú · note: {one.note}")
    if one.leads_to:
        lines.append(f"nối tới · leads to: {names.get(one.leads_to, one.leads_to)}")
    if one.crl and one.crl.next_update:
        lines.append(f"CRL: {one.crl.file}, đến · until {for_people(one.crl.next_update)}")
    else:
        lines.append(f"CRL: {one.crl.file}" if one.crl else "CRL: không có trong thư mục · none in the folder")
    return lines


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")
