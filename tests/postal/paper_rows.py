"""Rows of paper for tests, written as the parts of the gateway write them."""

import hashlib
from typing import Any

import sqlalchemy as sa

from gateway import tracking
from storage import handlings, items
from storage.database import Database
from storage.handlings import Handling
from storage.items import Item
from tests.databases import put_dossier

OFFICE, OTHER_OFFICE = "07906", "08907"
DAY_US = 86_400_000_000
NOW_US = 1_772_400_000_000_000


def put(tx: sa.Connection, table: str, **row: object) -> None:
    """One row; columns that are not named get something plausible."""
    columns = sa.inspect(tx).get_columns(table)
    for column in columns:
        if column["name"] not in row and not column["nullable"]:
            kind = str(column["type"])
            row[column["name"]] = b"" if kind in ("BYTEA", "BLOB") or "BYTE" in kind else 0 if "INT" in kind else ""
    names = ", ".join(row)
    tx.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in row)})"), row)


class Paper:
    """Announcements, items and what became of them, in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._number = 0

    def announce(self, name: str, *, role: str = "employer", office: str = OFFICE, dossiers: int = 1) -> list[str]:
        """An announcement with so many dossiers; returns their ids."""
        made = [f"d-{name}-{at}" for at in range(1, dossiers + 1)]
        with self.database.begin() as tx:
            sha256 = hashlib.sha256(name.encode()).digest()
            put(tx, "announcement", id=name, client="c", role=role, office=office, made_at_us=NOW_US, sha256=sha256)
            for at, one in enumerate(made, 1):
                put(tx, "announced", id=one, announcement=name, number=at, state="announced", half_of="", pieces="[]")
        return made

    def cancel(self, name: str) -> None:
        self.say("UPDATE announcement SET cancelled_at_us = 1, cancelled_by = 'c' WHERE id = :id", id=name)
        self.say("UPDATE announced SET state = 'cancelled' WHERE announcement = :id", id=name)

    def bind(
        self, number: str, announcement: str | None, dossiers: list[str], *, office: str = OFFICE, direction: str = "in"
    ) -> None:
        with self.database.begin() as tx:
            made = Item(
                number=number, scheme="s10", carrier="vnpost", direction=direction, office=office, unit="TS12345",
                announcement=announcement, bound_at_us=NOW_US, bound_by="c", state_at_us=NOW_US,
            )  # fmt: skip
            items.bind(tx, made, dossiers)
            tracking.restand(tx, number)

    def tell(self, number: str, *codes: str) -> None:
        """What the carrier tells of an item, an hour after one another."""
        with self.database.begin() as tx:
            told = []
            for code in codes:
                self._number += 1
                at_us = NOW_US + self._number * 3_600_000_000
                told.append(
                    Handling(
                        item=number, carrier="vnpost", code=code, at_us=at_us, source="file", heard_at_us=at_us,
                        heard_from="post-1",
                    )
                )  # fmt: skip
            handlings.keep(tx, told)
            tracking.restand(tx, number)

    def open(self, number: str, office: str = OFFICE) -> None:
        with self.database.begin() as tx:
            put(tx, "opening", id=f"o-{number}", item=number, office=office, opened_at_us=NOW_US)

    def scan(self, number: str, state: str) -> None:
        """A page of an opened item, in that state."""
        with self.database.begin() as tx:
            put(tx, "scan", id=f"s-{number}", opening=f"o-{number}", number=1, sha256=number.encode())
            put(tx, "page", scan=f"s-{number}", number=1, state=state)

    def file(self, dossier: str) -> None:
        """The dossier comes: it stands in the journal, and its announcement says so."""
        put_dossier(self.database, dossier.removeprefix("d-"), channel="post")
        self.say("UPDATE announced SET state = 'filed' WHERE id = :id", id=dossier)

    def unopen(self, number: str) -> None:
        for table, which in (("page", "scan = :id"), ("scan", "id = :id")):
            self.say(f"DELETE FROM {table} WHERE {which}", id=f"s-{number}")
        self.say("DELETE FROM opening WHERE item = :item", item=number)

    def receive(self, number: str, manifest: str, *, direction: str = "in", condition: str = "intact") -> None:
        """A manifest's receipt names the item."""
        with self.database.begin() as tx:
            put(tx, "manifest", id=manifest, carrier="vnpost", office=OFFICE, direction=direction, number="1", sides=1)
            taken = f'{{"number":"{number}","condition":"{condition}"}}'
            put(tx, "manifest_line", manifest=manifest, item=number, taken=taken, difference="")

    def say(self, sql: str, **values: Any) -> None:
        with self.database.begin() as tx:
            tx.execute(sa.text(sql), values)
