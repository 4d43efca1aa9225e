"""A secret in a file: read it only if it was kept secret."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES_MAX = 4096
# Nobody but the owner writes; the group may read, because that is how orchestrators mount secrets.
_FORBIDDEN = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


class SecretExposed(Exception):
    """Others than its owner can read or change the file. Trying again does not help: change mode and secret."""


def read_secret(path: Path) -> bytes:
    """Return the file's bytes. Raises `SecretExposed`, `OSError`."""
    with path.open("rb") as file:
        # Asked of the open file, so that nobody swaps it between the question and the reading.
        mode = os.fstat(file.fileno()).st_mode
        if mode & _FORBIDDEN:
            raise SecretExposed(f"{path} has mode {stat.S_IMODE(mode):04o}; a secret has 0600")
        return file.read(SECRET_BYTES_MAX)
