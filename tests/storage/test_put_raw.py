"""A whole pack is put back into a vault of either kind, under a name that opens, never over another's bytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import pack
from storage.vault import ContentCorrupt, Place, Vault, VaultAway
from storage.vaults import open_vault
from tests.storage.contents import entry

BODIES = [b"one" * 100, b"two" * 200]
ROUND = [entry(body) for body in BODIES]


@pytest.fixture(params=["disk", "s3"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    url = f"file:{tmp_path / 'restored'}" if request.param == "disk" else request.getfixturevalue("s3_vault_url")
    opened = open_vault(url)
    yield opened
    opened.close()


@pytest.fixture
def kept(tmp_path: Path) -> tuple[str, bytes, list[Place]]:
    """A pack as another vault gave it: its name there, its bytes, the places in it."""
    other = open_vault(f"file:{tmp_path / 'other'}")
    places = other.put_many(ROUND)
    content = other.raw(places[0].pack)
    other.close()
    return places[0].pack, content, places


def test_every_place_is_good_under_the_name_that_is_returned(vault: Vault, kept: tuple[str, bytes, list[Place]]):
    name, content, places = kept
    here = vault.put_raw(name, content)
    assert [vault.read(Place(here, one.offset, one.length)) for one in places] == BODIES
    assert vault.raw(here) == content
    assert list(vault.packs()) == [here]


def test_a_name_of_its_own_kind_is_kept(vault: Vault, kept: tuple[str, bytes, list[Place]]):
    here = vault.put_raw(kept[0], kept[1])
    assert vault.put_raw(here, kept[1]) == here
    assert list(vault.packs()) == [here]


def test_a_name_of_another_kind_is_replaced_by_the_same_one_each_time(
    vault: Vault, kept: tuple[str, bytes, list[Place]]
):
    assert vault.put_raw("a" * 64, kept[1]) == vault.put_raw("a" * 64, kept[1])
    assert len(list(vault.packs())) == 1


def test_what_goes_on_being_put_comes_beside_it(vault: Vault, kept: tuple[str, bytes, list[Place]]):
    here = vault.put_raw(kept[0], kept[1])
    (place,) = vault.put_many([entry(b"three")])
    assert place.pack != here
    assert vault.read(place) == b"three"
    assert vault.raw(here) == kept[1]


def test_other_bytes_under_the_same_name_are_refused_and_nothing_is_overwritten(
    tmp_path: Path, kept: tuple[str, bytes, list[Place]]
):
    vault = open_vault(f"file:{tmp_path / 'restored'}")
    here = vault.put_raw(kept[0], kept[1])
    with pytest.raises(ContentCorrupt):
        vault.put_raw(kept[0], kept[1] + b"more")
    assert vault.raw(here) == kept[1]
    assert [path.name for path in (tmp_path / "restored").iterdir()] == [here]
    vault.close()


def test_after_closing_nothing_is_put(vault: Vault, kept: tuple[str, bytes, list[Place]]):
    vault.close()
    with pytest.raises(VaultAway):
        vault.put_raw(kept[0], kept[1])


def test_a_pack_that_was_put_back_can_be_scanned(vault: Vault, kept: tuple[str, bytes, list[Place]]):
    scanned = pack.scan(vault.raw(vault.put_raw(kept[0], kept[1])))
    assert [one.sha256 for one in scanned.found] == [one.sha256 for one in ROUND]
    assert scanned.gaps == ()
