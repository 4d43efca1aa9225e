"""The command of a back office that is played: it takes work, looks into it and reports, over and over."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from gateway.cli_terms import DONE, CannotWork, Commands, Parser, add_json, aside, command, settings, whole
from gateway.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.client import Proof
    from gateway.demo_dossiers import Signing
    from gateway.demo_office import Manner, Worker

SECONDS_MAX = 31 * 86_400
WAIT_S = 20.0
_IDLE_S = 0.2


def declare(offices: Commands[Parser]) -> None:
    """Declare `office work`."""
    work = command(
        offices,
        "work",
        _work,
        says="Đóng vai một cơ quan BHXH: nhận việc, xử lý, báo cáo, trả kết quả có ký số. Ngừng lúc nào cũng được.",
        tells="Play an office: take work, report, return signed results. It may be stopped and started at any time.",
        example="""
            motcua office work --office 09993                    # tài khoản của serve --demo · its demo client
            motcua office work --office 09993 --for 60 --ask 0.1 --late 0.05 --transfer 0.1 --to 09995
            motcua office work --office 09993 --client office-abc12345 --secret-file s.txt --key k.pem --cert c.pem
        """,
    )
    work.add_argument("--office", required=True, metavar="CODE", help="mã cơ quan · code of the office")
    work.add_argument("--url", help="địa chỉ cổng (mặc định: cổng trên máy này) · the gateway's address")
    work.add_argument("--client", metavar="ID", help="tài khoản kết nối (mặc định: của serve --demo) · client id")
    work.add_argument("--secret-file", type=Path, metavar="PATH", help="tệp chứa client_secret · holds its secret")
    work.add_argument("--key", type=Path, metavar="PATH", help="khóa ký kết quả (mặc định: PKI mẫu) · signs results")
    work.add_argument("--cert", type=Path, metavar="PATH", help="chứng thư của khóa ấy · that key's certificate")
    work.add_argument(
        "--for", type=whole(0, SECONDS_MAX), dest="seconds", metavar="SECONDS", help="chỉ từng ấy giây · for so long"
    )
    work.add_argument("--max", type=whole(1, 100), default=10, metavar="N", help="việc mỗi lần nhận (%(default)s)")
    work.add_argument("--rate", type=whole(1, 100_000), metavar="N", help="tối đa N hồ sơ mỗi phút · at most, a minute")
    work.add_argument("--seed", type=whole(0, 2**31), default=0, metavar="N", help="hạt giống (%(default)s)")
    shares = (
        ("late", "xin lỗi, hẹn lại · apologised for"),
        ("ask", "yêu cầu bổ sung · a supplement is asked for"),
        ("decline", "từ chối · declined"),
        ("transfer", "chuyển đến --to · passed on"),
        ("silent", "nhận rồi im lặng · leased and never answered"),
    )
    for name, says in shares:
        work.add_argument(f"--{name}", type=_share, default=0.0, metavar="SHARE", help=f"tỷ lệ 0–1: {says}")
    work.add_argument("--to", default="", metavar="CODE", help="cơ quan nhận hồ sơ chuyển · where --transfer goes")
    add_json(work)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("0–1")
    return value


def _work(asked: argparse.Namespace) -> int:
    # The office's software is loaded for it alone: its neighbours in this group only read a table.
    from gateway.demo_office import Manner  # noqa: PLC0415

    if asked.transfer and not asked.to:
        raise CannotWork("--transfer cần --to · --transfer needs --to")
    shares = {name: getattr(asked, name) for name in ("late", "ask", "decline", "transfer", "silent", "seed")}
    manner = Manner(neighbour=asked.to, **shares)
    try:
        return asyncio.run(_play(asked, manner))
    except KeyboardInterrupt:
        # How such a play usually ends: what was begun is gone on with next time.
        return DONE


async def _play(asked: argparse.Namespace, manner: Manner) -> int:
    from gateway.client_office import OfficeGateway  # noqa: PLC0415 - see above
    from gateway.demo_office import BackOffice, Worker  # noqa: PLC0415

    told, clock = settings(), SystemClock()
    url = asked.url or f"http://{told.host}:{told.port}"
    signer = _signer(asked)
    async with OfficeGateway(url, _proof(asked), clock) as gateway:
        worker = Worker(BackOffice(gateway, asked.office, signer, clock), manner, _teller(asked))
        try:
            await _rounds(worker, asked)
        finally:
            said = msgspec.json.encode(worker.done).decode()
            print(said) if asked.json else aside(said)
    return DONE


async def _rounds(worker: Worker, asked: argparse.Namespace) -> None:
    """Round after round, in no more haste than was asked for."""
    began_s = monotonic()
    while True:
        left_s = SECONDS_MAX if asked.seconds is None else asked.seconds - (monotonic() - began_s)
        round_s = monotonic()
        met = await worker.round(asked.max, wait_s=max(0.0, min(WAIT_S, left_s)))
        if asked.seconds is not None and monotonic() - began_s >= asked.seconds:
            return
        pause_s = 60 * met / asked.rate - (monotonic() - round_s) if asked.rate else 0.0
        await asyncio.sleep(max(pause_s, 0.0 if met else _IDLE_S))


def _teller(asked: argparse.Namespace) -> Callable[[str, str, str], None]:
    def tell(receipt_number: str, state: str, what: str) -> None:
        if not asked.json:
            print(f"{receipt_number}  {state:<20} {what}", flush=True)

    return tell


def _proof(asked: argparse.Namespace) -> Proof:
    from gateway.client import BySecret  # noqa: PLC0415 - see above
    from gateway.first_start import DEMO_FOLDER, read_secrets  # noqa: PLC0415

    if asked.client:
        if not asked.secret_file:
            raise CannotWork("cần --secret-file · --secret-file is needed")
        return BySecret(asked.client, asked.secret_file.read_text("utf-8").strip())
    try:
        held = {name: (client, secret) for name, client, secret in read_secrets(settings().home_path / DEMO_FOLDER)}
    except OSError as error:
        raise CannotWork("cần --client · --client is needed") from error
    if (found := held.get(f"office-{asked.office}")) is None:
        raise CannotWork(f"{asked.office}: không có tài khoản mẫu, cần --client · no demo client, --client is needed")
    return BySecret(*found)


def _signer(asked: argparse.Namespace) -> Signing:
    from gateway.demo_office import load_signer, office_signer  # noqa: PLC0415 - see above
    from gateway.first_start import DEMO_FOLDER  # noqa: PLC0415

    if asked.key:
        return load_signer(asked.key, asked.cert)
    try:
        return office_signer(settings().home_path / DEMO_FOLDER, asked.office, SystemClock().now())
    except OSError as error:
        raise CannotWork("cần --key, --cert để ký kết quả · --key and --cert are needed to sign results") from error
