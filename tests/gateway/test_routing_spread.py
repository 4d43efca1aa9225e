"""Load is spread by the dossier's digest so that anyone can replay it, and only what must move moves."""

import hashlib
import math
from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.route_spread import DOMAIN, score, scores
from gateway.routing import OfficeTable, Route, route

TABLE = OfficeTable.load()
CODES = st.integers(0, 99_999).map("{:05}".format)
WEIGHTS = st.dictionaries(CODES, st.integers(1, 1000), min_size=2, max_size=8)
DIGESTS = st.binary(min_size=32, max_size=32)


def winner(weights: dict[str, int], sha256: bytes) -> str:
    return scores(weights, sha256)[0][0]


def second_method(weights: dict[str, int], sha256: bytes) -> str:
    """The documented formula once more, in the machine's own floating point."""

    def drawn(code: str) -> float:
        first = hashlib.sha256(b"motcua-spread-1\0" + code.encode() + b"\0" + sha256).digest()[:8]
        return -weights[code] / math.log((int.from_bytes(first, "big") + 1) / (2**64 + 1))

    return max(weights, key=drawn)


def some_digests(count: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in range(count)]


def test_the_scores_are_these_to_the_last_digit():
    # Whoever replays a receipt must come to the same digits: a change here is a change of every decision made.
    sha256 = hashlib.sha256(b"dossier-1").digest()
    assert DOMAIN == b"motcua-spread-1\x00"
    assert str(score("09981", 3, sha256)) == "3.045851608275549356907253261779898240820"
    assert str(score("09983", 1, sha256)) == "3.451149660555756898592724831802867190186"


@given(weights=WEIGHTS, sha256=DIGESTS)
def test_it_is_the_documented_formula(weights: dict[str, int], sha256: bytes):
    assert winner(weights, sha256) == second_method(weights, sha256)


@given(weights=WEIGHTS, sha256=DIGESTS, data=st.data())
def test_when_an_office_leaves_only_its_own_dossiers_move(weights: dict[str, int], sha256: bytes, data: st.DataObject):
    leaving = data.draw(st.sampled_from(sorted(weights)))
    before = winner(weights, sha256)
    after = winner({code: weight for code, weight in weights.items() if code != leaving}, sha256)
    assert before in (after, leaving)


@given(weights=WEIGHTS, sha256=DIGESTS, more=st.integers(1, 1000), data=st.data())
def test_when_a_weight_grows_dossiers_move_only_to_that_office(
    weights: dict[str, int], sha256: bytes, more: int, data: st.DataObject
):
    growing = data.draw(st.sampled_from(sorted(weights)))
    before, after = winner(weights, sha256), winner(weights | {growing: weights[growing] + more}, sha256)
    assert after in (before, growing)


@given(weights=WEIGHTS, sha256=DIGESTS)
def test_the_order_in_which_offices_are_written_does_not_matter(weights: dict[str, int], sha256: bytes):
    assert scores(weights, sha256) == scores(dict(reversed(weights.items())), sha256)


def test_shares_are_as_the_weights_and_so_is_what_a_closed_office_leaves():
    weights = {"09981": 3, "09982": 1, "09983": 1}
    digests = some_digests(3000)
    before = {each: winner(weights, each) for each in digests}
    shares = Counter(before.values())
    assert all(abs(shares[code] / len(digests) - weight / 5) < 0.03 for code, weight in weights.items())
    left = Counter(winner({"09981": 3, "09982": 1}, each) for each in digests if before[each] == "09983")
    assert abs(left["09981"] / left.total() - 0.75) < 0.06


@given(sha256=DIGESTS, day=st.dates(date(2025, 7, 1), date(2027, 1, 1)))
def test_only_offices_that_are_there_that_day_are_drawn(sha256: bytes, day: date):
    answer = route("630a", "09980", "09980", day, TABLE, sha256=sha256)
    assert isinstance(answer, Route)
    drawn = TABLE.get(answer.competent_office, day)
    assert drawn is not None
    assert drawn.code in {"09981", "09982", "09983"}
    assert answer == route("630a", "09980", "09980", day, TABLE, sha256=sha256)
