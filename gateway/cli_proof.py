"""Who a command of the interface is: a secret from a file or the terminal, or a key of its own."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING

from gateway.cli_terms import CannotWork

if TYPE_CHECKING:
    import argparse

    from gateway.client import Proof


def proof_of(asked: argparse.Namespace) -> Proof:
    """The proof that `--key`, `--secret-file` or a person at the terminal gives for `--client`. Raises `CannotWork`."""
    from gateway.client import ByKey, BySecret  # noqa: PLC0415 - loaded for what sends alone

    if asked.key:
        from signing.seal import load_seal_key  # noqa: PLC0415 - its libraries are loaded for it alone

        return ByKey(asked.client, load_seal_key(asked.key))
    if asked.secret_file:
        secret = asked.secret_file.read_text("utf-8").strip()
    elif sys.stdin.isatty():
        secret = getpass(f"client_secret · {asked.client}: ").strip()
    else:
        raise CannotWork("cần --secret-file hoặc --key · --secret-file or --key is needed")
    return BySecret(asked.client, secret)
