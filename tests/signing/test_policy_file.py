import hashlib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from signing.policy import ADAPTATIONS, LEVELS, Policy
from signing.policy_file import PolicyUnusable, load_policy, policy_names, read_policy

NATIONAL = resources.files("signing").joinpath("policies", "national-1.toml").read_bytes()
END_OF_2026 = datetime(2026, 12, 31, 16, 59, 59, 999999, tzinfo=UTC)


def changed(old: str, new: str) -> Policy:
    assert NATIONAL.count(old.encode()) == 1, old
    return read_policy(NATIONAL.replace(old.encode(), new.encode()), "mine.toml")


def added(text: str) -> Policy:
    return read_policy(NATIONAL + b"\n" + text.encode(), "mine.toml")


def test_the_policy_without_arguments_is_the_file_no_revocation_1() -> None:
    loaded = load_policy("no-revocation-1")
    assert structs.replace(loaded, sha256="") == Policy()
    assert loaded.sha256


def test_the_national_policy_asks_for_revocation_and_knows_when_short_keys_end() -> None:
    policy = load_policy("national-1")
    assert policy.id == "national-1"
    assert policy.revocation.required
    assert policy.level == LEVELS[0] == "XMLDSig, not AdES"
    assert policy.rsa_bits_least(datetime(2030, 12, 31, 16, tzinfo=UTC)) == 2048
    assert policy.rsa_bits_least(datetime(2030, 12, 31, 17, tzinfo=UTC)) == 3072
    assert policy.legacy_until is None
    assert not policy.tolerances
    assert policy.unconfirmed


def test_the_two_policies_differ_only_in_what_they_say_they_differ_in() -> None:
    national, other = load_policy("national-1"), load_policy("no-revocation-1")
    differ = {name for name in Policy.__struct_fields__ if getattr(national, name) != getattr(other, name)}
    assert differ == {
        *("id", "title_vi", "title_en", "sha256", "adaptations"),
        *("revocation", "rsa_ends", "clock_skew_s_max", "unconfirmed"),
    }
    assert set(other.adaptations) - set(national.adaptations) == {"revocation-not-asked"}


def test_what_is_declared_about_the_national_profile_is_in_words_too() -> None:
    declared = load_policy("national-1").adaptations
    assert {"signer-from-key-info", "xmldsig-not-ades", "no-extended-key-usage"} <= set(declared)
    for name in declared:
        assert ADAPTATIONS[name].vi
        assert ADAPTATIONS[name].en


def test_both_are_found_by_name_and_the_digest_is_that_of_the_text(tmp_path: Path) -> None:
    assert policy_names() == ("national-1", "no-revocation-1")
    assert load_policy("national-1").sha256 == hashlib.sha256(NATIONAL).hexdigest()
    copy = tmp_path / "copy.toml"
    copy.write_bytes(NATIONAL)
    assert load_policy(copy) == load_policy(str(copy)) == load_policy("national-1")


def test_another_systems_line_ends_and_marks_do_not_change_the_digest_and_any_word_does() -> None:
    policy = load_policy("national-1")
    assert read_policy(b"\xef\xbb\xbf" + NATIONAL.replace(b"\n", b"\r\n"), "mine") == policy
    more = read_policy(NATIONAL + b"# one word more\n", "mine")
    assert more.sha256 != policy.sha256
    assert structs.replace(more, sha256=policy.sha256) == policy


def test_dates_are_days_in_vietnam() -> None:
    policy = added(
        '[legacy]\nuntil = 2026-12-31\n[[tolerance]]\nname = "second-reference-to-signing-time"\nuntil = 2026-12-31'
    )
    assert policy.legacy_until == END_OF_2026
    assert policy.tolerances[0].until == END_OF_2026
    assert policy.tolerates("second-reference-to-signing-time", END_OF_2026)
    uri = 'uri = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"'
    ending = changed(uri, uri + "\nuntil = 2026-12-31")
    assert [one.until for one in ending.signature_algorithms] == [None, None, END_OF_2026, None, None, None]


def test_a_level_can_be_asked_for_by_procedure() -> None:
    policy = changed(f'default = "{LEVELS[0]}"', f'default = "{LEVELS[0]}"\n[level.procedures]\n600 = "XAdES-B-T"')
    assert policy.level_for("600") == "XAdES-B-T"
    assert policy.level_for("601") == LEVELS[0]


