"""A revocation that is learnt later: sources in use are asked again, each dossier is told once."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import refresh, revoked_later
from gateway.clock import to_us
from signing.indication import RevocationUsed
from storage import journal, proofs, revocation_sources
from storage.database import Database, DatabaseAway
from storage.revocation_sources import Authorities
from tests.databases import a_dossier, an_event, database, database_url
from tests.gateway.inhouse import Inhouse, inhouse

__all__ = ["database", "database_url"]

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ISSUER, CERTIFICATE = "CN=Issuer", "c" * 64
URL = "http://crl.example.vn/a.crl"
DAY_US = 86_400_000_000


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def sign_rows(database: Database, rows: list[proofs.Signed]) -> None:
    """Rows of dossiers that need not exist for what is looked at."""
    with database.begin() as tx:
        if database.dialect == "sqlite":
            tx.connection.driver_connection.execute("COMMIT")  # type: ignore[union-attr]
            tx.exec_driver_sql("PRAGMA foreign_keys = OFF")
            tx.connection.driver_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
        else:
            tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        proofs.add_signed(tx, rows)


def a_signed(number: int, certificate: str, at_us: int, issuer: str = ISSUER) -> proofs.Signed:
    return proofs.Signed(
        dossier=f"d{number}", certificate=certificate, issuer=issuer, serial=f"{number:x}", received_at_us=at_us
    )


def put_signed(database: Database, count: int, at: datetime) -> None:
    """So many accepted dossiers of one certificate, all received in one microsecond."""
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        rows = [a_dossier(f"{number:05}", turn.next(), received_at_us=to_us(at)) for number in range(count)]
        journal.enter(tx, rows, [], [an_event(row, row.seq) for row in rows], [])
        proofs.add_signed(
            tx,
            [
                proofs.Signed(
                    dossier=row.id, certificate=CERTIFICATE, issuer=ISSUER, serial="1", received_at_us=to_us(at)
                )
                for row in rows
            ],
        )
        journal.end_turn(tx, turn)


def revoked(at: datetime) -> RevocationUsed:
    return RevocationUsed(
        certificate_sha256=CERTIFICATE, kind="crl", sha256="0" * 64, source=URL, issuer=ISSUER, this_update=at,
        next_update=None, produced_at=None, fetched_at=at, age_s=0, status="revoked", revoked_at=at,
    )  # fmt: skip


def test_suspects_are_found_among_20_000_rows_page_by_page(database: Database) -> None:
    certificates = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(4000)]
    sign_rows(
        database,
        [
            a_signed(number % 4000 + 4000 * again, certificates[number], again)
            for again in range(5)
            for number in range(4000)
        ],
    )
    sign_rows(database, [a_signed(50_000, "f" * 64, 1, "CN=Other")])
    with database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier_certificate SET serial = substr(certificate, 1, 15)"))
    wanted = {int(one[:15], 16) for one in certificates[:700]}
    began = time.monotonic()
    found = revoked_later.suspects(database, ISSUER, wanted)
    assert time.monotonic() - began < 2
    assert found == sorted(certificates[:700])


def test_a_page_of_an_issuers_certificates_sorts_nothing(tmp_path: Path, gateway: Inhouse) -> None:
    with gateway.house.database.read() as tx:
        plan = [
            str(row[-1])
            for row in tx.execute(
                sa.text(f"EXPLAIN QUERY PLAN {proofs._OF_ISSUER.text}"), {"issuer": ISSUER, "after": "", "most": 200}
            )
        ]
    looks = [step for step in plan if "SEARCH" in step]
    assert len(looks) == 3
    assert all("COVERING INDEX dossier_certificate_of_issuer (issuer=? AND certificate" in step for step in looks)
    assert {step for step in plan if "SCAN" in step} <= {"SCAN step", "SCAN CONSTANT ROW"}


def test_all_dossiers_of_one_microsecond_are_told_once(database: Database) -> None:
    put_signed(database, 2 * revoked_later.DOSSIERS_AT_ONCE_MAX + 50, AT)
    used = revoked(AT)
    assert revoked_later._tell_of(database, CERTIFICATE, used, AT) == 2 * revoked_later.DOSSIERS_AT_ONCE_MAX + 50
    assert revoked_later._tell_of(database, CERTIFICATE, used, AT) == 0
    with database.read() as tx:
        told = tx.execute(sa.text("SELECT count(*), count(DISTINCT dossier) FROM event WHERE type = 'signer-revoked'"))
        assert tuple(told.one()) == (450, 450)


def test_no_turn_is_taken_when_there_is_nothing_to_tell(database: Database) -> None:
    put_signed(database, 3, AT)
    later = revoked(AT + timedelta(seconds=1))
    with database.begin() as tx:
        journal.take_turn(tx)
        # Who holds the turn would be waited for, in vain.
        assert revoked_later._tell_of(database, CERTIFICATE, later, AT) == 0
    assert revoked_later._tell_of(database, CERTIFICATE, revoked(AT), AT) == 3
    with database.begin() as tx:
        journal.take_turn(tx)
        assert revoked_later._tell_of(database, CERTIFICATE, revoked(AT), AT) == 0


def test_sources_in_daily_use_stay_due_whenever_their_data_was_last_missing(database: Database) -> None:
    with database.begin() as tx:
        revocation_sources.use(tx, URL, "", ISSUER, 0)
        revocation_sources.use(tx, "http://crl.example.vn/gone.crl", "", "CN=Gone", 0)
        revocation_sources.use(tx, "http://ocsp.example.vn/", CERTIFICATE, ISSUER, 0)
        revocation_sources.use(tx, "http://ocsp.example.vn/", "d" * 64, ISSUER, 0)
        revocation_sources.use(tx, "http://crl.example.vn/root.crl", "", "CN=Root", 0)
        revocation_sources.use(tx, "http://ocsp.example.vn/", "e" * 64, "CN=Root", 0)
    sign_rows(database, [a_signed(1, CERTIFICATE, 40 * DAY_US), a_signed(2, "d" * 64, DAY_US)])
    with database.read() as tx:
        used = revocation_sources.due(tx, 40 * DAY_US, 10 * DAY_US, 10, Authorities())
        trusted = Authorities(certificates=frozenset({"e" * 64}), issuers=frozenset({"CN=Root"}))
        with_authorities = revocation_sources.due(tx, 40 * DAY_US, 10 * DAY_US, 10, trusted)
        nobodys = revocation_sources.due(tx, 60 * DAY_US, 50 * DAY_US, 10, Authorities())
    assert [(one.url, one.certificate) for one in used] == [(URL, ""), ("http://ocsp.example.vn/", CERTIFICATE)]
    assert {(one.issuer, one.certificate) for one in with_authorities} - {
        (one.issuer, one.certificate) for one in used
    } == {("CN=Root", ""), ("CN=Root", "e" * 64)}
    assert nobodys == []


def test_crls_are_asked_first_however_many_responders_wait(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    now_us = to_us(gateway.clock.now())
    with gateway.house.database.begin() as tx:
        for number in range(500):
            revocation_sources.use(tx, "http://ocsp.example.vn/", f"{number:064x}", ISSUER, now_us)
        revocation_sources.use(tx, "http://z.example.vn/a.crl", "", ISSUER, now_us)
    due = refresh._claimed(gateway.house)
    assert due[0].url == "http://z.example.vn/a.crl"
    assert len(due) == 1 + refresh.SOURCES_AT_ONCE_MAX


def test_a_source_that_gave_nothing_is_asked_again_after_minutes(gateway: Inhouse) -> None:
    with gateway.house.database.begin() as tx:
        # The address is not among those that may be asked: nothing comes from there.
        revocation_sources.use(tx, URL, "", ISSUER, to_us(gateway.clock.now()))
    assert gateway.asked(refresh.refresh(gateway.house)) == 1
    assert gateway.asked(refresh.refresh(gateway.house)) == 0
    gateway.clock.advance(refresh.TRY_AGAIN_AFTER.total_seconds() - 1)
    assert gateway.asked(refresh.refresh(gateway.house)) == 0
    gateway.clock.advance(1)
    assert gateway.asked(refresh.refresh(gateway.house)) == 1


def test_what_could_not_be_told_is_told_at_the_next_look(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = gateway.house.revocations.newly_revoked()
    assert learnt, "the CRLs of the trust folder"
    gateway.house.revocations.not_told(learnt)

    def away(*_: Any) -> Any:
        raise DatabaseAway("away")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.house.database, "read", away)
        with pytest.raises(DatabaseAway):
            gateway.asked(refresh.tell_of_revoked(gateway.house))
    assert gateway.house.revocations.newly_revoked() == learnt
