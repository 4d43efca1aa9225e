"""Which vault a URL names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from storage.vault_disk import DiskVault

if TYPE_CHECKING:
    from storage.vault import Vault


def open_vault(url: str) -> Vault:
    """Open the vault at `url`; `probe` it before anything is entrusted to it.

    `file:/folder` (or `file:folder`, from the working folder) is a local disk; `s3://bucket/prefix?…` an S3 store,
    whose parameters `vault_s3.open_s3_vault` explains. Raises `ValueError` when the URL makes no sense, `VaultAway`.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path and not parts.query:
        return DiskVault(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        # boto3 takes a third of a second and 30 MB, which a gateway with a disk need not spend.
        from storage.vault_s3 import open_s3_vault  # noqa: PLC0415

        return open_s3_vault(url)
    raise ValueError(f"not the URL of a vault: {parts.scheme}:… (file:/folder or s3://bucket)")
