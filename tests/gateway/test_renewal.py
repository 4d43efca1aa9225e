"""Tax codes on certificates, and one certificate that renews another."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.clock import to_us
from gateway.renewal import (
    RULES,
    Facts,
    Identity,
    Kinship,
    Renewal,
    Rules,
    binding_of,
    dashed,
    facts_of,
    identity_of,
    kinship,
    plain,
    renewal_of,
    renews,
)
from storage.bindings import Binding
from tests.gateway.certificates import DAY, NOW, holder, signer, signer_of, subject

MST = "0101234565"
OFFICES = st.text("0123456789", min_size=10, max_size=10)
BRANCHES = st.text("0123456789", min_size=3, max_size=3)
CODES = OFFICES | st.builds(lambda office, branch: office + branch, OFFICES, BRANCHES)
KINDS = st.sampled_from(["MST", "mst", "Mst"])
BLANKS = st.sampled_from(["", " ", "  "])


@st.composite
def written(draw: st.DrawFn, code: str) -> str:
    """One of the ways in which certificates carry that tax code."""
    dash = draw(st.sampled_from(["", "-", " - ", " "])) if len(code) == 13 else ""
    number = code[:10] + dash + code[10:]
    return f"{draw(BLANKS)}{draw(KINDS)}{draw(BLANKS)}:{draw(BLANKS)}{number}{draw(BLANKS)}"


@given(st.data(), CODES)
def test_a_tax_code_is_the_same_however_it_is_written(data: st.DataObject, code: str) -> None:
    identity = identity_of((data.draw(written(code)),))
    assert identity.tax_codes == (code,)
    assert kinship(code, identity.tax_codes) is Kinship.SAME
    assert kinship(dashed(code), identity.tax_codes) is Kinship.SAME
    assert plain(dashed(code)) == code


@given(st.lists(CODES, max_size=4), CODES)
def test_the_closest_of_several_tax_codes_counts_in_any_order(held: list[str], unit: str) -> None:
    found = kinship(unit, held)
    assert all(kinship(unit, turned) is found for turned in permutations(held))
    assert (found is Kinship.SAME) == (unit in held)
    assert (found is Kinship.NONE) == (not held)
    if found is Kinship.PARENT:
        assert len(unit) == 13
        assert unit[:10] in held
    if found is Kinship.BRANCH:
        assert len(unit) == 10
        assert any(code.startswith(unit) and len(code) == 13 for code in held)


@given(OFFICES, BRANCHES, BRANCHES, OFFICES)
def test_head_office_branch_sister_and_stranger_are_told_apart(office: str, one: str, two: str, other: str) -> None:
    assert kinship(office + one, [office]) is Kinship.PARENT
    assert kinship(office, [office + one]) is Kinship.BRANCH
    assert kinship(office + one, [office + two]) is (Kinship.SAME if one == two else Kinship.OTHER)
    assert kinship(office, [other]) is (Kinship.SAME if office == other else Kinship.OTHER)


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_nothing_else_is_taken_for_a_tax_code(unit: str, identifiers: list[str]) -> None:
    identity = identity_of(tuple(identifiers))
    assert all(code.isascii() and code.isdigit() and len(code) in (10, 12, 13) for code in identity.tax_codes)
    if not plain(unit):
        assert kinship(unit, identity.tax_codes) in (Kinship.OTHER, Kinship.NONE)


@pytest.mark.parametrize(
    "identifier",
    [
        "MST:010123456", "MST:01012345650", "MST:0101234565-01", "MST:0101234565--001", "MST 0101234565",
        "MST:٠١٠١٢٣٤٥٦٥", "XMST:0101234565", "MST:0101234565,MST:0309876547", "0101234565", "", "MST:",
    ],
)  # fmt: skip
def test_what_is_almost_a_tax_code_is_none(identifier: str) -> None:
    assert identity_of((identifier,)).tax_codes == ()


def test_a_household_business_signs_with_its_personal_number_as_a_tax_code() -> None:
    assert identity_of(("MST:001099012345",)).tax_codes == ("001099012345",)
    assert kinship("001099012345", ["001099012345"]) is Kinship.SAME
    assert kinship("0010990123", ["001099012345"]) is Kinship.OTHER


def test_personal_numbers_and_budget_codes_are_known_for_what_they_are() -> None:
    told = identity_of(("CCCD:001099012345", "cmnd: 012345678", "MNS:1234567", "MST:0101234565", "X:1"))
    assert told == Identity((MST,), ("CCCD:001099012345", "cmnd: 012345678"), ("MNS:1234567",))


def test_a_very_long_identifier_costs_little() -> None:
    blanks = " " * 16_000
    assert identity_of((f"MST:{blanks}0{blanks}", f"{blanks}:{blanks}")).tax_codes == ()


def registered(**more: object) -> Binding:
    return binding_of(
        signer("MST:" + MST, **more),  # type: ignore[arg-type]
        unit="AA1111A", valid_from=NOW.date(), valid_to=None, registered_by="me", at_us=to_us(NOW),
    )  # fmt: skip


def answer(earlier: Binding, *identifiers: str, rules: Rules = RULES, **more: object) -> Renewal:
    whose = signer(*(identifiers or ("MST:" + MST,)), **more)  # type: ignore[arg-type]
    return renews(facts_of(whose.certificate_der), earlier, rules)


def test_the_same_holder_with_a_new_key_and_another_order_of_its_name_is_a_renewal() -> None:
    assert answer(registered(), of="new", turned=True) is Renewal.YES


def test_a_dash_or_blanks_or_case_in_the_name_make_no_other_holder() -> None:
    earlier = binding_of(
        signer("MST:0101234565-001", name="Công ty  Mẫu"),
        unit="AA1111A", valid_from=NOW.date(), valid_to=None, registered_by="me", at_us=0,
    )  # fmt: skip
    assert answer(earlier, "mst:0101234565001", name="CÔNG TY MẪU", of="new") is Renewal.YES


def test_the_same_key_under_another_name_is_a_renewal() -> None:
    assert answer(registered(), name="CÔNG TY MẪU ĐỔI TÊN") is Renewal.YES


@pytest.mark.parametrize(
    "changes",
    [
        {"of": "new", "name": "CÔNG TY KHÁC"},
        {"of": "new", "identifiers": ("MST:0309876547",)},
        {"identifiers": ("MST:0309876547",)},  # the same key is not enough
        {"identifiers": ("MST:" + MST, "MST:0309876547")},
        {"identifiers": ("CCCD:001099012345",)},
        {"identifiers": ("MST:0101234565-001",)},
        {"of": "new", "identifiers": ("MST:" + MST, "CCCD:001099012345")},
    ],
)
def test_another_holder_renews_nothing(changes: dict[str, object]) -> None:
    identifiers = changes.pop("identifiers", ())
    assert answer(registered(), *identifiers, **changes) is Renewal.ANOTHER_HOLDER  # type: ignore[misc]


def test_a_certificate_without_a_tax_code_is_never_renewed() -> None:
    earlier = binding_of(
        signer("CCCD:001099012345"),
        unit="AA1111A", valid_from=NOW.date(), valid_to=None, registered_by="me", at_us=0,
    )  # fmt: skip
    assert answer(earlier, "CCCD:001099012345") is Renewal.ANOTHER_HOLDER


SECOND_US = 1_000_000
INSTANTS = st.integers(0, 4_000_000_000)


@given(INSTANTS, INSTANTS, INSTANTS, st.integers(0, 400), st.sampled_from(["key", "name", "both", "neither"]))
def test_a_renewal_begins_within_the_earlier_ones_life_or_shortly_after(
    begins: int, old_begins: int, old_ends: int, gap_days: int, kin: str
) -> None:
    earlier = replace(registered(), not_before_us=old_begins * SECOND_US, not_after_us=old_ends * SECOND_US)
    new = Facts(
        spki_sha256=earlier.spki_sha256 if kin in ("key", "both") else "another",
        subject_sha256=earlier.subject_sha256 if kin in ("name", "both") else "another",
        not_before_us=begins * SECOND_US,
        not_after_us=(begins + 1) * SECOND_US,
        tax_codes=frozenset({MST}),
    )
    found = renews(new, earlier, Rules(gap_days))
    in_time = old_begins <= begins <= old_ends + gap_days * 86_400
    assert (found is Renewal.YES) == (kin != "neither" and in_time)
    if kin != "neither" and not in_time:
        assert found is (Renewal.TOO_EARLY if begins < old_begins else Renewal.TOO_LATE)


def test_the_last_day_of_the_gap_still_counts() -> None:
    earlier = registered(begins=NOW - 400 * DAY, ends=NOW - 91 * DAY)
    gap = timedelta(days=RULES.renewal_gap_days_max)
    assert answer(earlier, of="new", begins=NOW - 91 * DAY + gap) is Renewal.YES
    assert answer(earlier, of="new", begins=NOW - 91 * DAY + gap + timedelta(seconds=1)) is Renewal.TOO_LATE


@settings(max_examples=25)
@given(st.permutations(range(5)), st.text("ÀÂĂĐÊÔƠƯ abc-.", min_size=1, max_size=20).filter(str.strip))
def test_the_order_of_a_name_never_matters_and_its_words_do(order: list[int], name: str) -> None:
    from cryptography import x509

    attributes = list(subject("MST:" + MST, "CCCD:001099012345", name=name))
    one, two = (
        facts_of(signer_of(holder(x509.Name(each)).certificate).certificate_der)
        for each in (attributes, [attributes[at] for at in order])
    )
    assert one.subject_sha256 == two.subject_sha256
    other = facts_of(signer("MST:" + MST, "CCCD:001099012345", name=name + "x").certificate_der)
    assert other.subject_sha256 != one.subject_sha256


def test_a_renewals_binding_is_the_same_row_whichever_dossier_shows_it() -> None:
    earlier = replace(registered(), valid_from="2026-01-01", valid_to="2026-12-31")
    new = signer("MST:" + MST, of="new", begins=NOW - 2 * DAY)
    first, later = renewal_of(new, earlier, to_us(NOW)), renewal_of(new, earlier, to_us(NOW + 9 * DAY))
    assert replace(later, at_us=first.at_us) == first
    assert (first.valid_from, first.valid_to, first.renews) == ("2026-02-28", "2026-12-31", earlier.sha256)
    assert renewal_of(new, replace(earlier, valid_from="2026-03-01"), 0).valid_from == "2026-03-01"


def test_the_rules_say_what_is_unconfirmed() -> None:
    assert RULES.renewal_gap_days_max == 90
    assert "renewal_gap_days_max" in RULES.unconfirmed
