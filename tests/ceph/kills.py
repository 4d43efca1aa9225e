"""What a Ceph of three loses when its OSDs are killed under a writing gateway: nothing that was acknowledged.

Not part of `make test`: `make test-ceph` names this file.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import vault_s3
from storage.vault import Place, VaultAway
from storage.vault_s3 import S3Vault, open_s3_vault
from tests.ceph.cluster import OSDS, Ceph, ceph
from tests.conformance.shelves import BucketShelf, administrator
from tests.conformance.writers import SIZES_BYTES, WRITERS, bad, write_while
from tests.servers import short_folder
from tests.storage.contents import some_round

BEFORE_S, AFTER_S = 2.0, 6.0
APPEARANCE_S = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ceph]:
    with short_folder() as folder, ceph(folder) as cluster:
        yield cluster


@pytest.fixture
def shelf(cluster: Ceph, tmp_path: Path) -> Iterator[BucketShelf]:
    with closing(administrator(cluster.server)) as admin:
        yield BucketShelf(cluster.server, admin, tmp_path)


@pytest.fixture
def vault(shelf: BucketShelf) -> Iterator[S3Vault]:
    with closing(open_s3_vault(shelf.url)) as vault:
        vault.probe()
        yield vault


def test_an_osd_killed_while_writing_costs_nothing_that_was_acknowledged(
    cluster: Ceph, vault: S3Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill_one() -> None:
        time.sleep(BEFORE_S)
        cluster.kill_osd(0)
        time.sleep(AFTER_S)

    written = write_while(vault, kill_one)
    assert len(written.kept) > WRITERS
    assert bad(vault, written.kept) == []
    cluster.start_osd(0)
    cluster.wait_for_osds(OSDS)
    assert bad(vault, written.kept) == []
    with capsys.disabled():
        print(
            f"\none of three OSDs killed: {len(written.kept)} rounds acknowledged, 0 bad, "
            f"{len(written.unknown)} unknown, worst put {written.worst_s:.2f} s"
        )


def test_with_two_osds_down_nothing_is_acknowledged_and_what_appears_later_is_recognised(
    cluster: Ceph, shelf: BucketShelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vault_s3, "READ_TIMEOUT_S", 5)
    with closing(open_s3_vault(shelf.url)) as vault:
        vault.probe()
        before = {number: vault.put_many(some_round(number, *SIZES_BYTES)) for number in range(5)}
        cluster.kill_osd(0)
        cluster.kill_osd(1)
        cluster.wait_for_osds(OSDS - 2)
        down_since = time.monotonic()
        for number in range(100, 103):
            with pytest.raises(VaultAway):
                vault.put_many(some_round(number, *SIZES_BYTES))
        down_s = time.monotonic() - down_since
        cluster.start_osd(0)
        cluster.start_osd(1)
        cluster.wait_for_osds(OSDS)
        appeared = _appeared(vault, shelf)
        again = {number: _put_patiently(vault, number) for number in range(100, 103)}
        # Each round lies once, under the name of its bytes, whether it appeared by itself or was put again.
        assert set(vault.packs()) == {places[0].pack for places in (before | again).values()}
        assert bad(vault, before | again) == []
    with capsys.disabled():
        print(
            f"\ntwo of three OSDs down: 3 rounds in {down_s:.0f} s, none acknowledged; {appeared} of them appeared by "
            f"themselves afterwards, all recognised"
        )


def _appeared(vault: S3Vault, shelf: BucketShelf) -> int:
    """How many of the rounds that were not acknowledged are there now, once nothing more appears."""
    found, since = -1, time.monotonic()
    deadline = since + APPEARANCE_S
    while time.monotonic() < deadline:
        try:
            names = [name for name in vault.packs() if hashlib.sha256(shelf.content(name)).hexdigest() == name]
        except VaultAway:
            names = []
        if len(names) != found:
            found, since = len(names), time.monotonic()
        elif found >= 5 and time.monotonic() - since > 5:
            break
        time.sleep(0.5)
    return found - 5


def _put_patiently(vault: S3Vault, number: int) -> list[Place]:
    deadline = time.monotonic() + APPEARANCE_S
    while True:
        try:
            return vault.put_many(some_round(number, *SIZES_BYTES))
        except VaultAway:
            assert time.monotonic() < deadline, "the store does not come back"
