"""What is said of a store: every mark has its words, and the operator and the log are told."""

import logging
import unicodedata
from pathlib import Path
from typing import get_args

import pytest

from gateway.app import open_stores
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.store_words import MARKS, told_of
from storage.vault import Mark, Standing
from tests.adversary import Fault, adversary
from tests.gateway.cli_run import Terminal


def test_every_mark_has_its_words_in_both_languages() -> None:
    assert set(MARKS) == set(get_args(Mark))
    for vi, en in MARKS.values():
        assert vi != en
        assert unicodedata.is_normalized("NFC", vi)
        assert not vi.isascii()


def test_of_a_disk_nothing_has_to_be_said() -> None:
    assert told_of(Standing("disk")) == ""


def test_a_lock_that_was_proved_is_said_and_so_is_none() -> None:
    assert "packs are not locked" in told_of(Standing("s3"))
    said = told_of(Standing("s3", ("md5",), lock="GOVERNANCE 30", marks=("lock-can-be-lifted",)))
    for word in ("proved (days): GOVERNANCE 30", "md5", "MARKED lock-can-be-lifted", "LƯU Ý"):
        assert word in said


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.touch(mode=0o600)
    path.write_text("access\nsecret\n")
    return path


def test_check_config_tells_what_the_store_was_seen_to_do(
    begun: Terminal, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with adversary(Fault.LATE_LISTING) as store:
        url = f"s3://packs?endpoint={store.url}&credentials={credentials}"
        monkeypatch.setenv("MOTCUA_VAULT_URL", url)
        told = begun("check-config")
        assert told.status == 0
        assert "MARKED lists-late" in " ".join(told.out.split())
        monkeypatch.setenv("MOTCUA_VAULT_URL", f"{url}&lock=COMPLIANCE&lock_days=1")
        unlocked = begun("check-config")
        assert unlocked.status == 1
        assert "it locks nothing" in " ".join(unlocked.out.split())


def test_what_is_marked_is_in_the_log_from_the_start(
    begun: Terminal, credentials: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with adversary(Fault.LATE_LISTING, Fault.NO_LISTING) as store:
        url = f"s3://packs?endpoint={store.url}&credentials={credentials}"
        with caplog.at_level(logging.WARNING):
            stores = open_stores(Settings(home=str(begun.home), vault_url=url), SystemClock().now())
        stores.vault.close()
        stores.database.close()
    assert [one for one in caplog.messages if "lists-refused" in one]
