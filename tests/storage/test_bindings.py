"""Who may sign and submit for whom, as the database keeps it: on SQLite and on PostgreSQL."""

import sqlite3
from datetime import date

import psycopg
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from storage import bindings, clients, journal, register
from storage.bindings import Binding
from storage.clients import Mandate
from storage.database import Database, open_database
from storage.migrations import available, migrate
from tests.databases import database, database_url, engine_url, put_dossier

__all__ = ["database", "database_url", "engine_url"]
UNIT = "AA1111A"
IVAN = "ivan-1"
DAYS = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]


def a_client(name: str = IVAN) -> clients.Client:
    return clients.Client(
        id=name, role="ivan", name="", secret_sha256=None, jwk=None,
        requests_per_minute_max=1, created_at_us=1, disabled_at_us=None, ivan_code="00040",
    )  # fmt: skip


def a_binding(sha256: str = "aa", **changes: object) -> Binding:
    fields: dict[str, object] = {
        "unit": UNIT,
        "sha256": sha256,
        "valid_from": "2026-01-01",
        "serial": "1",
        "issuer": "CN=CA",
        "spki_sha256": "k",
        "subject_sha256": "s",
        "holder": "{}",
        "not_before_us": 1,
        "not_after_us": 2,
        "registered_by": "operator",
        "at_us": 1,
    }
    return Binding(**(fields | changes))


def given(database: Database, *mandates: Mandate, units: tuple[str, ...] = ()) -> None:
    with database.begin() as tx:
        if clients.client(tx, IVAN) is None:
            clients.put_client(tx, a_client(), units, [])
        for one in mandates:
            clients.put_mandate(tx, one)


def speaks(database: Database) -> list[bool]:
    """Whether the client speaks for the unit on each of `DAYS`; asked in a transaction and by itself."""
    with database.read() as tx:
        inside = [journal.speaks_for(tx, IVAN, UNIT, on) for on in DAYS]
        assert [UNIT in clients.units(tx, IVAN, on) for on in DAYS] == inside
    assert [journal.may_speak(database, IVAN, UNIT, on) for on in DAYS] == inside
    return inside


def test_a_mandate_holds_from_its_first_day_to_its_last_both_included(database: Database) -> None:
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2026-01-01", valid_to="2026-06-30"))
    assert speaks(database) == [False, True, True, False]
    (kept,) = clients.mandates_for(database, IVAN, UNIT)
    assert [kept.holds(on.isoformat()) for on in DAYS] == speaks(database)


def test_a_mandate_without_a_last_day_goes_on(database: Database) -> None:
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2026-06-30"))
    assert speaks(database) == [False, False, True, True]


def test_a_unit_without_days_is_spoken_for_on_any_day(database: Database) -> None:
    given(database, units=(UNIT,))
    assert speaks(database) == [True] * 4
    with database.read() as tx:
        assert journal.speaks_for(tx, IVAN, UNIT)
        assert clients.units(tx, IVAN) == [UNIT]


def test_whoever_forgets_the_day_gets_less_never_more(database: Database) -> None:
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2020-01-01"))
    put_dossier(database, "unit", unit=UNIT, submitter="other")
    assert not journal.may_speak(database, IVAN, UNIT)
    with database.read() as tx:
        assert not journal.is_party(tx, IVAN, submitter="other", unit=UNIT)
        assert journal.dossiers(tx, journal.Scope(client=IVAN), journal.Filter(), 0, 9) == []
        assert clients.units(tx, IVAN) == []


def test_several_mandates_leave_their_gap(database: Database) -> None:
    given(
        database,
        Mandate(client=IVAN, unit=UNIT, valid_from="2025-01-01", valid_to="2025-12-31"),
        Mandate(client=IVAN, unit=UNIT, valid_from="2026-07-01"),
    )
    assert speaks(database) == [True, False, False, True]
    with database.read() as tx:
        assert clients.units(tx, IVAN, DAYS[0]) == [UNIT]


