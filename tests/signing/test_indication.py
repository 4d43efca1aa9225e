import importlib
import pkgutil
from itertools import permutations

import pytest

import signing
from signing.indication import (
    WAITING_REASONS,
    Indication,
    SubIndication,
    Verdict,
    clause_of,
    indication_of,
    worst_of,
)
from signing.reasons import Reason
from signing.verdict_table import PASSED, PASSED_CLAUSE, clause_of_reason, rows
from tests.signing.workshop import NOW

# EN 319 102-1 §5.1.3, table 6 (main indications × sub-indications), copied here by hand: the code is held against it.
# NO_CERTIFICATE_CHAIN_FOUND_NO_POE belongs to the sunset date of a trust anchor, which later editions know.
TABLE_6 = {
    "TOTAL-FAILED": """
        FORMAT_FAILURE HASH_FAILURE SIG_CRYPTO_FAILURE REVOKED EXPIRED NOT_YET_VALID
    """,
    "INDETERMINATE": """
        SIG_CONSTRAINTS_FAILURE CHAIN_CONSTRAINTS_FAILURE CERTIFICATE_CHAIN_GENERAL_FAILURE CRYPTO_CONSTRAINTS_FAILURE
        POLICY_PROCESSING_ERROR SIGNATURE_POLICY_NOT_AVAILABLE TIMESTAMP_ORDER_FAILURE NO_SIGNING_CERTIFICATE_FOUND
        NO_CERTIFICATE_CHAIN_FOUND NO_CERTIFICATE_CHAIN_FOUND_NO_POE REVOKED_NO_POE REVOKED_CA_NO_POE
        OUT_OF_BOUNDS_NOT_REVOKED OUT_OF_BOUNDS_NO_POE REVOCATION_OUT_OF_BOUNDS_NO_POE
        CRYPTO_CONSTRAINTS_FAILURE_NO_POE NO_POE TRY_LATER SIGNED_DATA_NOT_FOUND CUSTOM
    """,
}
# The outputs of the building blocks (tables 11, 13, 15, 17 and §5.2.2 to §5.2.4) and of the processes with time.
GIVEN_IN = {
    "5.2.2": "FORMAT_FAILURE",
    "5.2.3": "NO_SIGNING_CERTIFICATE_FOUND",
    "5.2.4": "POLICY_PROCESSING_ERROR SIGNATURE_POLICY_NOT_AVAILABLE",
    "5.2.5": "TRY_LATER",
    "5.2.6": """
        NO_CERTIFICATE_CHAIN_FOUND NO_CERTIFICATE_CHAIN_FOUND_NO_POE OUT_OF_BOUNDS_NO_POE OUT_OF_BOUNDS_NOT_REVOKED
        REVOKED_NO_POE REVOKED_CA_NO_POE TRY_LATER CHAIN_CONSTRAINTS_FAILURE CERTIFICATE_CHAIN_GENERAL_FAILURE
        REVOCATION_OUT_OF_BOUNDS_NO_POE CRYPTO_CONSTRAINTS_FAILURE CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    """,
    "5.2.7": "HASH_FAILURE SIG_CRYPTO_FAILURE SIGNED_DATA_NOT_FOUND",
    "5.2.8": "SIG_CONSTRAINTS_FAILURE CRYPTO_CONSTRAINTS_FAILURE CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    "5.5.4": "REVOKED EXPIRED NOT_YET_VALID TIMESTAMP_ORDER_FAILURE",
    "5.6.2": "NO_POE",
    "5.1.3": "CUSTOM",
}


def verdict(indication: Indication, code: str = "any", name: str = "") -> Verdict:
    return Verdict(
        file=name,
        path="/",
        indication=indication,
        reason_code=code,
        reason_vi="",
        reason_en="",
        policy="p",
        judged_at=NOW,
    )


def test_every_sub_indication_of_the_standard_is_there_and_belongs_to_one_main_indication() -> None:
    standard = {name: main for main, names in TABLE_6.items() for name in names.split()}
    assert len(standard) == sum(len(names.split()) for names in TABLE_6.values()) == 26
    assert {one.value: indication_of(one).value for one in SubIndication} == standard
    assert all(one.name == one.value for one in SubIndication)
    assert {one.value for one in Indication} == {"TOTAL-PASSED", *TABLE_6}


def test_every_sub_indication_names_a_clause_that_gives_it() -> None:
    for one in SubIndication:
        assert one.value in GIVEN_IN[clause_of(one)].split()


TABLES = [one.name for one in pkgutil.iter_modules(signing.__path__) if one.name.startswith("reasons")]


@pytest.mark.parametrize("module", TABLES)
def test_the_verdict_table_has_a_row_for_every_reason_and_every_row_is_the_standards(module: str) -> None:
    reasons: dict[str, Reason] = importlib.import_module(f"signing.{module}").REASONS
    table = rows(reasons)
    assert [row.code for row in table] == [PASSED, *reasons]
    assert (table[0].indication, table[0].sub_indication) == (Indication.TOTAL_PASSED, None)
    for row in table[1:]:
        assert row.sub_indication is reasons[row.code].sub_indication
        assert row.sub_indication.value in TABLE_6[row.indication.value].split(), row
        assert row.sub_indication.value in GIVEN_IN[row.clause].split(), row


@pytest.mark.parametrize(
    ("code", "sub_indication", "clause"),
    [
        (PASSED, None, PASSED_CLAUSE),
        ("digest-differs", SubIndication.HASH_FAILURE, "5.2.7"),
        ("signature-algorithm", SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "5.2.8"),
        ("chain-algorithm", SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "5.2.6"),
        ("revocation-stale", SubIndication.TRY_LATER, "5.2.5"),
        ("revocation-missing", SubIndication.TRY_LATER, "5.2.6"),
        ("not-yet-valid", SubIndication.NOT_YET_VALID, "5.5.4"),
        ("a reason of tomorrow", SubIndication.NO_POE, "5.6.2"),
    ],
)
def test_a_reason_names_its_clause(code: str, sub_indication: SubIndication | None, clause: str) -> None:
    assert clause_of_reason(code, sub_indication) == clause


def test_the_worst_verdict_decides_in_whatever_order_they_come() -> None:
    waiting = next(iter(WAITING_REASONS))
    ranked = [
        verdict(Indication.TOTAL_FAILED),
        verdict(Indication.INDETERMINATE),
        verdict(Indication.INDETERMINATE, waiting),
        verdict(Indication.TOTAL_PASSED, PASSED),
    ]
    for count in range(1, 5):
        for chosen in permutations(ranked, count):
            assert worst_of(chosen) is min(chosen, key=ranked.index)


def test_among_equals_the_first_decides_and_without_any_none_does() -> None:
    first, second = (verdict(Indication.INDETERMINATE, name=name) for name in ("a", "b"))
    assert worst_of([first, second]) is first
    assert worst_of([]) is None
