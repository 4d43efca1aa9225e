"""The vault's contract, sentence by sentence, for every vault and for stores that are known to cheat."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError

from storage import pack
from storage.vault import ContentCorrupt, ContentMissing, Entry, Place, Vault, VaultAway, VaultUnfit
from storage.vault_disk import DiskVault
from storage.vault_s3 import S3Vault
from storage.vaults import open_vault
from tests.adversary import Fault, Store, adversary
from tests.storage.contents import entry, some_round

if TYPE_CHECKING:
    import boto3

REPOSITORY = Path(__file__).parents[2]


class Shelf:
    """A place for vaults, and what can happen to it behind their back."""

    url: str

    def content(self, name: str) -> bytes:
        raise NotImplementedError

    def replace(self, name: str, content: bytes | None) -> None:
        """Put other bytes in the place of a pack; None takes it away."""
        raise NotImplementedError

    def without_lists(self, vault: Vault) -> None:
        raise NotImplementedError

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        raise NotImplementedError
        yield


class DiskShelf(Shelf):
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.url, self.monkeypatch = folder, f"file:{folder}", monkeypatch

    def content(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            (self.folder / name).unlink()
        else:
            (self.folder / name).write_bytes(content)

    def without_lists(self, vault: Vault) -> None:
        def forbidden(*_: object) -> None:
            raise PermissionError

        for name in ("listdir", "scandir"):
            self.monkeypatch.setattr(os, name, forbidden)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        def failing(_: int) -> None:
            raise OSError(5, "Input/output error")

        with self.monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", failing)
            yield


class BucketShelf(Shelf):
    """A bucket of SeaweedFS."""

    def __init__(self, url: str, bucket: str, admin: "boto3.client") -> None:
        self.url, self.bucket, self.admin = url, bucket, admin

    def content(self, name: str) -> bytes:
        with self.admin.get_object(Bucket=self.bucket, Key=f"packs/{name}")["Body"] as body:
            return body.read()

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            self.admin.delete_object(Bucket=self.bucket, Key=f"packs/{name}")
        else:
            self.admin.put_object(Bucket=self.bucket, Key=f"packs/{name}", Body=content)

    def without_lists(self, vault: Vault) -> None:
        assert isinstance(vault, S3Vault)
        vault._client.meta.events.register("before-send.s3.ListObjectsV2", _cut)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        assert isinstance(vault, S3Vault)
        vault._client.meta.events.register("before-send.s3", _cut)
        yield
        vault._client.meta.events.unregister("before-send.s3", _cut)


class CheatingShelf(Shelf):
    """A store in which several conditional puts win, and which lists late."""

    def __init__(self, store: Store, credentials: Path) -> None:
        self.store = store
        self.url = f"s3://packs/below/here?endpoint={store.url}&credentials={credentials}"

    def content(self, name: str) -> bytes:
        return self.store.content(f"below/here/packs/{name}")

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            del self.store.objects[f"below/here/packs/{name}"]
        else:
            self.store.objects[f"below/here/packs/{name}"] = (content, 0.0)

    def without_lists(self, vault: Vault) -> None:
        self.store.faults.add(Fault.NO_LISTING)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        self.store.faults |= {Fault.HANGS_UP, Fault.HANGS_UP_ON_READS}
        yield
        self.store.faults -= {Fault.HANGS_UP, Fault.HANGS_UP_ON_READS}


def _cut(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1")


@pytest.fixture(params=["disk", "seaweedfs", "cheating"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    if request.param == "disk":
        yield DiskShelf(tmp_path / "vault", monkeypatch)
    elif request.param == "seaweedfs":
        get = request.getfixturevalue
        yield BucketShelf(get("s3_vault_url"), get("s3_bucket"), get("s3_admin"))
    else:
        credentials = tmp_path / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text("access\nsecret\n")
        with adversary(Fault.SEVERAL_WINNERS, Fault.LATE_LISTING) as store:
            yield CheatingShelf(store, credentials)


@pytest.fixture
def opened(shelf: Shelf) -> Iterator[Callable[[], Vault]]:
    """Open one more vault on the same shelf."""
    vaults: list[Vault] = []

    def one_more() -> Vault:
        vaults.append(open_vault(shelf.url))
        return vaults[-1]

    yield one_more
    for vault in vaults:
        vault.close()


@pytest.fixture
def vault(opened: Callable[[], Vault]) -> Vault:
    return opened()


def bodies(entries: list[Entry]) -> list[bytes]:
    return [one.body for one in entries]


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


def test_places_come_in_the_order_of_the_entries(vault: Vault) -> None:
    entries = some_round(1, *range(40))
    places = vault.put_many(entries)
    assert [vault.read(place) for place in places] == bodies(entries)
    assert len({(place.pack, place.offset) for place in places}) == len(entries)


def test_an_empty_round_gives_no_places_and_writes_nothing(vault: Vault) -> None:
    assert vault.put_many([]) == []
    assert list(vault.packs()) == []


def test_a_large_round_is_kept_whole(vault: Vault) -> None:
    entries = some_round(1, *[3_000] * 400, 5_000_000)
    places = vault.put_many(entries)
    assert len(places) == len(entries)
    for index in (0, 1, 339, 340, 341, 342, 399, 400):  # on both sides of the 1,024 buffers of one write
        assert vault.read(places[index]) == entries[index].body


def test_when_the_store_is_away_nothing_is_promised_and_trying_again_is_safe(shelf: Shelf, vault: Vault) -> None:
    before = vault.put_many(some_round(1))
    with shelf.away(vault):
        for _ in range(2):
            with pytest.raises(VaultAway):
                vault.put_many(some_round(2))
    after = vault.put_many(some_round(2))
    assert [vault.read(place) for place in before + after] == bodies(some_round(1) + some_round(2))


def test_putting_the_same_entries_again_leaves_every_place_good(opened: Callable[[], Vault]) -> None:
    vault = opened()
    places = [vault.put_many(some_round(1)), vault.put_many(some_round(1)), opened().put_many(some_round(1))]
    for place, body in zip(itertools.chain(*places), itertools.cycle(bodies(some_round(1))), strict=False):
        assert vault.read(place) == body


def test_the_same_name_with_another_body_overwrites_nothing(vault: Vault) -> None:
    name = bytes(32)
    first, second = (vault.put_many([Entry(name, body)])[0] for body in (b"locked once", b"locked twice"))
    assert (vault.read(first), vault.read(second)) == (b"locked once", b"locked twice")


def test_what_was_acknowledged_lies_unchanged_for_ever(shelf: Shelf, opened: Callable[[], Vault]) -> None:
    vault = opened()
    place = vault.put_many(some_round(1))[0]
    written = shelf.content(place.pack)
    for number in range(2, 5):
        vault.put_many(some_round(1))
        opened().put_many(some_round(number))
    assert shelf.content(place.pack).startswith(written)


def test_many_threads_put_and_read_at_once(vault: Vault) -> None:
    def put_and_read(number: int) -> bool:
        places = vault.put_many(some_round(number, 10, 2_000))
        return [vault.read(place) for place in places] == bodies(some_round(number, 10, 2_000))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_read, range(24)))


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


def test_another_vault_reads_at_once_what_was_put(opened: Callable[[], Vault]) -> None:
    places = opened().put_many(some_round(1))
    assert [opened().read(place) for place in places] == bodies(some_round(1))


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


@pytest.mark.parametrize("left", ["nothing", "the header", "half of the entry", "all but one byte"])
def test_a_pack_cut_short_is_corrupt(shelf: Shelf, vault: Vault, left: str) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    lengths = {"nothing": 0, "the header": len(pack.HEADER), "half of the entry": 50, "all but one byte": -1}
    shelf.replace(place.pack, shelf.content(place.pack)[: lengths[left]])
    with pytest.raises(ContentCorrupt):
        vault.read(place)


def test_a_place_that_is_no_entry_is_corrupt(vault: Vault) -> None:
    place = vault.put_many([entry(b"locked")] * 2)[0]
    for offset, length in [(place.offset + 1, place.length), (place.offset, place.length - 1), (place.offset, 1)]:
        with pytest.raises(ContentCorrupt):
            vault.read(Place(place.pack, offset, length))
    with pytest.raises(ContentCorrupt):
        vault.read(Place(place.pack, place.offset, 2 * place.length))


def test_a_pack_that_is_not_there_is_missing(shelf: Shelf, vault: Vault) -> None:
    place = vault.put_many(some_round(1))[0]
    shelf.replace(place.pack, None)
    with pytest.raises(ContentMissing):
        vault.read(place)
    with pytest.raises(ContentMissing):
        vault.raw(place.pack)


@pytest.mark.parametrize("name", ["", ".", "..", "../journal", "/etc/hostname", "x" * 64, "probe/x", "a\0b"])
def test_a_name_that_no_pack_has_leads_nowhere(vault: Vault, name: str) -> None:
    with pytest.raises(ContentMissing):
        vault.read(Place(name, 0, 100))


def test_neither_putting_nor_reading_asks_for_a_list(shelf: Shelf, vault: Vault) -> None:
    shelf.without_lists(vault)
    places = vault.put_many(some_round(1)) + vault.put_many(some_round(1)) + vault.put_many(some_round(2))
    assert len([vault.read(place) for place in places]) == len(places)
    with pytest.raises(VaultAway):
        list(vault.packs())


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
        assert scan.gaps == ()
        found |= {one.sha256: Place(name, one.offset, one.length) for one in scan.found}
    assert found == known


def test_a_store_that_keeps_the_contract_passes_the_probe_and_keeps_nothing_of_it(
    shelf: Shelf, opened: Callable[[], Vault]
) -> None:
    vault = opened()
    vault.probe()
    vault.probe()
    assert list(vault.packs()) == []
    if isinstance(shelf, CheatingShelf):
        assert shelf.store.objects == {}
    if isinstance(shelf, DiskShelf):
        assert list(shelf.folder.iterdir()) == []


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


def test_a_closed_vault_takes_nothing_and_can_be_closed_again(vault: Vault) -> None:
    vault.put_many(some_round(1))
    vault.close()
    vault.close()
    with pytest.raises(VaultAway):
        vault.put_many(some_round(2))


def test_only_a_local_vault_may_run_in_the_event_loop(vault: Vault) -> None:
    assert vault.inline is isinstance(vault, DiskVault)
