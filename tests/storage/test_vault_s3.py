"""Stores that cheat, fall silent or refuse: what the vault promises holds, and what it cannot promise it does not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage import vault_s3
from storage.secret import SecretExposed
from storage.vault import ContentCorrupt, ContentMissing, Place, VaultAway, VaultFull, VaultUnfit
from storage.vault_s3 import S3Vault, open_s3_vault
from tests.adversary import Fault, Store, adversary
from tests.storage.contents import entry, some_round

Opener = Callable[[Store], S3Vault]


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.touch(mode=0o600)
    path.write_text("access\nsecret\n")
    return path


@pytest.fixture
def opened(credentials: Path) -> Iterator[Opener]:
    vaults: list[S3Vault] = []

    def one(store: Store) -> S3Vault:
        ca = f"&ca={store.ca}" if store.ca else ""
        vaults.append(open_s3_vault(f"s3://packs?endpoint={store.url}&credentials={credentials}{ca}"))
        return vaults[-1]

    yield one
    for vault in vaults:
        vault.close()


@pytest.fixture
def store() -> Iterator[Store]:
    with adversary() as store:
        yield store


def only_pack(store: Store) -> bytes:
    (key,) = store.objects
    return store.content(key)


def test_a_round_is_one_put_and_one_look_once_the_store_is_proved(store: Store, opened: Opener) -> None:
    vault = opened(store)
    vault.probe()
    store.asked.clear()
    vault.put_many(some_round(1, *[3_000] * 32))
    assert store.asked == ["PUT", "HEAD"]


def test_a_store_that_was_not_proved_is_read_back(store: Store, opened: Opener) -> None:
    opened(store).put_many(some_round(1))
    assert store.asked == ["PUT", "GET"]


def test_a_put_whose_answer_was_lost_is_found_and_not_repeated(store: Store, opened: Opener) -> None:
    vault = opened(store)
    vault.probe()
    store.asked.clear()
    store.faults.add(Fault.KEEPS_IN_SILENCE)
    places = vault.put_many(some_round(1))
    assert store.asked == ["PUT", "GET"]
    assert [vault.read(place) for place in places] == [e.body for e in some_round(1)]


def test_a_put_that_came_to_nothing_is_tried_once_more(store: Store, opened: Opener) -> None:
    vault = opened(store)
    store.faults.add(Fault.HANGS_UP)
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))
    assert store.asked == ["PUT", "GET"] * vault_s3.PUT_ATTEMPTS_MAX
    assert store.objects == {}


def test_when_the_outcome_cannot_be_known_nothing_is_promised_and_the_retry_finds_the_same_bytes(
    store: Store, opened: Opener
) -> None:
    vault = opened(store)
    store.faults |= {Fault.KEEPS_IN_SILENCE, Fault.HANGS_UP_ON_READS}
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))
    assert len(store.objects) == 1
    store.faults.clear()
    places = vault.put_many(some_round(1))
    assert len(store.objects) == 1
    assert [vault.read(place) for place in places] == [e.body for e in some_round(1)]


def test_a_silent_store_is_given_up_in_time(store: Store, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_s3, "READ_TIMEOUT_S", 0.2)
    vault = opened(store)
    with store.lock, pytest.raises(VaultAway):
        vault.put_many(some_round(1))


def test_a_name_that_holds_other_bytes_is_not_called_kept(store: Store, opened: Opener) -> None:
    vault = opened(store)
    vault.put_many(some_round(1))
    (key,) = store.objects
    store.objects[key] = (b"planted", 0.0)
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))
    assert only_pack(store) == b"planted"


@pytest.mark.parametrize(
    ("fault", "raised"), [(Fault.FULL, VaultFull), (Fault.BUSY, VaultAway), (Fault.NO_CONDITIONS, VaultAway)]
)
def test_a_refusal_says_whether_room_must_be_made(
    store: Store, opened: Opener, fault: Fault, raised: type[VaultAway]
) -> None:
    vault = opened(store)
    store.faults.add(fault)
    with pytest.raises(VaultAway) as caught:
        vault.put_many(some_round(1))
    assert type(caught.value) is raised


def test_the_store_s_own_text_is_not_passed_on(store: Store, opened: Opener) -> None:
    store.faults.add(Fault.BUSY)
    with pytest.raises(VaultAway) as caught:
        opened(store).put_many(some_round(1))
    assert str(caught.value) == "S3: 503 SlowDown"


def test_a_store_that_overwrites_is_unfit(store: Store, opened: Opener) -> None:
    store.faults.add(Fault.OVERWRITES)
    with pytest.raises(VaultUnfit, match="overwrites"):
        opened(store).probe()
    assert store.objects == {}


def test_a_store_without_conditional_puts_is_unfit(store: Store, opened: Opener) -> None:
    store.faults.add(Fault.NO_CONDITIONS)
    with pytest.raises(VaultUnfit):
        opened(store).probe()


def test_a_store_that_ignores_ranges_is_unfit(store: Store, opened: Opener) -> None:
    store.faults.add(Fault.IGNORES_RANGE)
    with pytest.raises(VaultUnfit, match="sends more"):
        opened(store).probe()


def test_a_store_that_spoils_what_it_keeps_is_unfit(store: Store, opened: Opener) -> None:
    store.faults |= {Fault.SPOILS, Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256}
    with pytest.raises(VaultUnfit):
        opened(store).probe()


@pytest.mark.parametrize(
    ("faults", "refused"),
    [
        ([], {"md5", "sha256"}),
        ([Fault.TAKES_WRONG_SHA256], {"md5"}),
        ([Fault.TAKES_WRONG_MD5], {"sha256"}),
        ([Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256], set()),
    ],
)
def test_the_probe_finds_out_which_checksums_the_store_minds(
    store: Store, opened: Opener, faults: list[Fault], refused: set[str]
) -> None:
    store.faults |= set(faults)
    vault = opened(store)
    vault.probe()
    assert vault.refused == refused
    assert store.objects == {}


def test_a_store_that_minds_no_checksum_is_read_back_every_time_and_its_damage_is_noticed(
    store: Store, opened: Opener
) -> None:
    store.faults |= {Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256}
    vault = opened(store)
    vault.probe()
    store.asked.clear()
    vault.put_many(some_round(1))
    assert store.asked == ["PUT", "GET"]
    store.faults.add(Fault.SPOILS)
    with pytest.raises(VaultAway):
        vault.put_many(some_round(2))


def test_a_store_that_lets_nobody_delete_passes_the_probe(store: Store, opened: Opener) -> None:
    store.faults.add(Fault.FORBIDS_DELETE)
    vault = opened(store)
    vault.probe()
    assert list(vault.packs()) == []
    assert [key for key in store.objects if not key.startswith("probe/")] == []


def test_a_read_that_breaks_off_may_be_tried_again(store: Store, opened: Opener) -> None:
    vault = opened(store)
    place = vault.put_many([entry(b"locked" * 1_000)])[0]
    store.faults.add(Fault.CUTS_READS)
    with pytest.raises(VaultAway):
        vault.read(place)
    with pytest.raises(VaultAway):
        vault.raw(place.pack)
    store.faults.clear()
    assert vault.read(place) == b"locked" * 1_000


def test_a_store_that_ignores_the_range_cannot_pass_off_other_bytes(store: Store, opened: Opener) -> None:
    vault = opened(store)
    place = vault.put_many(some_round(1))[1]
    store.faults.add(Fault.IGNORES_RANGE)
    with pytest.raises(ContentCorrupt):
        vault.read(place)


def test_over_tls_the_payload_is_signed_and_nothing_is_chunked(tmp_path: Path, opened: Opener) -> None:
    # The store refuses unsigned and chunked bodies, as Ceph refuses the latter.
    with adversary(tls=tmp_path) as store:
        vault = opened(store)
        vault.probe()
        places = vault.put_many(some_round(1))
        assert [vault.read(place) for place in places] == [e.body for e in some_round(1)]


def test_a_store_with_a_strange_certificate_is_not_talked_to(tmp_path: Path, opened: Opener) -> None:
    with adversary(tls=tmp_path) as store:
        store.ca = None
        with pytest.raises(VaultAway):
            opened(store).put_many(some_round(1))
        assert store.asked == []


def test_a_bucket_that_is_not_there_is_away_and_not_missing_content(store: Store, opened: Opener) -> None:
    vault = opened(store)
    place = vault.put_many(some_round(1))[0]
    store.faults.add(Fault.NO_BUCKET)
    for asked in (lambda: vault.put_many(some_round(2)), lambda: vault.read(place), vault.probe):
        with pytest.raises(VaultAway):
            asked()


def test_seaweedfs_tells_a_missing_bucket_from_a_missing_pack(s3_vault_url: str, s3_bucket: str) -> None:
    here, elsewhere = open_s3_vault(s3_vault_url), open_s3_vault(s3_vault_url.replace(s3_bucket, "nowhere-at-all", 1))
    try:
        with pytest.raises(ContentMissing):
            here.read(Place("ab" * 32, 20, 100))
        with pytest.raises(VaultAway, match="NoSuchBucket"):
            elsewhere.read(Place("ab" * 32, 20, 100))
    finally:
        here.close()
        elsewhere.close()


def test_wrong_credentials_are_not_let_in(s3_vault_url: str, credentials: Path) -> None:
    parts = s3_vault_url.split("&credentials=")
    vault = open_s3_vault(f"{parts[0]}&credentials={credentials}")
    try:
        with pytest.raises(VaultAway, match="403"):
            vault.put_many(some_round(1))
    finally:
        vault.close()


def test_seaweedfs_minds_both_checksums(s3_vault_url: str) -> None:
    vault = open_s3_vault(s3_vault_url)
    try:
        vault.probe()
        assert vault.refused == {"md5", "sha256"}
    finally:
        vault.close()


def test_two_prefixes_of_a_bucket_are_two_vaults(s3_vault_url: str) -> None:
    base, query = s3_vault_url.split("?")
    first, second = open_s3_vault(f"{base}/first?{query}"), open_s3_vault(f"{base}/second/?{query}")
    try:
        place = first.put_many(some_round(1))[0]
        assert list(first.packs()) == [place.pack]
        assert list(second.packs()) == []
        with pytest.raises(ContentMissing):
            second.read(place)
    finally:
        first.close()
        second.close()


def test_credentials_that_others_can_read_are_not_used(credentials: Path) -> None:
    credentials.chmod(0o644)
    with pytest.raises(SecretExposed):
        open_s3_vault(f"s3://packs?endpoint=http://127.0.0.1:1&credentials={credentials}")


@pytest.mark.parametrize("text", ["", "access\n", "access\nsecret\nmore\n"])
def test_credentials_are_two_lines(credentials: Path, text: str) -> None:
    credentials.write_text(text)
    with pytest.raises(ValueError, match="two lines"):
        open_s3_vault(f"s3://packs?endpoint=http://127.0.0.1:1&credentials={credentials}")


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///packs",
        "s3://packs?endpont=http://127.0.0.1:1",
        "s3://packs?region=a&region=b",
        "s3://packs?region",
        "s3://access:secret@packs",
        "s3://packs#part",
        "s3://packs?profile=not-there",
        "s3://packs?endpoint=127.0.0.1",
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        open_s3_vault(url)