def test_a_dated_mandate_takes_the_place_of_an_undated_one(database: Database) -> None:
    given(database, units=(UNIT,))
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2026-01-01", valid_to="2026-06-30", reference="05/UQ"))
    assert speaks(database) == [False, True, True, False]
    with database.read() as tx:
        assert [one.reference for one in clients.mandates(tx, IVAN)] == ["05/UQ"]


def test_adding_a_unit_again_does_not_revive_an_ended_mandate(database: Database) -> None:
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2025-01-01", valid_to="2025-12-31"))
    with database.begin() as tx:
        clients.add_units(tx, IVAN, [UNIT, UNIT, "BB2222B"])
    assert speaks(database) == [True, False, False, False]
    with database.read() as tx:
        assert clients.units(tx, IVAN) == ["BB2222B"]


def test_a_mandate_that_is_written_again_is_replaced(database: Database) -> None:
    first = Mandate(client=IVAN, unit=UNIT, valid_from="2026-01-01", registered_by="a", at_us=1)
    given(database, first, replace(first, valid_to="2026-06-30", registered_by="b", at_us=2))
    assert clients.mandates_for(database, IVAN, UNIT) == (
        replace(first, valid_to="2026-06-30", registered_by="b", at_us=2),
    )


def test_an_undated_mandate_cannot_end(database: Database) -> None:
    """Else a look that names no day would find it after its end."""
    with pytest.raises(sa.exc.IntegrityError):
        given(database, Mandate(client=IVAN, unit=UNIT, valid_to="2026-06-30"))


def test_after_a_mandate_its_own_submissions_stay_visible_and_the_units_others_do_not(database: Database) -> None:
    given(database, Mandate(client=IVAN, unit=UNIT, valid_from="2026-01-01", valid_to="2026-06-30"))
    put_dossier(database, "mine", unit=UNIT, submitter=IVAN)
    put_dossier(database, "units", unit=UNIT, submitter="employer-1")
    seen = {}
    with database.read() as tx:
        for on in DAYS:
            scope = journal.Scope(client=IVAN, on=on)
            seen[on] = [one.id for one in journal.dossiers(tx, scope, journal.Filter(), 0, 9)]
            assert [one.dossier for one in journal.events(tx, scope, 0)] == seen[on]
            assert [name for name in ("d-mine", "d-units") if journal.dossier(tx, name, scope)] == seen[on]
            assert journal.is_party(tx, IVAN, submitter=IVAN, unit=UNIT, on=on)
            assert journal.is_party(tx, IVAN, submitter="employer-1", unit=UNIT, on=on) == ("d-units" in seen[on])
    assert list(seen.values()) == [["d-mine"], ["d-mine", "d-units"], ["d-mine", "d-units"], ["d-mine"]]


def test_a_clients_ivan_code_is_kept(database: Database) -> None:
    given(database)
    with database.read() as tx:
        assert clients.client(tx, IVAN) == a_client()


def rows_of(database: Database) -> list[register.Unit]:
    with database.read() as tx:
        return register.units_of(tx, UNIT)


def test_a_units_way_of_signing_is_read_with_the_unit(database: Database) -> None:
    row = register.Unit(
        code=UNIT, tax_code="1", office="07906", valid_from="2020-01-01", signing="registered", signed_by_parent=True
    )
    with database.begin() as tx:
        register.put(tx, [row])
    assert register.unit_at(database, UNIT, DAYS[0]) == row
    found = register.unit_at(database, UNIT, DAYS[0])
    assert found is not None
    assert found.signed_by_parent is True


def test_what_a_register_from_elsewhere_does_not_tell_stays(database: Database) -> None:
    """A monthly import must not loosen who may sign, neither on the same row nor on the unit's next one."""
    strict = register.Unit(code=UNIT, tax_code="1", office="07906", valid_from="2020-01-01", signing="registered")
    moved = register.Told(code=UNIT, tax_code="1", office="08907", valid_from="2026-01-01")
    with database.begin() as tx:
        register.put(tx, [strict])
        register.put(tx, [register.Told(code=UNIT, tax_code="2", office="07906", valid_from="2020-01-01"), moved])
    assert [(one.tax_code, one.office, one.signing) for one in rows_of(database)] == [
        ("2", "07906", "registered"),
        ("1", "08907", "registered"),
    ]
    with database.begin() as tx:
        register.put(tx, [replace(moved, signing="tax-code", signed_by_parent=True)])
    assert [(one.signing, one.signed_by_parent) for one in rows_of(database)] == [
        ("registered", False),
        ("tax-code", True),
    ]


