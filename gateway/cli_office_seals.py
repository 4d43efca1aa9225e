"""Commands for the certificates with which offices sign their results."""

from __future__ import annotations

import argparse

from gateway.cli_bindings import read_signer
from gateway.cli_terms import DONE, CannotWork, Commands, Parser, aside, command, settings
from gateway.clock import VIETNAM, SystemClock, to_us
from gateway.offices_here import table_here
from gateway.opened import open_migrated
from storage import results


def declare(offices: Commands[Parser]) -> None:
    """Declare `office bind`."""
    bind = command(
        offices,
        "bind",
        _bind,
        says="Đăng ký chứng thư số mà cơ quan dùng để ký kết quả. Từ đó kết quả ký bằng chứng thư khác bị từ chối.",
        tells="Register the certificate with which an office signs results; others are refused from then on.",
        example="""
            motcua office bind --office 07906 --cert co-quan.pem
        """,
    )
    bind.add_argument("--office", required=True, metavar="CODE", help="mã cơ quan · its code")
    bind.add_argument("--cert", required=True, metavar="FILE", help="PEM hoặc DER · PEM or DER")


def _bind(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    here = settings()
    signer = read_signer(asked.cert)
    if table_here(here, now).get(asked.office, now.astimezone(VIETNAM).date()) is None:
        raise CannotWork(f"không có cơ quan {asked.office} hôm nay · no such office today")
    with open_migrated(here) as database, database.begin() as tx:
        results.register_certificate(tx, asked.office, signer.certificate_sha256, signer.subject, to_us(now))
        held = results.certificates(tx, asked.office)
    print(f"{asked.office}: {signer.subject}\n  SHA-256 {signer.certificate_sha256}")
    aside(f"Đã đăng ký · registered: {len(held)}")
    return DONE
