"""A URL names a vault, or nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.vault_disk import DiskVault
from storage.vault_s3 import S3Vault
from storage.vaults import open_vault
from tests.storage.contents import some_round

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("form", ["file:{}", "file://{}", "file://localhost{}"])
def test_a_file_url_is_a_folder(tmp_path: Path, form: str) -> None:
    vault = open_vault(form.format(tmp_path / "h%E1%BB%93%20s%C6%A1"))
    vault.put_many(some_round(1))
    vault.close()
    assert isinstance(vault, DiskVault)
    assert len(list((tmp_path / "hồ sơ").iterdir())) == 1


def test_an_s3_url_is_a_bucket(s3_vault_url: str) -> None:
    vault = open_vault(s3_vault_url)
    vault.close()
    assert isinstance(vault, S3Vault)


@pytest.mark.parametrize(
    "url", ["", "/folder", "file:", "file://elsewhere/folder", "file:/f?x=1", "http://h/b", "S4://b"]
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a vault"):
        open_vault(url)


def test_a_disk_vault_does_without_boto3() -> None:
    script = "import sys, storage.vaults, storage.cipher; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False).returncode == 0