def test_a_unit_that_was_never_told_is_signed_for_by_tax_code(database: Database) -> None:
    with database.begin() as tx:
        register.put(tx, [register.Told(code=UNIT, tax_code="1", office="07906", valid_from="2020-01-01")])
    assert [(one.signing, one.signed_by_parent) for one in rows_of(database)] == [("tax-code", False)]


def test_the_way_of_signing_changes_from_today_on_and_not_in_the_past(database: Database) -> None:
    with database.begin() as tx:
        register.put(
            tx,
            [
                register.Unit(code=UNIT, tax_code="1", office="1", valid_from="2020-01-01", valid_to="2025-12-31"),
                register.Unit(code=UNIT, tax_code="1", office="1", valid_from="2026-01-01", valid_to="2026-06-30"),
                register.Unit(code=UNIT, tax_code="1", office="1", valid_from="2026-07-01"),
            ],
        )
        assert register.set_signing(tx, UNIT, DAYS[1], signing="registered", parent=None) == 2
        assert register.set_signing(tx, UNIT, DAYS[3], signing=None, parent=True) == 1
        assert register.set_signing(tx, "ZZ9999Z", DAYS[3], signing=None, parent=True) == 0
    assert [(one.signing, one.signed_by_parent) for one in rows_of(database)] == [
        ("tax-code", False),
        ("registered", False),
        ("registered", True),
    ]


def test_bindings_are_found_by_unit_inside_a_transaction_and_by_themselves(database: Database) -> None:
    rows = [a_binding("aa"), a_binding("bb", valid_from="2026-02-01", valid_to="2026-12-31", renews="aa")]
    with database.begin() as tx:
        for one in [*reversed(rows), a_binding("cc", unit="BB2222B")]:
            bindings.bind(tx, one)
    assert list(bindings.bindings_of(database, UNIT)) == rows
    with database.read() as tx:
        assert list(bindings.bindings(tx, UNIT)) == rows


def test_a_withdrawn_certificate_is_kept_and_can_be_registered_again(database: Database) -> None:
    with database.begin() as tx:
        bindings.bind(tx, a_binding())
        assert bindings.withdraw(tx, UNIT, "aa", by="b", now_us=5) == 1
        assert bindings.withdraw(tx, UNIT, "aa", by="c", now_us=6) == 0
    assert bindings.bindings_of(database, UNIT) == (a_binding(withdrawn_by="b", withdrawn_at_us=5),)
    with database.begin() as tx:
        bindings.bind(tx, a_binding(valid_from="2026-03-01"))
        bindings.bind(tx, a_binding(registered_by="d"))
    assert [one.withdrawn_at_us for one in bindings.bindings_of(database, UNIT)] == [None, None]


def test_a_renewal_is_written_once(database: Database) -> None:
    renewal = a_binding("bb", renews="aa", registered_by="gateway")
    with database.begin() as tx:
        bindings.bind(tx, a_binding())
        assert bindings.renewed(tx, [renewal]) == [renewal]
        assert bindings.renewed(tx, [replace(renewal, at_us=9), renewal]) == []
    assert bindings.bindings_of(database, UNIT) == (a_binding(), renewal)


def test_a_renewal_of_what_was_withdrawn_meanwhile_is_not_written(database: Database) -> None:
    with database.begin() as tx:
        bindings.bind(tx, a_binding())
        bindings.withdraw(tx, UNIT, "aa", by="b", now_us=5)
        assert bindings.renewed(tx, [a_binding("bb", renews="aa")]) == []
        assert bindings.renewed(tx, [a_binding("bb", renews="never seen")]) == []


