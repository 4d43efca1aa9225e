"""What a Swift of three nodes loses when they are killed under a writing gateway: nothing that was acknowledged.

Its listings do lose what was acknowledged, which is why nobody asks them. Not part of `make test`: `make test-swift`
names this file.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.vault import VaultAway
from storage.vault_s3 import S3Vault, open_s3_vault
from tests.conformance.shelves import SwiftShelf, administrator
from tests.conformance.writers import SIZES_BYTES, WRITERS, bad, write_while
from tests.servers import short_folder
from tests.storage.contents import some_round
from tests.swift import Swift, swift

PAUSE_S = 2.0
# For so long the proxy does not ask a node again that failed (3 s in its configuration).
SUPPRESSED_S = 5.0


@pytest.fixture(scope="module")
def store() -> Iterator[Swift]:
    with short_folder() as folder, swift(folder) as store:
        yield store


@pytest.fixture
def vault(store: Swift, tmp_path: Path) -> Iterator[S3Vault]:
    with closing(administrator(store.server)) as admin:
        shelf = SwiftShelf(store.server, admin, tmp_path)
        with closing(open_s3_vault(shelf.url)) as vault:
            vault.probe()
            yield vault


def test_nodes_killed_one_after_another_cost_nothing_that_was_acknowledged(
    store: Swift, vault: S3Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill_each() -> None:
        for node in range(3):
            time.sleep(PAUSE_S)
            store.kill_node(node)
            time.sleep(PAUSE_S)
            store.start_node(node)
            time.sleep(SUPPRESSED_S)

    written = write_while(vault, kill_each)
    time.sleep(SUPPRESSED_S)
    assert len(written.kept) > WRITERS
    assert bad(vault, written.kept) == []
    listed = set(vault.packs())
    unlisted = [number for number, places in written.kept.items() if places[0].pack not in listed]
    with capsys.disabled():
        print(
            f"\neach of three nodes killed in turn: {len(written.kept)} rounds acknowledged, 0 bad, "
            f"{len(written.unknown)} unknown, worst put {written.worst_s:.2f} s; {len(unlisted)} not in the listing"
        )


def test_with_two_nodes_down_nothing_is_acknowledged(store: Swift, vault: S3Vault) -> None:
    before = {1: vault.put_many(some_round(1, *SIZES_BYTES))}
    for node in (0, 1):
        store.kill_node(node)
    try:
        for number in range(100, 103):
            with pytest.raises(VaultAway):
                vault.put_many(some_round(number, *SIZES_BYTES))
    finally:
        for node in (0, 1):
            store.start_node(node)
    time.sleep(2 * SUPPRESSED_S)
    again = {number: vault.put_many(some_round(number, *SIZES_BYTES)) for number in range(100, 103)}
    assert bad(vault, before | again) == []
