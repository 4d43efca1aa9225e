"""A small month of paper in which everything goes wrong that can: all of it is found, and a false book is as well."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.postal.month.__main__ import sum_up
from tests.postal.month.book import Fault
from tests.postal.month.play import Month, opened, played

ITEMS, SEED, SENDING_DAYS = 40, 3, 1
# Real pages take a second each to print, scan and read: the campaign has them.
WITHOUT = frozenset(("scanned",))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    with opened(tmp_path_factory.mktemp("month") / "home") as gateway:
        yield asyncio.run(played(gateway, ITEMS, SEED, SENDING_DAYS, lambda _: None, WITHOUT))


def test_a_small_month_counts_every_day_right_and_finds_all_that_was_injected(month: Month) -> None:
    checks = month.reckon()
    assert [one for one in checks if one.wrong] == []
    assert sum_up(month, checks, 0.0) == 0
    assert all(one.looked_at for one in checks)
    # Everything that can go wrong has, and nothing that went right was told of.
    assert len({one.parcel.plan.fate for one in month.book.faults}) == 35
    assert len({number for number, _ in month.book.found}) == 35


def _a_day(month: Month) -> None:
    line = next(iter(month.nights.done[5].book_lines.values()))
    line["announced"] += 1
    line["never_posted"] += 1


def _a_sum(month: Month) -> None:
    month.nights.done[5].book_sums["identity", "07906", "vnpost"] += 1


def _a_difference(month: Month) -> None:
    month.nights.done[5].book_named.add((next(iter(month.book.items)), "item-state"))


def _a_wait(month: Month) -> None:
    month.nights.done[5].book_waiting.add(next(iter(month.book.items)))


def _a_loss(month: Month) -> None:
    plain = next(one for one in month.book.parcels if one.plan.fate == "several")
    month.book.faults.append(Fault(plain, "post-lost", 20))


def _no_silence(month: Month) -> None:
    month.book.faults = [one for one in month.book.faults if one.how != "post-silent"]


def _a_mended_fault(month: Month) -> None:
    month.book.stays.pop()


def _a_line(month: Month) -> None:
    manifest = next(one for one in month.book.manifests.values() if "ok" in one.stands().values())
    manifest.differences[next(iter(manifest.differences))] = "surplus"


def _a_receipt(month: Month) -> None:
    next(one for one in month.book.dossiers.values() if one.filed).filed = False


def _a_book(month: Month) -> None:
    next(one for one in month.book.dossiers.values() if one.filed and not one.by_wire).originals["held"] += 1


def _an_end(month: Month) -> None:
    next(one for one in month.book.items.values() if one.flow == "outbound").returned = "lost"


# By the number of the check that must notice it.
FALSE: dict[int, Callable[[Month], None]] = {
    0: _a_day, 1: _a_sum, 2: _a_difference, 3: _a_wait, 4: _a_loss, 5: _no_silence, 6: _a_mended_fault, 7: _a_line,
    8: _a_receipt, 9: _a_book, 10: _an_end,
}  # fmt: skip


def test_a_false_book_is_noticed_wherever_it_is_false(month: Month) -> None:
    noticed: set[int] = set()
    for number, falsify in FALSE.items():
        falsify(month)
        checks = month.reckon()
        noticed.add(number)
        assert {at for at, one in enumerate(checks) if one.wrong} == noticed, falsify
        assert sum_up(month, checks, 0.0) == 1
