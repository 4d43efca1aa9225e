"""Kept documents: the row decides between twins, and nothing is kept of what was erased."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
import sqlalchemy as sa

from storage import documents
from storage.database import Database
from storage.documents import Document
from storage.vault import Place
from tests.databases import database, database_url, put_dossier

__all__ = ["database", "database_url"]

_ERASE = sa.text("UPDATE dossier SET erased_at_us = 1, wrapped_key = NULL WHERE id = :id")


def a_document(dossier: str = "d-a", **changes: object) -> Document:
    made = Document(
        dossier=dossier, kind="receipt-pdf", number=1, media_type="application/pdf", sha256=b"s" * 32, size_bytes=9,
        pack="pack", pack_offset=20, pack_length=70, wrapped_key=b"key", made_at_us=7,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def add(database: Database, document: Document) -> bool:
    with database.begin() as tx:
        return documents.add(tx, document)


def of(database: Database, dossier: str = "d-a") -> list[Document]:
    with database.read() as tx:
        return documents.of(tx, dossier)


def find(database: Database, dossier: str, kind: str, number: int) -> Document | None:
    with database.read() as tx:
        return documents.find(tx, dossier, kind, number)


def test_what_was_added_is_found_as_it_was(database: Database) -> None:
    put_dossier(database, "a")
    put_dossier(database, "b")
    made = a_document()
    assert find(database, "d-a", "receipt-pdf", 1) is None
    assert add(database, made)
    assert find(database, "d-a", "receipt-pdf", 1) == made
    assert made.place == Place("pack", 20, 70)
    for other in (("d-b", "receipt-pdf", 1), ("d-a", "result", 1), ("d-a", "receipt-pdf", 2)):
        assert find(database, *other) is None


def test_the_documents_of_a_dossier_come_by_kind_and_number(database: Database) -> None:
    put_dossier(database, "a")
    put_dossier(database, "b")
    made = [a_document(kind=kind, number=number) for kind in ("receipt-pdf", "result") for number in (1, 2, 10)]
    for one in (*reversed(made), a_document("d-b")):
        assert add(database, one)
    assert of(database) == made
    assert of(database, "d-b") == [a_document("d-b")]


def test_the_first_of_two_twins_stays_and_the_second_is_told(database: Database) -> None:
    put_dossier(database, "a")
    first, second = a_document(pack="first"), a_document(pack="second", sha256=b"t" * 32)
    assert (add(database, first), add(database, second)) == (True, False)
    assert of(database) == [first]


def test_of_many_at_once_one_is_kept(database: Database) -> None:
    put_dossier(database, "a")
    start = threading.Barrier(6)

    def race(number: int) -> bool:
        start.wait()
        return add(database, a_document(pack=f"pack-{number}"))

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(race, range(6)))
    assert won.count(True) == 1
    assert [one.pack for one in of(database)] == [f"pack-{won.index(True)}"]


def test_what_is_rolled_back_was_never_added(database: Database) -> None:
    put_dossier(database, "a")

    def fail_after_adding() -> None:
        with database.begin() as tx:
            assert documents.add(tx, a_document())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_adding()
    assert of(database) == []
    assert add(database, a_document())


def test_erasing_forgets_the_keys_of_that_dossier_alone(database: Database) -> None:
    for name in ("a", "b"):
        put_dossier(database, name)
        assert add(database, a_document(f"d-{name}"))
    with database.begin() as tx:
        assert documents.forget_keys(tx, "d-a") == 1
        assert documents.forget_keys(tx, "d-a") == 0
    assert of(database) == [a_document(wrapped_key=None)], "the row tells that there was one"
    assert of(database, "d-b") == [a_document("d-b")]


def test_nothing_is_added_about_an_erased_dossier_or_one_that_is_not_there(database: Database) -> None:
    put_dossier(database, "a")
    with database.begin() as tx:
        tx.execute(_ERASE, {"id": "d-a"})
    assert not add(database, a_document())
    assert not add(database, a_document("d-none"))
    assert of(database) == of(database, "d-none") == []


@pytest.mark.parametrize("keys_first", [True, False])
def test_whoever_adds_while_a_dossier_is_being_erased_waits_and_keeps_nothing(
    database: Database, keys_first: bool
) -> None:
    put_dossier(database, "a")
    added: list[bool] = []
    adding = threading.Thread(target=lambda: added.append(add(database, a_document())))
    with database.begin() as tx:
        if keys_first:
            documents.forget_keys(tx, "d-a")
        else:
            tx.execute(_ERASE, {"id": "d-a"})
        adding.start()
        time.sleep(0.2)
        assert added == [], "it waits"
        if keys_first:
            tx.execute(_ERASE, {"id": "d-a"})
        else:
            documents.forget_keys(tx, "d-a")
    adding.join()
    assert added == [False]
    assert of(database) == []


def test_whoever_erases_while_a_document_is_being_added_waits_and_forgets_its_key(database: Database) -> None:
    put_dossier(database, "a")
    forgotten: list[int] = []

    def erase() -> None:
        with database.begin() as tx:
            forgotten.append(documents.forget_keys(tx, "d-a"))

    erasing = threading.Thread(target=erase)
    with database.begin() as tx:
        assert documents.add(tx, a_document())
        erasing.start()
        time.sleep(0.2)
        assert forgotten == [], "it waits"
    erasing.join()
    assert forgotten == [1]
    assert [one.wrapped_key for one in of(database)] == [None]


def test_a_dossier_is_found_by_the_number_of_its_statement(database: Database) -> None:
    kept = put_dossier(database, "a")
    with database.read() as tx:
        assert documents.about(tx, kept.statement_number) == "d-a"
        assert documents.about(tx, kept.statement_number + "0") is None


def test_what_the_code_names_is_what_the_table_holds(database: Database) -> None:
    columns = {column["name"] for column in sa.inspect(database.engine).get_columns("document")}
    assert columns == set(Document.__struct_fields__)
    database.engine.dispose()
