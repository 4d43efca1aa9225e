"""The trust folder as a list: what of it is trusted when, and what makes it unusable."""

import hashlib
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signing.demo_pki import make_crl
from signing.indication import SubIndication
from signing.sign import sign
from signing.trust import Chain, TrustUnusable
from signing.trust_facts import (
    DAY_LEAST,
    DAY_MOST,
    FACTS_BYTES_MAX,
    FACTS_FILE,
    TEXT_CHARACTERS_MAX,
    Facts,
    plain_sha256,
    read_facts,
    with_facts,
    with_withdrawal,
)
from signing.trust_list import (
    CERTIFICATE_FILE_BYTES_MAX,
    FolderUnusable,
    Trusted,
    load_trust,
    survey,
    told,
    without_withdrawn,
)
from tests.signing.revocation_workshop import leaf
from tests.signing.trust_workshop import MIDDLE, OTHER, ROOT, STAMPS, lay, note, pem, quick_pki, sha256_of
from tests.signing.workshop import NOW, PATH, judge, unsigned

DAY = timedelta(days=1)
LEAF = leaf(MIDDLE).certificate.public_bytes(Encoding.DER)
CRL = make_crl(ROOT, this_update=NOW - DAY, next_update=NOW + DAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lay(tmp_path / "trust", root=pem(ROOT), middle=pem(MIDDLE))


def standings(trusted: Trusted) -> dict[str, str]:
    return {one.file: one.standing for one in trusted.entries}


def trusts(folder: Path, at: datetime = NOW) -> bool:
    return isinstance(load_trust(folder, at).store.chain(LEAF, at), Chain)


def test_what_lies_there_without_a_list_is_trusted(folder: Path) -> None:
    lay(folder, bundle__CRT=pem(OTHER, STAMPS), readme__txt=b"about these", list__crl=CRL)
    (folder / "again.der").write_bytes(ROOT.certificate.public_bytes(Encoding.DER))
    trusted = load_trust(folder, NOW)
    assert set(trusted.store.anchors) == {one.certificate for one in (ROOT, OTHER, STAMPS)}
    assert len(trusted.store.anchors) == 3, "each once"
    assert MIDDLE.certificate in trusted.store.authorities
    assert trusted.tsa is None
    assert trusted.crls == (("list.crl", CRL),)
    assert not any(one.is_listed for one in trusted.entries)
    assert trusted.holds_at(NOW)
    assert trusted.holds_at(NOW + 9000 * DAY), "no date will change it"


def test_time_stamp_authorities_are_apart(folder: Path) -> None:
    lay(folder / "tsa", stamps=pem(STAMPS), list__crl=CRL)
    note(folder / "tsa", STAMPS, source="a book", role="tsa-anchor")
    trusted = load_trust(folder, NOW)
    assert trusted.tsa is not None
    assert trusted.tsa.anchors == (STAMPS.certificate,)
    assert trusted.store.anchors == (ROOT.certificate,)
    assert [(one.file, one.role) for one in trusted.entries if one.for_stamps] == [("tsa/stamps.pem", "tsa-anchor")]
    assert [name for name, _ in trusted.crls] == ["tsa/list.crl"]


def test_an_entry_carries_what_the_list_says(folder: Path) -> None:
    facts = {
        "source": "công báo, số 12",
        "obtained_on": date(2026, 1, 5),
        "added_by": "an operator",
        "note": 'says "G2" \\ new',
    }
    note(folder, ROOT, **facts)
    entry = next(one for one in load_trust(folder, NOW).entries if one.is_listed)
    assert entry.facts == Facts(sha256=sha256_of(ROOT), **facts)
    assert (entry.file, entry.role, entry.standing) == ("root.pem", "anchor", "trusted")


@pytest.mark.parametrize(
    ("facts", "before", "first", "last", "after"),
    [
        # Midnight in Vietnam is 17:00 UTC of the day before.
        ({"trusted_from": date(2026, 3, 10)}, "2026-03-09T16:59:59", "2026-03-09T17:00:00", "2031-01-01T00:00:00", ""),
        ({"trusted_until": date(2026, 3, 10)}, "", "2026-02-01T00:00:00", "2026-03-10T16:59:59", "2026-03-10T17:00:00"),
        (
            {"withdrawn_on": date(2026, 3, 10), "why": "x"},
            "",
            "2026-02-01T00:00:00",
            "2026-03-09T16:59:59",
            "2026-03-09T17:00:00",
        ),
    ],
    ids=["from", "until", "withdrawn"],
)
def test_an_anchor_is_trusted_in_its_days_and_not_a_second_longer(
    folder: Path, facts: dict[str, date], before: str, first: str, last: str, after: str
) -> None:
    note(folder, ROOT, **facts)
    outcomes = {at: trusts(folder, datetime.fromisoformat(at).replace(tzinfo=UTC)) for at in (first, last)}
    assert outcomes == {first: True, last: True}
    outside = before or after
    assert not trusts(folder, datetime.fromisoformat(outside).replace(tzinfo=UTC))


def test_what_is_left_out_is_said_with_the_reason(folder: Path) -> None:
    lay(folder, other=pem(OTHER), stamps=pem(STAMPS))
    note(folder, OTHER, trusted_from=date(2027, 1, 1))
    note(folder, STAMPS, trusted_until=date(2025, 1, 1))
    note(folder, MIDDLE, withdrawn_on=date(2026, 1, 1), why="ceased")
    trusted = load_trust(folder, NOW)
    assert standings(trusted) == {
        "root.pem": "trusted",
        "other.pem": "not-yet",
        "stamps.pem": "ended",
        "middle.pem": "withdrawn",
    }
    assert trusted.store.anchors == (ROOT.certificate,)
    assert trusted.store.authorities == (ROOT.certificate,), "a withdrawn link is no link"
    assert set(trusted.authorities) == {one.certificate for one in (ROOT, OTHER, STAMPS, MIDDLE)}


def test_it_holds_until_the_next_date(folder: Path) -> None:
    note(folder, ROOT, trusted_from=date(2026, 3, 1), trusted_until=date(2026, 3, 10))
    trusted = load_trust(folder, NOW)
    assert trusted.holds_from == datetime(2026, 2, 28, 17, tzinfo=UTC)
    assert trusted.holds_until == datetime(2026, 3, 10, 17, tzinfo=UTC)
    assert trusted.holds_at(trusted.holds_from)
    assert not trusted.holds_at(trusted.holds_from - timedelta(microseconds=1)), "clocks are put back, too"
    assert not trusted.holds_at(trusted.holds_until)


def test_all_anchors_withdrawn_is_a_decision_and_leaves_none(folder: Path) -> None:
    note(folder, ROOT, withdrawn_on=date(2026, 1, 1), why="ceased")
    assert load_trust(folder, NOW).store.anchors == ()


def test_the_list_can_make_an_anchor_of_a_link_and_a_link_of_a_self_signed_one(folder: Path) -> None:
    note(folder, MIDDLE, role="anchor", source="x")
    note(folder, ROOT, role="intermediate")
    trusted = load_trust(folder, NOW)
    assert trusted.store.anchors == (MIDDLE.certificate,)
    chain = trusted.store.chain(LEAF, NOW)
    assert isinstance(chain, Chain)
    assert chain.certificates[-1] == MIDDLE.certificate


def test_a_withdrawn_anchor_refuses_a_signature_that_passed_a_moment_ago(tmp_path: Path) -> None:
    pki = quick_pki(NOW)
    pki.write(tmp_path)
    employer = pki.employers["branch"]
    signed = sign(unsigned(), PATH, employer.key, employer.certificate, now=NOW)
    before = load_trust(tmp_path / "trust", NOW)
    assert judge(signed, before.store).passed
    assert judge(signed, before.store).passed, "its chain and form are remembered now"
    note(tmp_path / "trust", pki.root, withdrawn_on=date(2026, 3, 2), why="its key was stolen")
    after = load_trust(tmp_path / "trust", NOW)
    refused = judge(signed, after.store)
    assert (refused.sub_indication, refused.reason_code) == (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no-chain")
    assert before.digest != after.digest


def test_a_withdrawn_link_refuses_too(tmp_path: Path) -> None:
    pki = quick_pki(NOW)
    pki.write(tmp_path)
    employer = pki.employers["branch"]
    signed = sign(unsigned(), PATH, employer.key, employer.certificate, now=NOW)
    assert judge(signed, load_trust(tmp_path / "trust", NOW).store).passed
    note(tmp_path / "trust", pki.intermediate, withdrawn_on=date(2026, 3, 2), why="ceased")
    assert judge(signed, load_trust(tmp_path / "trust", NOW).store).reason_code == "no-chain"


def test_the_same_folder_has_the_same_digest_and_another_has_another(folder: Path, tmp_path: Path) -> None:
    twin = lay(tmp_path / "twin", middle=pem(MIDDLE), root=pem(ROOT))
    first = load_trust(folder, NOW).digest
    assert first == load_trust(twin, NOW + DAY).digest
    lay(twin, list__crl=CRL)
    with_crl = load_trust(twin, NOW).digest
    note(folder, ROOT, source="x")
    assert len({first, with_crl, load_trust(folder, NOW).digest}) == 3


def test_withdrawals_alone_can_be_taken_from_a_folder_that_is_unusable(folder: Path) -> None:
    lay(folder, other=pem(OTHER))
    lay(folder / "tsa", root=pem(ROOT))
    before = load_trust(folder, NOW)
    note(folder, ROOT, withdrawn_on=date(2026, 3, 1), why="stolen")
    lay(folder, torn=pem(OTHER)[:200])
    with pytest.raises(TrustUnusable):
        load_trust(folder, NOW)
    left = without_withdrawn(before, folder, NOW)
    assert left.store.anchors == (OTHER.certificate,)
    assert left.tsa is not None
    assert left.tsa.anchors == (ROOT.certificate,), "withdrawn there is not withdrawn here"
    (folder / FACTS_FILE).write_bytes(b"withdrawn_on = ?")
    assert without_withdrawn(before, folder, NOW).store.anchors == before.store.anchors


KEY = ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
UNUSABLE: dict[str, tuple[dict[str, bytes], str, str]] = {
    "half a PEM": ({"torn": pem(OTHER)[:300]}, "torn.pem", "unreadable"),
    "a PEM bundle cut within its second": ({"torn": pem(OTHER, STAMPS)[:-40]}, "torn.pem", "unreadable"),
    "half a DER": ({"torn__der": OTHER.certificate.public_bytes(Encoding.DER)[:-1]}, "torn.der", "unreadable"),
    "no certificate": ({"page__crt": b"<html>404</html>"}, "page.crt", "unreadable"),
    "an empty file": ({"empty__cer": b""}, "empty.cer", "unreadable"),
    "half a CRL": ({"torn__crl": CRL[:-1]}, "torn.crl", "unreadable"),
    "a CRL as a certificate": ({"odd": CRL}, "odd.pem", "unreadable"),
    "a key beside a certificate": ({"both": pem(OTHER) + KEY}, "both.pem", "private-key"),
    "a key in any file": ({"notes__txt": b"our key:\n" + KEY}, "notes.txt", "private-key"),
    "a key file": ({"root__p12": b"\x30\x82"}, "root.p12", "private-key"),
    "too large": ({"large": pem(OTHER) + b"\n" * CERTIFICATE_FILE_BYTES_MAX}, "large.pem", "too-large"),
    "a list that is none": ({"trust__toml": b"[[certificate"}, "trust.toml", "list"),
}


@pytest.mark.parametrize(("files", "file", "code"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_is_named_with_the_reason(
    folder: Path, files: dict[str, bytes], file: str, code: str
) -> None:
    lay(folder, **files)
    faults = survey(folder, NOW).faults
    assert [(one.file, one.code) for one in faults] == [(file, code)]
    with pytest.raises(FolderUnusable) as refused:
        load_trust(folder, NOW)
    vietnamese, english = told(faults[0])
    assert file in str(refused.value)
    assert english in str(refused.value)
    assert vietnamese in refused.value.vietnamese


def test_a_pipe_and_a_link_to_nowhere_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert trusts(folder)
    os.mkfifo(folder / "pipe.pem")
    (folder / "gone.pem").symlink_to("nowhere.pem")
    assert [one.file for one in survey(folder, NOW).faults] == ["gone.pem", "pipe.pem"]


def test_what_the_list_names_and_is_not_there_was_lost_unless_it_was_withdrawn(folder: Path) -> None:
    note(folder, OTHER, source="x")
    with pytest.raises(TrustUnusable, match=sha256_of(OTHER)):
        load_trust(folder, NOW)
    path = folder / FACTS_FILE
    path.write_bytes(with_withdrawal(path.read_bytes(), sha256_of(OTHER), date(2026, 1, 1), "ceased"))
    assert trusts(folder)


def test_a_folder_without_an_anchor_is_a_mistake(folder: Path) -> None:
    (folder / "root.pem").unlink()
    with pytest.raises(TrustUnusable, match="no anchor"):
        load_trust(folder, NOW)
    (folder / "middle.pem").unlink()
    with pytest.raises(TrustUnusable, match="no anchor"):
        load_trust(folder, NOW)
    with pytest.raises(TrustUnusable, match="absent"):
        load_trust(folder / "absent", NOW)


def test_a_folder_for_stamps_with_links_alone_is_a_mistake_and_an_empty_one_is_none(folder: Path) -> None:
    (folder / "tsa").mkdir()
    assert load_trust(folder, NOW).tsa is None
    lay(folder / "tsa", middle=pem(MIDDLE))
    with pytest.raises(TrustUnusable, match=r"tsa: no self-signed"):
        load_trust(folder, NOW)


@pytest.mark.parametrize(("place", "role"), [("", "tsa-anchor"), ("tsa", "anchor")])
def test_a_role_that_does_not_fit_its_folder_is_refused(folder: Path, place: str, role: str) -> None:
    lay(folder / place, stamps=pem(STAMPS), other=pem(OTHER))
    note(folder / place, STAMPS, role=role)
    with pytest.raises(TrustUnusable, match="does not fit"):
        load_trust(folder, NOW)


# The list itself.
HEX = "ab" * 32
WRONG_LISTS = {
    "an unknown key": f'[[certificate]]\nsha256 = "{HEX}"\nwithdrawn = 2026-01-01',
    "an unknown table": f'[[certificates]]\nsha256 = "{HEX}"',
    "no sha256": '[[certificate]]\nsource = "x"',
    "no digest": '[[certificate]]\nsha256 = "abc"',
    "sha256 as a number": "[[certificate]]\nsha256 = 12",
    "twice": f'[[certificate]]\nsha256 = "{HEX}"\n[[certificate]]\nsha256 = "{HEX.upper()}"',
    "a role that is none": f'[[certificate]]\nsha256 = "{HEX}"\nrole = "root"',
    "a day with a time": f'[[certificate]]\nsha256 = "{HEX}"\ntrusted_until = 2026-01-01T00:00:00Z',
    "a day as a number": f'[[certificate]]\nsha256 = "{HEX}"\ntrusted_until = 20260101',
    "a year that slipped": f'[[certificate]]\nsha256 = "{HEX}"\ntrusted_until = 0206-01-01',
    "until before from": f'[[certificate]]\nsha256 = "{HEX}"\ntrusted_from = 2026-02-01\ntrusted_until = 2026-01-31',
    "why and not when": f'[[certificate]]\nsha256 = "{HEX}"\nwhy = "stolen"',
    "a control character": f'[[certificate]]\nsha256 = "{HEX}"\nnote = "a\\u001b[2J"',
    "two lines": f'[[certificate]]\nsha256 = "{HEX}"\nsource = """a\nb"""',
    "a long text": f'[[certificate]]\nsha256 = "{HEX}"\nnote = "{"a" * (TEXT_CHARACTERS_MAX + 1)}"',
    "too long a list": "#" * (FACTS_BYTES_MAX + 1),
    "nested without end": "a = " + "[" * 5000,
    "a number without end": "a = " + "9" * 5000,
    "a certificate that is no table": "certificate = [1]",
}


@pytest.mark.parametrize("text", WRONG_LISTS.values(), ids=WRONG_LISTS)
def test_a_list_that_is_not_understood_is_refused_whole(text: str) -> None:
    with pytest.raises(TrustUnusable, match="somewhere"):
        read_facts(text.encode(), "somewhere")


def test_a_list_from_another_system_is_read_the_same() -> None:
    text = f'[[certificate]]\r\nsha256 = "{HEX.upper()}"\r\nsource = "Bộ TT&TT"\r\n'
    assert read_facts(b"\xef\xbb\xbf" + text.encode(), "x") == {HEX: Facts(sha256=HEX, source="Bộ TT&TT")}
    colons = ":".join(["AB"] * 32)
    assert set(read_facts(text.replace(HEX.upper(), colons).encode(), "x")) == {HEX}


def test_a_digest_is_known_however_it_is_written() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    pairs = [digest[at : at + 2] for at in range(0, 64, 2)]
    assert plain_sha256(digest.upper()) == plain_sha256(":".join(pairs)) == plain_sha256(" ".join(pairs)) == digest
    assert plain_sha256(digest[:-1]) == plain_sha256(digest + ":") == plain_sha256("") == ""


days = st.none() | st.dates(DAY_LEAST, DAY_MOST)
texts = st.text(st.characters(categories=("L", "N", "P", "S", "M"), include_characters=' "\\#='), max_size=40).filter(
    str.isprintable
)


@st.composite
def some_facts(draw: st.DrawFn) -> Facts:
    first, last = draw(days), draw(days)
    if first and last and last < first:
        first, last = last, first
    withdrawn_on = draw(days)
    return Facts(
        sha256=draw(st.binary(min_size=32, max_size=32)).hex(),
        role=draw(st.sampled_from([None, "anchor", "intermediate", "tsa-anchor"])),
        source=draw(texts),
        obtained_on=draw(days),
        added_by=draw(texts),
        trusted_from=first,
        trusted_until=last,
        note=draw(texts),
        withdrawn_on=withdrawn_on,
        why=draw(texts) if withdrawn_on else "",
    )


lists = st.lists(some_facts(), max_size=4, unique_by=lambda one: one.sha256)


def written(listed: list[Facts]) -> bytes:
    content = b""
    for one in listed:
        content = with_facts(content, one)
    return content


@given(lists)
def test_a_list_says_what_was_written_into_it(listed: list[Facts]) -> None:
    assert read_facts(written(listed), "x") == {one.sha256: one for one in listed}


@given(lists.filter(bool), st.dates(DAY_LEAST, DAY_MOST), texts)
def test_a_withdrawal_changes_one_entry_and_no_other_line(listed: list[Facts], on: date, why: str) -> None:
    first, content = listed[0], written(listed)
    if first.withdrawn_on is not None:
        with pytest.raises(TrustUnusable):
            with_withdrawal(content, first.sha256, on, why)
        return
    made = with_withdrawal(content, first.sha256, on, why)
    facts = read_facts(made, "x")
    assert (facts[first.sha256].withdrawn_on, facts[first.sha256].why) == (on, why)
    assert {sha256: one for sha256, one in facts.items() if sha256 != first.sha256} == {
        one.sha256: one for one in listed[1:]
    }
    lines = made.decode().split("\n")
    assert [line for line in lines if not line.startswith(("withdrawn_on = ", "why = "))] == [
        line for line in content.decode().split("\n") if not line.startswith(("withdrawn_on = ", "why = "))
    ]


def test_comments_and_another_systems_line_ends_survive_a_withdrawal() -> None:
    text = f'# ours\r\n[[certificate]]\r\n  sha256 = "{HEX.upper()}"  # G2\r\nnote = "sha256 = \'{HEX}\'"\r\n'
    made = with_withdrawal(text.encode(), HEX, date(2026, 3, 2), 'lộ "khóa"').decode()
    assert made.startswith(f'# ours\r\n[[certificate]]\r\n  sha256 = "{HEX.upper()}"  # G2\n')
    assert read_facts(made.encode(), "x")[HEX].why == 'lộ "khóa"'


def test_an_entry_that_is_written_oddly_is_left_to_a_person() -> None:
    inline = f'certificate = [{{sha256 = "{HEX}"}}]'
    with pytest.raises(TrustUnusable, match="by hand"):
        with_withdrawal(inline.encode(), HEX, date(2026, 3, 2), "x")
    with pytest.raises(TrustUnusable):
        with_facts(inline.encode(), Facts(sha256="cd" * 32))
    with pytest.raises(TrustUnusable):
        with_facts(written([Facts(sha256=HEX)]), Facts(sha256=HEX))
    with pytest.raises(TrustUnusable):
        with_facts(b"", Facts(sha256=HEX, note="\ud800"))


def load(folder: Path) -> Trusted | None:
    try:
        return load_trust(folder, NOW)
    except TrustUnusable:
        return None


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("many") / "trust", root=pem(ROOT))


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"")
@example(b"\xff\xfe")
@example(b"certificate = []")
@example(b"[certificate]")
@example(b"a.b.c.d = 1\na.b = 2")
@example(b"x = 10000-01-01")
def test_any_bytes_as_a_list_are_read_or_refused(many: Path, content: bytes) -> None:
    (many / FACTS_FILE).write_bytes(content)
    trusted = load(many)
    assert trusted is None or trusted.store.anchors == (ROOT.certificate,)


@settings(max_examples=200)
@given(lists, st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 12))
def test_a_list_with_some_bytes_changed_is_read_or_refused(listed: list[Facts], at: int, new: bytes, cut: int) -> None:
    content = written([Facts(sha256=HEX, source="x"), *listed])
    changed = content[:at] + new + content[at + cut :]
    try:
        found = read_facts(changed, "x")
    except TrustUnusable:
        return
    assert all(plain_sha256(sha256) == sha256 == one.sha256 for sha256, one in found.items())
    assert all(one.standing(NOW) in ("trusted", "not-yet", "ended", "withdrawn") for one in found.values())
    assert all(turn.tzinfo is not None for one in found.values() for turn in one.turns())


@settings(max_examples=150)
@given(st.integers(0, 600), st.binary(max_size=3), st.integers(0, 3), st.booleans())
def test_a_certificate_with_some_bytes_changed_is_read_or_refused(
    many: Path, at: int, new: bytes, cut: int, is_pem: bool
) -> None:
    (many / FACTS_FILE).unlink(missing_ok=True)
    content = OTHER.certificate.public_bytes(Encoding.PEM if is_pem else Encoding.DER)
    path = many / "changed.cer"
    path.write_bytes(content[:at] + new + content[at + cut :])
    trusted = load(many)
    path.unlink()
    if trusted is not None:
        assert ROOT.certificate in trusted.store.anchors
        trusted.store.chain(LEAF, NOW)
