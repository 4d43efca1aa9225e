"""A scan of good and one of office quality, printed, spoilt and read again; `make scans` plays two hundred."""

import random

import pytest

from gateway.mailroom.matching import match
from tests.mailroom import piles, scanner
from tests.mailroom.__main__ import LEAST, judged, table
from tests.mailroom.piles import Outcome, play


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [play(number, quality, 5, dossiers=[1]) for number, quality in ((1, scanner.GOOD), (2, scanner.OFFICE))]


def test_no_page_of_a_scan_is_filed_wrongly_and_their_codes_are_read(outcomes):
    assert [one.wrong for one in outcomes] == [0, 0]
    assert [one.written_lost for one in outcomes] == [0, 0]
    good, office = outcomes
    assert good.filed == good.fileable > 0
    assert office.coded_filed >= 0.9 * office.coded > 0


def test_the_campaign_fails_when_pages_go_wrong_or_too_few_file_themselves(outcomes):
    def one(**changed: object) -> Outcome:
        whole = {name: getattr(outcomes[0], name) for name in Outcome.__struct_fields__}
        return Outcome(**whole | {"pages": 100, "fileable": 100, "filed": 100, "wrong": 0, "mishaps": ()} | changed)  # type: ignore[arg-type]

    assert judged([one(), one(quality="office", filed=95), one(quality="poor", filed=0)]) == []
    # Too few of the fileable ones, and of all where nothing is amiss; and one that went wrong.
    assert len(judged([one(filed=98), one(quality="office", filed=94), one(quality="poor", wrong=1)])) == 2 * 2 + 1
    # What must wait where something is amiss is not counted; where nothing is, it is.
    assert judged([one(), one(quality="office"), one(fileable=50, filed=50, mishaps=("missing",))]) == []
    assert len(judged([one(fileable=50, filed=50), one(quality="office")])) == 1
    assert len(table(outcomes)) == 1 + 2 * 3
    assert set(LEAST) < set(scanner.QUALITIES)


def test_the_same_seed_gives_the_same_pile_and_the_same_scan():
    pile, again = (piles.make_pile(7, random.Random(3), dossiers=[1]) for _ in range(2))
    assert [sheet.codes for sheet in pile.sheets] == [sheet.codes for sheet in again.sheets]
    first, second = (scanner.scanned(pile.sheets[0].image, scanner.OFFICE, random.Random(4)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert match([], pile.expected, pile.counted, cover_holds=piles.cover_holds) == []
