"""The vault's contract, sentence by sentence, for every vault and for stores that are known to cheat."""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from storage import pack
from storage.vault import ContentCorrupt, ContentMissing, Entry, Place, Vault, VaultAway, VaultUnfit
from storage.vault_disk import DiskVault
from storage.vault_s3 import S3Vault
from storage.vaults import open_vault
from tests.conformance.shelves import CheatingShelf, DiskShelf, Shelf
from tests.storage.contents import entry, some_round

REPOSITORY = Path(__file__).parents[2]


def bodies(entries: list[Entry]) -> list[bytes]:
    return [one.body for one in entries]


@pytest.mark.sentence(1)
def test_a_round_that_was_acknowledged_survives_the_death_of_its_process(shelf: Shelf, vault: Vault) -> None:
    script = """
import json, os, sys, msgspec
from storage.vaults import open_vault
from tests.storage.contents import some_round
places = open_vault(sys.argv[1]).put_many(some_round(1))
sys.stdout.write(json.dumps(msgspec.to_builtins(places)))
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""
    child = subprocess.run([sys.executable, "-c", script, shelf.url], cwd=REPOSITORY, capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    places = msgspec.convert(json.loads(child.stdout), list[Place])
    assert [vault.read(place) for place in places] == bodies(some_round(1))


@pytest.mark.sentence(2)
def test_places_come_in_the_order_of_the_entries(vault: Vault) -> None:
    entries = some_round(1, *range(40))
    places = vault.put_many(entries)
    assert [vault.read(place) for place in places] == bodies(entries)
    assert len({(place.pack, place.offset) for place in places}) == len(entries)


@pytest.mark.sentence(2)
def test_an_empty_round_gives_no_places_and_writes_nothing(vault: Vault) -> None:
    assert vault.put_many([]) == []
    assert list(vault.packs()) == []


@pytest.mark.sentence(1)
def test_a_large_round_is_kept_whole(vault: Vault) -> None:
    entries = some_round(1, *[3_000] * 400, 5_000_000)
    places = vault.put_many(entries)
    assert len(places) == len(entries)
    for index in (0, 1, 339, 340, 341, 342, 399, 400):  # on both sides of the 1,024 buffers of one write
        assert vault.read(places[index]) == entries[index].body


@pytest.mark.sentence(3)
def test_when_the_store_is_away_nothing_is_promised_and_trying_again_is_safe(shelf: Shelf, vault: Vault) -> None:
    before = vault.put_many(some_round(1))
    with shelf.away(vault):
        for _ in range(2):
            with pytest.raises(VaultAway):
                vault.put_many(some_round(2))
    after = vault.put_many(some_round(2))
    assert [vault.read(place) for place in before + after] == bodies(some_round(1) + some_round(2))


@pytest.mark.sentence(4)
def test_putting_the_same_entries_again_leaves_every_place_good(opened: Callable[[], Vault]) -> None:
    vault = opened()
    places = [vault.put_many(some_round(1)), vault.put_many(some_round(1)), opened().put_many(some_round(1))]
    for place, body in zip(itertools.chain(*places), itertools.cycle(bodies(some_round(1))), strict=False):
        assert vault.read(place) == body


@pytest.mark.sentence(5)
def test_the_same_name_with_another_body_overwrites_nothing(vault: Vault) -> None:
    name = bytes(32)
    first, second = (vault.put_many([Entry(name, body)])[0] for body in (b"locked once", b"locked twice"))
    assert (vault.read(first), vault.read(second)) == (b"locked once", b"locked twice")


@pytest.mark.sentence(5)
def test_what_was_acknowledged_lies_unchanged_for_ever(shelf: Shelf, opened: Callable[[], Vault]) -> None:
    vault = opened()
    place = vault.put_many(some_round(1))[0]
    written = shelf.content(place.pack)
    for number in range(2, 5):
        vault.put_many(some_round(1))
        opened().put_many(some_round(number))
    assert shelf.content(place.pack).startswith(written)


@pytest.mark.sentence(6)
def test_many_threads_put_and_read_at_once(vault: Vault) -> None:
    def put_and_read(number: int) -> bool:
        places = vault.put_many(some_round(number, 10, 2_000))
        return [vault.read(place) for place in places] == bodies(some_round(number, 10, 2_000))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_read, range(24)))


@pytest.mark.sentence(6)
def test_of_many_who_put_the_same_round_at_once_every_one_has_it(opened: Callable[[], Vault]) -> None:
    # A store that tells several of them that they won, and keeps only one, must not matter.
    vaults = [opened() for _ in range(4)]
    start = threading.Barrier(len(vaults))

    def put(vault: Vault) -> list[Place]:
        start.wait()
        return vault.put_many(some_round(7))

    with ThreadPoolExecutor(len(vaults)) as pool:
        for places in pool.map(put, vaults):
            assert [vaults[0].read(place) for place in places] == bodies(some_round(7))


@pytest.mark.sentence(7)
def test_another_vault_reads_at_once_what_was_put(opened: Callable[[], Vault]) -> None:
    places = opened().put_many(some_round(1))
    assert [opened().read(place) for place in places] == bodies(some_round(1))


@pytest.mark.sentence(8)
def test_not_one_damaged_byte_of_an_entry_is_given_out(shelf: Shelf, vault: Vault) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    sound = shelf.content(place.pack)
    for position in range(place.offset, place.offset + place.length):
        damaged = bytearray(sound)
        damaged[position] ^= 1
        shelf.replace(place.pack, bytes(damaged))
        with pytest.raises(ContentCorrupt):
            vault.read(place)
    shelf.replace(place.pack, sound)
    assert vault.read(place) == b"locked"


@pytest.mark.sentence(8)
def test_a_pack_cut_short_is_corrupt(shelf: Shelf, vault: Vault) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    whole = shelf.content(place.pack)
    # Nothing, the header, half of the entry, all but one byte.
    for left in (0, len(pack.HEADER), 50, len(whole) - 1):
        shelf.replace(place.pack, whole[:left])
        with pytest.raises(ContentCorrupt):
            vault.read(place)


@pytest.mark.sentence(8)
def test_a_place_that_is_no_entry_is_corrupt(vault: Vault) -> None:
    place = vault.put_many([entry(b"locked")] * 2)[0]
    for offset, length in [(place.offset + 1, place.length), (place.offset, place.length - 1), (place.offset, 1)]:
        with pytest.raises(ContentCorrupt):
            vault.read(Place(place.pack, offset, length))
    with pytest.raises(ContentCorrupt):
        vault.read(Place(place.pack, place.offset, 2 * place.length))


@pytest.mark.sentence(9)
def test_a_pack_that_is_not_there_is_missing(shelf: Shelf, vault: Vault) -> None:
    place = vault.put_many(some_round(1))[0]
    shelf.replace(place.pack, None)
    with pytest.raises(ContentMissing):
        vault.read(place)
    with pytest.raises(ContentMissing):
        vault.raw(place.pack)
    with pytest.raises(ContentMissing):
        list(vault.raw_chunks(place.pack))


@pytest.mark.sentence(9)
def test_a_name_that_no_pack_has_leads_nowhere(vault: Vault) -> None:
    for name in ("", ".", "..", "../journal", "/etc/hostname", "x" * 64, "probe/x", "a\0b"):
        with pytest.raises(ContentMissing):
            vault.read(Place(name, 0, 100))


@pytest.mark.sentence(10)
def test_neither_putting_nor_reading_asks_for_a_list(shelf: Shelf, vault: Vault) -> None:
    shelf.without_lists(vault)
    places = vault.put_many(some_round(1)) + vault.put_many(some_round(1)) + vault.put_many(some_round(2))
    assert len([vault.read(place) for place in places]) == len(places)
    with pytest.raises(VaultAway):
        list(vault.packs())


@pytest.mark.sentence(11)
def test_names_and_places_can_be_found_again_from_the_packs_alone(opened: Callable[[], Vault]) -> None:
    vault = opened()
    rounds = [some_round(number, 900, 1, 35_000) for number in range(3)]
    known = {
        one.sha256: place
        for vault, entries in zip([vault, vault, opened()], rounds, strict=True)
        for one, place in zip(entries, vault.put_many(entries), strict=True)
    }
    deadline = time.monotonic() + 10
    while len(names := set(opened().packs())) < len({place.pack for place in known.values()}):
        assert time.monotonic() < deadline, "the store never lists what it keeps"
        time.sleep(0.05)
    found: dict[bytes, Place] = {}
    for name in names:
        scan = pack.scan(vault.raw(name))
        assert b"".join(vault.raw_chunks(name)) == vault.raw(name)
        assert scan.gaps == ()
        found |= {one.sha256: Place(name, one.offset, one.length) for one in scan.found}
    assert found == known


@pytest.mark.sentence(12)
def test_a_store_that_keeps_the_contract_passes_the_probe_and_keeps_nothing_of_it(
    shelf: Shelf, opened: Callable[[], Vault]
) -> None:
    vault = opened()
    vault.probe()
    assert list(vault.packs()) == []
    if isinstance(shelf, CheatingShelf):
        assert shelf.store.objects == {}
    if isinstance(shelf, DiskShelf):
        assert list(shelf.folder.iterdir()) == []


@pytest.mark.sentence(12)
def test_a_store_that_is_away_is_not_called_unfit(shelf: Shelf, vault: Vault) -> None:
    with shelf.away(vault):
        try:
            vault.probe()
        except VaultUnfit:
            pytest.fail("unfit")
        except VaultAway:
            pass
        else:
            pytest.fail("the probe did not notice")


@pytest.mark.sentence(13)
def test_what_a_store_does_wrong_without_harm_is_marked(
    shelf: Shelf, vault: Vault, record_property: Callable[[str, object], None]
) -> None:
    # A race is a matter of luck: who lets several win may, for once, have let only one.
    for _ in range(5):
        standing = vault.probe()
        if set(standing.marks) == shelf.marks:
            break
    assert set(standing.marks) == shelf.marks
    assert standing.winners >= 1
    record_property("marked", ", ".join(standing.marks) or "nothing")


@pytest.mark.sentence(13)
@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_a_lock_that_is_asked_for_is_kept_or_the_store_is_unfit(
    shelf: Shelf, mode: str, record_property: Callable[[str, object], None]
) -> None:
    if isinstance(shelf, DiskShelf):
        with pytest.raises(ValueError, match="not the URL of a vault"):
            open_vault(shelf.locking_url(mode))
        record_property(f"{mode} lock", "none to be had")
        return
    with closing(open_vault(shelf.locking_url(mode))) as vault:
        if not shelf.lockable:
            with pytest.raises(VaultUnfit, match="lock") as unfit:
                vault.probe()
            record_property(f"{mode} lock", f"refused: {unfit.value}")
            return
        assert isinstance(vault, S3Vault)
        standing = vault.probe()
        assert standing.lock == f"{mode} 1"
        assert ("lock-can-be-lifted" in standing.marks) is (mode == "GOVERNANCE")
        _cannot_be_deleted(vault, mode)
        marked = f", marked {', '.join(standing.marks)}" if standing.marks else ""
        record_property(f"{mode} lock", f"proved{marked}")


def _cannot_be_deleted(vault: S3Vault, mode: str) -> None:
    """A pack that was put is locked for its day; a delete can only hide it, and putting it again brings it back."""
    entries = some_round(1)
    place = vault.put_many(entries)[0]
    client: Any = vault._client
    where = {"Bucket": vault._bucket.name, "Key": f"packs/{place.pack}"}
    version = client.head_object(**where)["VersionId"]
    kept = client.get_object_retention(**where, VersionId=version)["Retention"]
    assert kept["Mode"] == mode
    assert timedelta(hours=23) < kept["RetainUntilDate"] - vault._bucket.now() <= timedelta(days=1)
    with pytest.raises(ClientError):
        client.delete_object(**where, VersionId=version)
    client.delete_object(**where)
    with pytest.raises(ContentMissing, match="marker"):
        vault.read(place)
    assert [vault.read(one) for one in vault.put_many(entries)] == bodies(entries)


@pytest.mark.sentence(14)
def test_a_pack_of_any_vault_can_be_put_back_and_read_by_its_old_places(
    shelf: Shelf, vault: Vault, tmp_path: Path
) -> None:
    entries = some_round(1)
    with closing(DiskVault(tmp_path / "elsewhere")) as elsewhere:
        places = elsewhere.put_many(entries)
        name = vault.put_raw(places[0].pack, elsewhere.raw(places[0].pack))
    assert [vault.read(Place(name, one.offset, one.length)) for one in places] == bodies(entries)
    own = vault.put_many(some_round(2))
    content = vault.raw(own[0].pack)
    shelf.replace(own[0].pack, None)
    assert vault.put_raw(own[0].pack, content) == own[0].pack
    assert [vault.read(place) for place in own] == bodies(some_round(2))


@pytest.mark.sentence(15)
def test_a_pack_put_back_again_changes_nothing_and_overwrites_nothing(
    shelf: Shelf, opened: Callable[[], Vault]
) -> None:
    vault = opened()
    place = vault.put_many(some_round(1))[0]
    content = vault.raw(place.pack)
    assert [vault.put_raw(place.pack, content), opened().put_raw(place.pack, content)] == [place.pack] * 2
    assert shelf.content(place.pack) == content
    shelf.replace(place.pack, b"planted")
    with pytest.raises(ContentCorrupt):
        opened().put_raw(place.pack, content)
    assert shelf.content(place.pack) == b"planted"


@pytest.mark.sentence(3)
def test_a_closed_vault_takes_nothing_and_can_be_closed_again(vault: Vault) -> None:
    vault.put_many(some_round(1))
    vault.close()
    vault.close()
    with pytest.raises(VaultAway):
        vault.put_many(some_round(2))


def test_only_a_local_vault_may_run_in_the_event_loop(vault: Vault) -> None:
    assert vault.inline is isinstance(vault, DiskVault)
