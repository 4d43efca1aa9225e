"""Public test vectors, counted as the conformance table counts them: what differs is known, and nothing else does."""

import pytest

from signing.policy import Policy
from tests.signing import suites
from tests.signing.suites import DER_WHY, Row


def there(name: str) -> None:
    if suites.folder(name) is None:
        pytest.skip(f"not run: the public vectors {name} are not here (MOTCUA_VECTORS)")


@pytest.fixture(scope="module")
def xmlsec() -> dict[str, Row]:
    there("xmlsec")
    return {row.suite: row for row in suites.xmlsec_rows()}


def test_our_canonical_forms_give_the_values_and_digests_that_others_signed(xmlsec: dict[str, Row]) -> None:
    """Old algorithms are tried here for the sake of canonicalisation; the verifier would not accept them."""
    parts = [row for name, row in xmlsec.items() if name.endswith("canonical forms")]
    assert sum(row.notes["values"] for row in parts) >= 70
    assert sum(row.notes["digests"] for row in parts) >= 120
    assert {why: count for row in parts for why, count in row.why.items()} == {DER_WHY: 1}


def test_the_signatures_that_were_made_to_fail_are_among_them_and_do() -> None:
    there("xmlsec")
    phaos = next(each for each in suites.xmlsec_folders() if each.name.startswith("phaos"))
    value, digest = (phaos / f"signature-rsa-enveloped-bad-{what}.xml" for what in ("sig", "digest-val"))
    answers = []
    for path in (value, digest):
        root = suites.parsed(path)
        assert root is not None
        signature = next(root.iter(f"{{{suites.DSIG}}}Signature"))
        answers.append((suites.value_holds(signature), list(suites.digests_hold(signature))))
    assert [held for held, _ in answers] == [False, False]
    assert False in answers[1][1]


def test_no_signature_of_the_xmlsec_suite_passes_for_ours(xmlsec: dict[str, Row]) -> None:
    """Put in our place, each gets a reason and none an exception: what others call valid is outside the profile."""
    whole = [row for name, row in xmlsec.items() if name.endswith("whole signatures")]
    assert len(whole) >= 7
    assert sum(row.cases for row in whole) >= 220
    reasons = {why for row in whole for why in row.why}
    assert all(why.startswith("outside the profile, refused as ") for why in reasons)
    assert len(reasons) > 6
    assert "outside the profile, refused as passed" not in reasons


def test_signature_values_are_judged_as_wycheproof_does() -> None:
    there("wycheproof")
    rows = suites.wycheproof_rows()
    assert len(rows) >= 6
    for row in rows:
        assert row.cases >= 100, row.suite
        if "rsa_pss" not in row.suite:
            assert (row.differ, dict(row.why)) == (0, {}), row.suite


def test_what_the_policy_does_not_list_is_refused_as_a_class_before_any_value_is_looked_at() -> None:
    there("wycheproof")
    row = next(row for row in suites.wycheproof_rows() if "rsa_pss" in row.suite)
    assert set(row.why) == {"outside the profile, refused as signature-algorithm"}
    pss = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
    assert Policy().accepted_signature(pss, suites.NOW) is None