REFUSED = [
    ("id =", 'colour = "red"\nid =', "colour"),
    ("required = true", "required = true\nevery_s = 5", "every_s"),
    ("bits_min = 2048", "bits_min = 2048\nbits_mid = 3000", "bits_mid"),
    ("xmldsig-more#rsa-sha512", "xmldsig-more#rsa-sha224", "rsa-sha224 is not built"),
    ("xmldsig-more#rsa-sha512", "xmldsig-more#rsa-sha256", "stands twice"),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "[legacy]"),
    ("http://www.w3.org/2001/04/xmlenc#sha512", "http://www.w3.org/2000/09/xmldsig#sha1", "[legacy]"),
    ("http://www.w3.org/2001/04/xmlenc#sha512", "http://www.w3.org/2001/04/xmlenc#ripemd160", "ripemd160"),
    ("until = 2030-12-31\n\n", 'until = "2030-12-31"\n\n', "until is a date"),
    ("until = 2030-12-31\n\n", "until = 2030-12-31T23:59:59Z\n\n", "until is a date"),
    ("until = 2030-12-31\n\n", "until = 20301231\n\n", "until is a date"),
    ("until = 2030-12-31\n\n", "until = 2030-02-30\n\n", "not TOML"),
    ("bits_min = 2048", "bits_min = 1024", "1024 is for [legacy] alone"),
    ("bits_max = 8192", "bits_max = 1024", "rsa"),
    ("bits_min = 2048", 'bits_min = "2048"', "bits_min"),
    ('"secp521r1"', '"secp256k1"', "secp256k1 is not known"),
    ('"secp521r1"', '"secp256r1"', "stands twice"),
    ("clock_skew_s_max = 300", "clock_skew_s_max = -1", "clock_skew_s_max"),
    ('default = "XMLDSig, not AdES"', 'default = "XAdES-B-LTA"', "not a level"),
    ("required = true", "required = false", "revocation-not-asked"),
    ("required = true\n", "", "required is true or false"),
    ("end_user_age_s_max = 604_800", "end_user_age_s_max = -1", "end_user_age_s_max"),
    ('"no-extended-key-usage"', '"no-certificate-at-all"', "no-certificate-at-all is not known"),
    ("102-1 V1.3.1", "102-1 V9.9.9", "edition"),
    ('id = "national-1"', 'id = "National 1"', "id:"),
    ('id = "national-1"', "", "id"),
]


@pytest.mark.parametrize(("old", "new", "said"), REFUSED, ids=[one[2] + str(n) for n, one in enumerate(REFUSED)])
def test_what_is_not_understood_stops_with_one_clear_line(old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyUnusable) as refused:
        changed(old, new)
    line = str(refused.value)
    assert said in line
    assert line.startswith("policy mine.toml: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[legacy]\nuntil = "soon"', "until is a date"),
        ("[legacy]\non = true", "on"),
        ("[legacy]", "until"),
        ('[[tolerance]]\nname = "whatever"\nuntil = 2026-12-31', "whatever is not known"),
        ('[[tolerance]]\nname = "second-reference-to-signing-time"\nuntil = true', "until is a date"),
    ],
)
def test_a_wrong_exception_is_refused(text: str, said: str) -> None:
    with pytest.raises(PolicyUnusable, match=said.replace("[", "\\[")):
        added(text)


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnusable, match="nowhere-1: there is none of that name; there are national-1, no-rev"):
        load_policy("nowhere-1")
    with pytest.raises(PolicyUnusable, match=r"missing\.toml: No such file"):
        load_policy(tmp_path / "missing.toml")
    with pytest.raises(PolicyUnusable, match="Is a directory"):
        load_policy(tmp_path)
    long = tmp_path / "long.toml"
    long.write_bytes(NATIONAL + b"#" * 65536)
    with pytest.raises(PolicyUnusable, match="longer than 65536 bytes"):
        load_policy(long)
    deep = tmp_path / "deep.toml"
    deep.write_bytes(b"id = " + b"[" * 60_000)
    with pytest.raises(PolicyUnusable, match="not TOML"):
        load_policy(deep)
    strange = tmp_path / "strange.toml"
    strange.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyUnusable, match="not TOML"):
        load_policy(strange)


@given(st.data())
def test_a_damaged_policy_is_a_policy_or_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(NATIONAL)))
    length = data.draw(st.integers(0, 40))
    content = NATIONAL[:at] + data.draw(st.binary(max_size=20)) + NATIONAL[at + length :]
    try:
        read = read_policy(content, "damaged")
    except PolicyUnusable as refused:
        assert str(refused).startswith("policy damaged: ")
    else:
        assert read.signature_algorithms
