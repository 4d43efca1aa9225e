"""Every fault that a real store was seen to have is harmless by construction, marked by the probe, or refused by it."""

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from storage.vault import ContentMissing, Place, Vault, VaultAway, VaultUnfit
from storage.vault_s3 import S3Vault, open_s3_vault
from tests.adversary import LATE_S, Fault, Store, adversary
from tests.conformance.faults import MET, Met
from tests.storage.contents import some_round

PASSABLE = [met for met in MET if met.how != "refused"]
# Of these the store tells nobody whether it kept what it was sent.
SILENT = {Fault.KEEPS_IN_SILENCE, Fault.APPEARS_LATE}


def named(met: Met) -> str:
    return "+".join(fault.name.lower() for fault in met.faults)


@pytest.fixture
def store() -> Iterator[Store]:
    with adversary() as store:
        yield store


@pytest.fixture
def url(store: Store, tmp_path: Path) -> str:
    credentials = tmp_path / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text("access\nsecret\n")
    return f"s3://packs?endpoint={store.url}&credentials={credentials}"


@pytest.fixture
def vault(url: str) -> Iterator[S3Vault]:
    with closing(open_s3_vault(url)) as vault:
        yield vault


def reads_back(vault: Vault, places: list[Place], number: int) -> bool:
    return [vault.read(place) for place in places] == [one.body for one in some_round(number)]


@pytest.mark.parametrize("met", MET, ids=named)
def test_the_probe_says_of_each_fault_what_is_said_here(store: Store, url: str, met: Met) -> None:
    store.faults |= set(met.faults) - SILENT
    with closing(open_s3_vault(f"{url}&lock=COMPLIANCE&lock_days=1" if met.lock else url)) as vault:
        if met.how == "refused":
            with pytest.raises(VaultUnfit, match=met.says):
                vault.probe()
        else:
            assert vault.probe().marks == ((met.says,) if met.says else ())


@pytest.mark.parametrize("met", [met for met in MET if met.lock], ids=named)
def test_without_a_lock_to_keep_the_same_store_loses_nothing(store: Store, vault: S3Vault, met: Met) -> None:
    store.faults |= set(met.faults)
    assert vault.probe().lock == ""
    assert reads_back(vault, vault.put_many(some_round(1)), 1)


@pytest.mark.parametrize("met", PASSABLE, ids=named)
def test_a_fault_that_passes_costs_no_round_that_was_acknowledged(store: Store, url: str, met: Met) -> None:
    with closing(open_s3_vault(url)) as first, closing(open_s3_vault(url)) as second:
        first.probe()
        store.faults |= set(met.faults)
        kept: list[tuple[int, list[Place]]] = []
        start = threading.Barrier(4)

        def put(vault: Vault, number: int) -> None:
            start.wait()
            try:
                kept.append((number, vault.put_many(some_round(number))))
            except VaultAway:
                assert set(met.faults) & SILENT, "only a store that says nothing may be called away"

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, [first, second, first, second], [1, 1, 2, 2]))
        store.faults -= SILENT
        for each in store.late:
            each.join()
        for number, places in kept:
            assert reads_back(first, places, number)
        # And whoever was told nothing puts again, and finds the same bytes under the same names.
        names = set(store.objects)
        for number in (1, 2):
            assert reads_back(first, first.put_many(some_round(number)), number)
        assert set(store.objects) == names
        assert len(names) == 2


def test_a_put_that_appears_late_is_not_promised_and_recognised_when_it_is_there(store: Store, vault: S3Vault) -> None:
    vault.probe()
    store.faults.add(Fault.APPEARS_LATE)
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))
    assert store.objects == {}
    for each in store.late:
        each.join(10 * LATE_S)
    assert len(store.objects) == 1
    store.faults.clear()
    store.asked.clear()
    assert reads_back(vault, vault.put_many(some_round(1)), 1)
    assert store.asked[:2] == ["PUT", "GET"]  # refused, because it is there; and looked at, because that proves nothing


def test_what_a_store_acknowledges_and_does_not_keep_is_not_acknowledged_by_the_vault(
    store: Store, vault: S3Vault
) -> None:
    vault.probe()
    store.faults.add(Fault.LOSES)
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))


def test_a_store_that_loses_later_makes_reads_fail_and_never_lie(store: Store, vault: S3Vault) -> None:
    vault.probe()
    places = vault.put_many(some_round(1))
    store.objects.clear()
    with pytest.raises(ContentMissing):
        vault.read(places[0])


def test_a_checksum_that_follows_the_body_is_refused_by_the_store_and_never_sent_by_the_vault(tmp_path: Path) -> None:
    with adversary(tls=tmp_path) as store:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=store.url,
            region_name="us-east-1",
            aws_access_key_id="access",
            aws_secret_access_key="secret",
            verify=str(store.ca),
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        with closing(client), pytest.raises(ClientError) as refused:
            client.put_object(Bucket="packs", Key="packs/x", Body=b"sent")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 411
        credentials = tmp_path / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text("access\nsecret\n")
        with closing(
            open_s3_vault(f"s3://packs?endpoint={store.url}&credentials={credentials}&ca={store.ca}")
        ) as vault:
            assert vault.probe().marks == ()
            assert reads_back(vault, vault.put_many(some_round(1)), 1)


@pytest.mark.parametrize(
    "asked", ["lock=COMPLIANCE", "lock_days=1", "lock=LEGAL&lock_days=1", "lock=COMPLIANCE&lock_days=0",
              "lock=COMPLIANCE&lock_days=36501", "lock=GOVERNANCE&lock_days=-1", "lock=GOVERNANCE&lock_days=1.5"]
)  # fmt: skip
def test_a_lock_that_makes_no_sense_is_refused(url: str, asked: str) -> None:
    with pytest.raises(ValueError, match="lock"):
        open_s3_vault(f"{url}&{asked}")


def test_the_lock_is_counted_from_the_store_s_own_clock_and_goes_with_the_put(store: Store, url: str) -> None:
    store.faults.add(Fault.VERSIONS)
    with closing(open_s3_vault(f"{url}&lock=GOVERNANCE&lock_days=30")) as vault:
        standing = vault.probe()
        assert (standing.lock, standing.marks) == ("GOVERNANCE 30", ("lock-can-be-lifted",))
        store.asked.clear()
        places = vault.put_many(some_round(1))
        assert store.asked == ["PUT", "HEAD"]
        (kept,) = [one for (key, _), one in store.versions.items() if key == f"packs/{places[0].pack}"]
        assert kept.lock is not None
        assert kept.lock[0] == "GOVERNANCE"
        until = dt.datetime.fromisoformat(kept.lock[1])
        assert abs(until - vault._bucket.now() - dt.timedelta(days=30)) < dt.timedelta(minutes=1)
