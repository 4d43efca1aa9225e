"""Commands of the operator for clients: who may call the gateway, for whom, with what."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import msgspec

from gateway import cli_mandates
from gateway.assertion import ClientKey, KeyUnusable
from gateway.callers import ROLES, new_secret, register_client
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    group,
    read_file,
    settings,
    table,
    whole,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339, to_us
from gateway.opened import open_migrated
from signing.seal import create_seal_key
from storage import clients

REQUESTS_PER_MINUTE_MAX = 10_000_000
_OF_UNITS = ("employer", "ivan")
# The register of I-VANs writes five digits; that it always will is unconfirmed.
_IVAN_CODE = re.compile(r"[0-9A-Z]{1,20}", re.ASCII)


def declare(commands: Commands[Parser]) -> None:
    """Declare `client add|list|rotate|disable` and what `cli_mandates` adds to them."""
    kinds = group(commands, "client", says="Tài khoản kết nối của cổng.", tells="Clients of the gateway.")
    add = command(
        kinds,
        "add",
        _add,
        says="Thêm tài khoản; in client_id và, một lần duy nhất, client_secret.",
        tells="Add a client; prints its client_id and, this once, its client_secret.",
        example="""
            motcua client add --role employer --unit AK4549H --name "Phần mềm kế toán"
            motcua client add --role office --office 09993
            motcua client add --role post --carrier vnpost
            motcua client add --role ivan --ivan-code 00040 --jwk cong-khai.jwk
            motcua client mandate ivan-abc12345 --unit AK4549H --from 01/01/2026    # rồi ghi ủy quyền của đơn vị
        """,
    )
    add.add_argument("--role", required=True, choices=ROLES, help="vai trò · role")
    add.add_argument("--unit", action="append", default=[], metavar="CODE", help="đơn vị được nộp thay (lặp lại được)")
    add.add_argument("--office", action="append", default=[], metavar="CODE", help="cơ quan BHXH (lặp lại được)")
    add.add_argument("--carrier", action="append", default=[], metavar="CODE", help="bưu chính (lặp lại được)")
    add.add_argument("--name", default="", help="tên để nhận ra · a name to know it by")
    add.add_argument("--ivan-code", default="", metavar="CODE", help="mã I-VAN (00040): hồ sơ phải mang đúng mã này")
    keys = add.add_mutually_exclusive_group()
    keys.add_argument("--jwk", metavar="FILE", help="khóa công khai của tài khoản (private_key_jwt) thay cho secret")
    keys.add_argument("--make-key", type=Path, metavar="FILE", help="tạo khóa riêng vào FILE và đăng ký khóa công khai")
    add.add_argument(
        "--requests-per-minute", type=whole(1, REQUESTS_PER_MINUTE_MAX), metavar="N", help="mặc định: theo cấu hình"
    )
    add_json(add)
    show = command(
        kinds,
        "list",
        _list,
        says="Liệt kê tài khoản; không bao giờ in secret.",
        tells="List the clients; never a secret.",
        example="motcua client list",
    )
    add_json(show)
    rotate = command(
        kinds,
        "rotate",
        _rotate,
        says="Cấp client_secret mới; secret và token cũ hết hiệu lực ngay.",
        tells="Give a new client_secret; the old one and its tokens end at once.",
        example="motcua client rotate employer-abc12345",
    )
    rotate.add_argument("client", metavar="ID")
    add_json(rotate)
    disable = command(
        kinds,
        "disable",
        _disable,
        says="Khóa tài khoản; token của nó hết hiệu lực trong vài giây.",
        tells="Shut a client out; its tokens end within seconds.",
        example="motcua client disable employer-abc12345",
    )
    disable.add_argument("client", metavar="ID")
    cli_mandates.declare(kinds)


def _add(asked: argparse.Namespace) -> int:
    if asked.unit and asked.role not in _OF_UNITS:
        raise CannotWork(f"--unit không dùng với vai trò {asked.role} · --unit does not go with role {asked.role}")
    if (asked.role == "office") != bool(asked.office):
        raise CannotWork("--office đi với --role office · --office goes with --role office, and it needs one")
    if (asked.role == "post") != bool(asked.carrier):
        raise CannotWork("--carrier đi với --role post · --carrier goes with --role post, and it needs one")
    if asked.ivan_code and (asked.role != "ivan" or not _IVAN_CODE.fullmatch(asked.ivan_code)):
        raise CannotWork("--ivan-code đi với --role ivan, như 00040 · --ivan-code goes with --role ivan, like 00040")
    told = settings()
    jwk = None
    if asked.make_key:
        jwk = msgspec.json.encode(create_seal_key(asked.make_key).public_jwk()).decode()
    elif asked.jwk:
        jwk = _public(read_file(asked.jwk), asked.jwk)
    with open_migrated(told) as database:
        client, secret = register_client(
            database,
            role=asked.role,
            name=asked.name,
            units=asked.unit,
            # What a client is bound to: an office's client to its offices, a carrier's to its carriers.
            offices=asked.office or asked.carrier,
            jwk=jwk,
            requests_per_minute_max=asked.requests_per_minute or told.requests_per_minute_max,
            now=SystemClock().now(),
            ivan_code=asked.ivan_code,
        )
    _tell_secret(client, secret, asked)
    return DONE


def _public(content: bytes, path: str) -> str:
    """The members of a public JWK; a private one is refused, for it should never have left its owner."""
    try:
        jwk = msgspec.json.decode(content, type=dict[str, Any])
        if "d" in jwk:
            raise CannotWork(f"{path}: là khóa RIÊNG; chỉ đưa khóa công khai · a PRIVATE key: hand in the public one")
        ClientKey(jwk)
    except (msgspec.MsgspecError, KeyUnusable) as error:
        raise CannotWork(f"{path}: không phải JWK P-256, Ed25519 hay RSA · no such JWK ({error})") from error
    return msgspec.json.encode(jwk).decode()


def _list(asked: argparse.Namespace) -> int:
    today = SystemClock().now().astimezone(VIETNAM).date()
    with open_migrated(settings()) as database, database.read() as tx:
        held = [(one, clients.units(tx, one.id, today), clients.offices(tx, one.id)) for one in clients.all_clients(tx)]
    if asked.json:
        shown = [
            {
                "client_id": one.id,
                "role": one.role,
                "name": one.name,
                "ivan_code": one.ivan_code,
                "units": units,
                "offices": offices,
                "proof": "private_key_jwt" if one.jwk else "client_secret_basic",
                "requests_per_minute_max": one.requests_per_minute_max,
                "created_at": rfc3339(from_us(one.created_at_us)),
                "disabled_at": rfc3339(from_us(one.disabled_at_us)) if one.disabled_at_us else None,
            }
            for one, units, offices in held
        ]
        print(msgspec.json.encode(shown).decode())
        return DONE
    rows = [("CLIENT_ID", "VAI TRÒ", "TỪ", "ĐƠN VỊ / CƠ QUAN", "TÊN")]
    for one, units, offices in held:
        state = f" (khóa {for_people(from_us(one.disabled_at_us))})" if one.disabled_at_us else ""
        since = for_people(from_us(one.created_at_us))
        rows.append((one.id, one.role, since, _few(units or offices), one.name + state))
    print("\n".join(table(rows)) if held else "Chưa có tài khoản nào · no clients yet")
    return DONE


def _rotate(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        with database.read() as tx:
            found = clients.client(tx, asked.client)
        if found is None:
            raise CannotWork(f"không có tài khoản {asked.client} · no such client")
        secret = new_secret(database, asked.client)
    _tell_secret(asked.client, secret, asked)
    return DONE


def _disable(asked: argparse.Namespace) -> int:
    now_us = to_us(SystemClock().now())
    with open_migrated(settings()) as database, database.begin() as tx:
        if not clients.disable(tx, asked.client, now_us):
            raise CannotWork(f"không có tài khoản {asked.client} · no such client")
    print(f"Đã khóa · disabled {asked.client}")
    return DONE


def _tell_secret(client: str, secret: str | None, asked: argparse.Namespace) -> None:
    if asked.json:
        told = {"client_id": client} | ({"client_secret": secret} if secret else {})
        print(msgspec.json.encode(told).decode())
        return
    print(f"client_id      {client}")
    if secret:
        print(f"client_secret  {secret}")
        print("Hãy cất ngay: secret không bao giờ được in lại · keep it now: it is never shown again")


def _few(codes: list[str]) -> str:
    return ", ".join(codes[:3]) + (f" … ({len(codes)})" if len(codes) > 3 else "")  # noqa: PLR2004