def test_a_certificate_that_was_withdrawn_itself_does_not_come_back_as_a_renewal(database: Database) -> None:
    with database.begin() as tx:
        bindings.bind(tx, a_binding())
        bindings.bind(tx, a_binding("bb"))
        bindings.withdraw(tx, UNIT, "bb", by="b", now_us=5)
        assert bindings.renewed(tx, [a_binding("bb", renews="aa", valid_from="2026-05-05")]) == []
    assert [one.withdrawn_at_us for one in bindings.bindings_of(database, UNIT)] == [None, 5]


def test_renewals_are_followed_to_the_last_and_circles_end() -> None:
    held = [a_binding("b", renews="a"), a_binding("c", renews="b"), a_binding("a", renews="c"), a_binding("z")]
    assert bindings.renewals_of(held, "a") == ("b", "c")
    assert bindings.renewals_of(held, "z") == ()


def test_a_database_from_before_keeps_its_rows_and_gets_the_same_tables(database_url: str, database: Database) -> None:
    """A fresh database is put back to where it stood before this step, with rows of that time, and migrated again."""
    fresh = shape(database)
    with database.begin() as tx:
        tx.execute(sa.text("DROP TABLE certificate_binding"))
        tx.execute(sa.text("DROP TABLE client_unit"))
        for table, column in (("unit", "signing"), ("unit", "signed_by_parent"), ("client", "ivan_code")):
            tx.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        tx.execute(sa.text("DELETE FROM schema_version WHERE number = 3"))
        old = next(
            statement for statement in dict(available())[1].split(";\n") if "CREATE TABLE client_unit " in statement
        )
        tx.exec_driver_sql(old)
        tx.execute(
            sa.text(
                "INSERT INTO client (id, role, name, requests_per_minute_max, created_at_us)"
                " VALUES ('ivan-1', 'ivan', '', 1, 1)"
            )
        )
        tx.execute(sa.text("INSERT INTO client_unit (client, unit) VALUES ('ivan-1', 'AA1111A')"))
        tx.execute(
            sa.text(
                "INSERT INTO unit (code, valid_from, tax_code, office, name)"
                " VALUES ('AA1111A', '2020-01-01', '1', '07906', '')"
            )
        )
    reopened = open_database(database_url)
    assert migrate(reopened) == [3]
    assert shape(reopened) == fresh
    assert speaks(reopened) == [True] * 4
    assert clients.mandates_for(reopened, IVAN, UNIT) == (Mandate(client=IVAN, unit=UNIT),)
    assert [(one.signing, one.signed_by_parent) for one in rows_of(reopened)] == [("tax-code", False)]
    with reopened.read() as tx:
        found = clients.client(tx, IVAN)
    assert found is not None
    assert found.ivan_code == ""
    reopened.close()


def shape(database: Database) -> dict[str, object]:
    """The tables of this part: columns with their kinds, and keys."""
    inspector = sa.inspect(database.engine)
    told = {
        table: (
            {
                one["name"]: (str(one["type"]), one["nullable"], str(one["default"]))
                for one in inspector.get_columns(table)
            },
            inspector.get_pk_constraint(table)["constrained_columns"],
            inspector.get_pk_constraint(table)["name"],
            len(inspector.get_foreign_keys(table)),
        )
        for table in ("client", "unit", "client_unit", "certificate_binding")
    }
    database.engine.dispose()
    return told


def test_what_the_code_names_is_what_the_tables_hold(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    for table, struct in (("certificate_binding", Binding), ("client_unit", Mandate), ("unit", register.Unit)):
        assert {column["name"] for column in inspector.get_columns(table)} == set(struct.__struct_fields__), table
    database.engine.dispose()


def test_a_binding_twice_on_one_day_is_one(database: Database) -> None:
    columns = ", ".join(Binding.__struct_fields__)
    with database.begin() as tx:
        bindings.bind(tx, a_binding())
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError, sa.exc.IntegrityError)), database.begin() as tx:
        tx.execute(sa.text(f"INSERT INTO certificate_binding ({columns}) SELECT {columns} FROM certificate_binding"))
