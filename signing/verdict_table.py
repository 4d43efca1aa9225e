"""The verdict table: every reason's indication, sub-indication and clause of ETSI EN 319 102-1."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from signing.indication import Indication, SubIndication, clause_of, indication_of
from signing.reasons import REASONS, Reason

PASSED: Final = "passed"
PASSED_CLAUSE: Final = "5.3"

# Reasons that arise elsewhere than where their sub-indication usually does (EN 319 102-1 v1.3.1).
_ELSEWHERE: Final = {
    # Algorithms in the chain are judged with the chain (§5.2.6.4).
    "chain-algorithm": "5.2.6",
    # The key and the algorithm do not fit: seen before the value is tried, and what §5.2.7 would find.
    "algorithm-and-key": "5.2.7",
    # The age of revocation data is the freshness checker's (§5.2.5), that there is none the path validation's.
    "revocation-stale": "5.2.5",
    "revocation-missing": "5.2.6",
}


class Row(Struct, frozen=True):
    """One reason's place in EN 319 102-1 v1.3.1; `clause` is without "§"."""

    code: str
    indication: Indication
    sub_indication: SubIndication | None
    clause: str


def clause_of_reason(code: str, sub_indication: SubIndication | None) -> str:
    """Return the clause under which a signature got that reason; without a sub-indication it passed."""
    if sub_indication is None:
        return PASSED_CLAUSE
    return _ELSEWHERE.get(code) or clause_of(sub_indication)


def rows(reasons: Mapping[str, Reason] = REASONS) -> tuple[Row, ...]:
    """Return the whole table, in the order of `reasons`; the first row is that of a signature that passed."""
    passed = Row(PASSED, Indication.TOTAL_PASSED, None, PASSED_CLAUSE)
    refused = (
        Row(
            code,
            indication_of(one.sub_indication),
            one.sub_indication,
            clause_of_reason(code, one.sub_indication),
        )
        for code, one in reasons.items()
    )
    return (passed, *refused)
