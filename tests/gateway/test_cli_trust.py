"""`motcua trust`: what is added, listed, found wrong and withdrawn."""

import io
import json
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing.demo_holder import Authority, Holder, begin_certificate, make_key, usage
from signing.demo_pki import make_crl
from signing.trust_facts import FACTS_FILE
from signing.trust_list import load_trust
from tests.gateway.cli_run import Ran, Terminal
from tests.signing.trust_workshop import lay, note, pem, sha256_of

NOW = datetime.now(UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = date.today()  # noqa: DTZ011 - only years matter where it is used


def authority(
    name: str,
    issuer: Holder | None = None,
    *,
    key: Any = None,
    days: int = 2000,
    since: datetime = NOW,
    is_authority: bool = True,
) -> Holder:
    key = key or make_key("ec-p256")
    made = Authority(common_name=name, key="", valid_days=days)
    builder = (
        begin_certificate(made.subject(), key, issuer, now=since, valid_days=days)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=True), critical=True)
    )
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


ROOT, OTHER, STAMPS = authority("ROOT"), authority("OTHER ROOT"), authority("STAMPS ROOT")
MIDDLE = authority("MIDDLE", ROOT)
SHORT_KEY = authority("SHORT KEY", key=rsa.generate_private_key(65537, 1024))
ODD_CURVE = authority("ODD CURVE", key=ec.generate_private_key(ec.SECP256K1()))


def with_sha1(name: str, issuer: Holder | None = None) -> Holder:
    """Rightly signed with SHA-1, as roots of old are."""
    right = authority(name, issuer)
    made = asn1_x509.Certificate.load(right.certificate.public_bytes(Encoding.DER))
    made["tbs_certificate"]["signature"] = made["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    content = made["tbs_certificate"].dump(force=True)
    made["signature_value"] = (issuer or right).key.sign(content, ec.ECDSA(hashes.SHA1()))
    return Holder(right.key, x509.load_der_x509_certificate(made.dump(force=True)))


@pytest.fixture
def trust(motcua: Terminal) -> Path:
    return motcua.home / "trust"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return lay(
        tmp_path / "files",
        root=pem(ROOT),
        middle=pem(MIDDLE),
        other=pem(OTHER),
        stamps=pem(STAMPS),
        both=pem(ROOT, MIDDLE),
    )


def rows(motcua: Terminal, command: str = "list") -> dict[str, Any]:
    return {
        one["subject"].partition(",")[0] or one["file"]: one
        for one in json.loads(motcua("trust", command, "--json").out)
    }


def codes(row: dict[str, Any], key: str = "wrong") -> list[str]:
    return [one["code"] for one in row[key]]


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """A person at a terminal."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard(answer))


def test_what_is_added_is_trusted_with_all_that_was_told(motcua: Terminal, trust: Path, files: Path) -> None:
    told = motcua(
        "trust", "add", files / "both.pem", "--source", 'công báo "số 12"', "--obtained", "05/01/2026",
        "--from", "2026-01-10", "--until", "31/12/2199", "--note", "G2", "--by", "tổ vận hành", "--yes",
    )  # fmt: skip
    assert told.status == 0
    assert "vài giây" in told.out
    trusted = load_trust(trust, NOW)
    assert trusted.store.anchors == (ROOT.certificate,)
    listed = tomllib.loads((trust / FACTS_FILE).read_text("utf-8"))["certificate"]
    assert listed[0] == {
        "sha256": sha256_of(ROOT),
        "source": 'công báo "số 12"',
        "obtained_on": date(2026, 1, 5),
        "added_by": "tổ vận hành",
        "trusted_from": date(2026, 1, 10),
        "trusted_until": date(2199, 12, 31),
        "note": "G2",
    }
    assert listed[1]["sha256"] == sha256_of(MIDDLE)
    row = rows(motcua)["CN=MIDDLE"]
    assert (row["kind"], row["standing"], row["leads_to"]) == ("intermediate", "trusted", sha256_of(ROOT))
    assert row["source"] == 'công báo "số 12"'
    assert motcua("trust", "check").status == 0
    assert not list(trust.glob("*.new"))


def test_the_digest_is_shown_before_anything_is_written(
    motcua: Terminal, trust: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "k\n")
    told = motcua("trust", "add", files / "both.pem")
    assert told.status == 2
    assert ":".join(sha256_of(ROOT)[at : at + 2] for at in range(0, 64, 2)).upper() in told.out
    assert not list(trust.glob("*.pem"))
    answering(monkeypatch, "")
    assert motcua("trust", "add", files / "root.pem").status == 2
    answering(monkeypatch, "có\n")
    assert motcua("trust", "add", files / "both.pem").status == 0
    assert len(list(trust.glob("*.pem"))) == 2
    answering(monkeypatch, "k\n")
    assert motcua("trust", "add", files / "middle.pem", files / "root.pem").status == 0, "there is nothing new to ask"


@pytest.mark.parametrize("written", ["plain", "colons"])
def test_the_right_digest_needs_no_question(
    motcua: Terminal, files: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    answering(monkeypatch, "k\n")
    digest = sha256_of(ROOT)
    shown = digest if written == "plain" else ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
    assert motcua("trust", "add", files / "both.pem", "--sha256", shown).status == 0


@pytest.mark.parametrize("digest", ["other", "short", "one too many"])
def test_a_wrong_digest_adds_nothing(motcua: Terminal, trust: Path, files: Path, digest: str) -> None:
    words = {
        "other": ["--sha256", sha256_of(OTHER)],
        "short": ["--sha256", sha256_of(ROOT)[:16]],
        "one too many": ["--sha256", sha256_of(ROOT), "--sha256", sha256_of(OTHER)],
    }[digest]
    assert motcua("trust", "add", files / "both.pem", *words, "--yes").status == 2
    assert not list(trust.glob("*.pem"))


def test_without_a_terminal_it_is_added_and_said_that_nobody_compared(motcua: Terminal, files: Path) -> None:
    told = motcua("trust", "add", files / "root.pem")
    assert told.status == 0
    assert "CHƯA ai đối chiếu" in told.err
    row = rows(motcua)["CN=ROOT"]
    assert str(files / "root.pem") in row["source"]


REFUSED = {
    "not an authority's": (pem(authority("NO CA", is_authority=False)), "not-authority"),
    "expired": (pem(authority("OLD", since=NOW - 100 * DAY, days=50)), "hết hạn"),
    "not yet valid": (pem(authority("NEW", since=NOW + 100 * DAY)), "chưa có hiệu lực"),
    "a short key": (pem(SHORT_KEY), "RSA 1024"),
    "an odd curve": (pem(ODD_CURVE), "secp256k1"),
    "a link signed with SHA-1": (pem(with_sha1("WEAK", ROOT)), "SHA-1"),
    "one bad among good ones": (pem(OTHER, SHORT_KEY), "RSA 1024"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_authority_to_rely_on_is_not_added(
    motcua: Terminal, trust: Path, files: Path, content: bytes, said: str
) -> None:
    lay(files, wrong=content)
    told = motcua("trust", "add", files / "root.pem", files / "wrong.pem", "--yes")
    assert told.status == 2
    assert said in told.err or "không phải chứng thư số của CA" in told.err
    assert not trust.exists() or not list(trust.iterdir())


def test_days_the_wrong_way_round_and_two_lines_are_refused(motcua: Terminal, trust: Path, files: Path) -> None:
    root = files / "root.pem"
    assert motcua("trust", "add", root, "--from", "02/02/2026", "--until", "01/02/2026", "--yes").status == 2
    assert motcua("trust", "add", root, "--note", "one\ntwo", "--yes").status == 2
    assert not list(trust.glob("*")) if trust.exists() else True


def test_an_anchor_of_tomorrow_is_there_and_not_trusted(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "root.pem", "--yes")
    motcua("trust", "add", files / "other.pem", "--yes", "--from", f"{TODAY.year + 1}-01-01")
    assert load_trust(trust, NOW).store.anchors == (ROOT.certificate,)
    assert rows(motcua)["CN=OTHER ROOT"]["standing"] == "not-yet"
    assert "chưa · not yet" in motcua("trust", "list").out


def test_stamps_have_their_own_folder(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "root.pem", "--yes")
    assert motcua("trust", "add", files / "stamps.pem", "--tsa", "--yes").status == 0
    trusted = load_trust(trust, NOW)
    assert trusted.tsa is not None
    assert trusted.tsa.anchors == (STAMPS.certificate,)
    assert trusted.store.anchors == (ROOT.certificate,)
    assert rows(motcua)["CN=STAMPS ROOT"]["kind"] == "tsa-anchor"


def test_a_file_that_was_dropped_there_gets_its_source_later(motcua: Terminal, trust: Path, files: Path) -> None:
    lay(trust, root=pem(ROOT))
    assert codes(rows(motcua)["CN=ROOT"]) == ["no-source"]
    assert motcua("trust", "check").status == 1
    told = motcua("trust", "add", files / "root.pem", "--source", "x")
    assert "Đã ghi nguồn" in told.out
    assert motcua("trust", "check").status == 0
    assert [path.name for path in trust.glob("*.pem")] == ["root.pem"]


def test_a_file_that_was_lost_is_brought_back(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "root.pem", files / "other.pem", "--yes")
    next(path for path in trust.glob("*.pem") if sha256_of(OTHER).startswith(path.stem)).unlink()
    assert motcua("trust", "check").status == 1
    assert motcua("trust", "add", files / "other.pem", "--yes").status == 0
    assert motcua("trust", "check").status == 0


def test_a_withdrawn_anchor_is_trusted_no_more_and_stays_on_record(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "both.pem", files / "other.pem", "--yes")
    told = motcua("trust", "withdraw", sha256_of(ROOT)[:16], "--why", 'lộ khóa, công văn "12"')
    assert told.status == 0
    assert load_trust(trust, datetime.now(UTC)).store.anchors == (OTHER.certificate,)
    row = rows(motcua)["CN=ROOT"]
    assert (row["standing"], row["why"]) == ("withdrawn", 'lộ khóa, công văn "12"')
    assert codes(row) == []
    assert codes(rows(motcua)["CN=MIDDLE"]) == ["no-chain"], "what hung on it leads nowhere"
    assert motcua("trust", "withdraw", sha256_of(ROOT), "--why", "x").status == 2
    again = motcua("trust", "add", files / "root.pem", "--yes")
    assert again.status == 2
    assert "lộ khóa" in again.err


def test_a_file_that_was_dropped_there_can_be_withdrawn_wherever_it_is(motcua: Terminal, trust: Path) -> None:
    lay(trust, root=pem(ROOT), other=pem(OTHER))
    lay(trust / "tsa", root=pem(ROOT), stamps=pem(STAMPS))
    assert motcua("trust", "withdraw", sha256_of(ROOT).upper(), "--why", "x").status == 0
    trusted = load_trust(trust, datetime.now(UTC))
    assert trusted.store.anchors == (OTHER.certificate,)
    assert trusted.tsa is not None
    assert trusted.tsa.anchors == (STAMPS.certificate,)


def test_a_withdrawal_of_a_later_day_waits_for_it(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "root.pem", files / "other.pem", "--yes")
    assert motcua("trust", "withdraw", sha256_of(ROOT), "--why", "x", "--on", f"01/01/{TODAY.year + 2}").status == 0
    assert len(load_trust(trust, NOW).store.anchors) == 2
    assert load_trust(trust, NOW + 800 * DAY).store.anchors == (OTHER.certificate,)


def test_the_last_anchor_goes_only_when_that_is_meant(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "root.pem", "--yes")
    assert motcua("trust", "withdraw", sha256_of(ROOT), "--why", "x").status == 2
    assert load_trust(trust, NOW).store.anchors
    told = motcua("trust", "withdraw", sha256_of(ROOT), "--why", "x", "--yes")
    assert told.status == 0
    assert "NO anchor" in told.err
    assert load_trust(trust, datetime.now(UTC)).store.anchors == ()
    assert motcua("trust", "check").status == 1


@pytest.mark.parametrize("words", [("abc",), ("0" * 64,), ("not-hex-at-all",)])
def test_who_is_withdrawn_must_be_clear(motcua: Terminal, files: Path, words: tuple[str, ...]) -> None:
    motcua("trust", "add", files / "root.pem", "--yes")
    assert motcua("trust", "withdraw", *words, "--why", "x").status == 2
    assert motcua("trust", "withdraw", sha256_of(ROOT), "--why", "  ").status == 2


def test_a_broken_list_is_mended_before_anything_is_added(motcua: Terminal, trust: Path, files: Path) -> None:
    lay(trust, root=pem(ROOT), trust__toml=b"[[certificate]]\nsha = 1\n")
    for words in (("add", files / "other.pem", "--yes"), ("withdraw", sha256_of(ROOT), "--why", "x", "--yes")):
        assert motcua("trust", *words).status == 2
    assert (trust / FACTS_FILE).read_bytes() == b"[[certificate]]\nsha = 1\n"
    checked = motcua("trust", "check")
    assert checked.status == 1
    assert "trust.toml" in checked.out


def crl(issuer: Holder, *, until: timedelta, at: timedelta = -12 * HOUR) -> bytes:
    return make_crl(issuer, this_update=NOW + at, next_update=NOW + until)


def check_one(motcua: Terminal, trust: Path, name: str) -> tuple[list[str], list[str], Ran]:
    row = rows(motcua, "check")[name]
    return codes(row), codes(row, "cautions"), motcua("trust", "check")


WRONG = {
    "expired": ({"a": pem(authority("A", since=NOW - 100 * DAY, days=50))}, "CN=A", ["expired", "no-source"]),
    "a link to nowhere": ({"a": pem(authority("A", authority("GONE")))}, "CN=A", ["no-chain"]),
    "a link that is none": ({"a": pem(authority("A", ROOT, is_authority=False))}, "CN=A", ["not-authority"]),
    "a link signed with SHA-1": ({"a": pem(with_sha1("A", ROOT))}, "CN=A", ["weak-hash"]),
    "a root signed with SHA-1, from nowhere": ({"a": pem(with_sha1("A"))}, "CN=A", ["no-source", "weak-hash"]),
    "a short key": ({"a": pem(SHORT_KEY)}, "CN=SHORT KEY", ["key", "no-source"]),
    "a stale CRL": ({"a__crl": crl(ROOT, until=-HOUR)}, "CN=ROOT", ["crl-stale"]),
    "a torn file": ({"a": b"-----BEGIN CERTIFICATE-----"}, "a.pem", ["unreadable"]),
    "a key": ({"a__key": b"x"}, "a.key", ["private-key"]),
    "a stranger's CRL": ({"a__crl": crl(OTHER, until=DAY)}, "CN=OTHER ROOT", ["crl-issuer-unknown"]),
}


@pytest.mark.parametrize(("laid", "name", "wrong"), WRONG.values(), ids=WRONG)
def test_a_check_finds_what_is_wrong(
    motcua: Terminal, trust: Path, files: Path, laid: dict[str, bytes], name: str, wrong: list[str]
) -> None:
    motcua("trust", "add", files / "both.pem", "--yes")
    assert motcua("trust", "check").status == 0
    lay(trust, **laid)
    found, _, told = check_one(motcua, trust, name)
    assert told.status == 1
    assert "✗" in told.out
    assert found == wrong
    assert motcua("trust", "list").status == 0, "a list judges nothing"


def test_a_check_of_nothing_says_that_nobody_is_trusted(motcua: Terminal) -> None:
    told = motcua("trust", "check")
    assert told.status == 1
    assert "KHÔNG có gốc" in told.out


def test_a_root_signed_with_sha1_is_a_caution_once_its_source_is_told(motcua: Terminal, trust: Path) -> None:
    """Nobody relies on its signature; its SHA-256 was compared with that source."""
    old = with_sha1("OLD ROOT")
    lay(trust, old=pem(old))
    note(trust, old, source="công báo")
    wrong, cautions, told = check_one(motcua, trust, "CN=OLD ROOT")
    assert (wrong, cautions, told.status) == ([], ["weak-hash"], 0)
    assert "SHA-1" in told.out


def test_what_ends_soon_is_a_caution(motcua: Terminal, trust: Path) -> None:
    soon = authority("SOON", days=60)
    lay(trust, soon=pem(soon))
    note(trust, soon, source="x")
    wrong, cautions, told = check_one(motcua, trust, "CN=SOON")
    assert (wrong, cautions, told.status) == ([], ["expires-soon"], 0)


def test_crls_are_shown_with_their_authority_and_the_newest_counts(motcua: Terminal, trust: Path, files: Path) -> None:
    motcua("trust", "add", files / "both.pem", "--yes")
    lay(trust, z__crl=crl(ROOT, at=-20 * HOUR, until=-2 * HOUR), a__crl=crl(ROOT, until=DAY))
    assert motcua("trust", "check").status == 0, "the stale one has been replaced"
    held = json.loads(motcua("trust", "list", "--json").out)
    lists = {one["file"]: one for one in held if one["kind"] == "crl"}
    assert codes(lists["z.crl"], "cautions") == ["superseded"]
    by_subject = {one["subject"]: one for one in held if one["kind"] != "crl"}
    at_hand = {name.partition(",")[0]: one["crl"] and one["crl"]["file"] for name, one in by_subject.items()}
    assert at_hand == {"CN=ROOT": "a.crl", "CN=MIDDLE": None}
    shown = motcua("trust", "list").out
    assert f"CRL: a.crl, đến · until {(NOW + DAY + timedelta(hours=7)):%d/%m/%Y %H:%M}" in shown


def test_a_list_for_people_says_whence_and_how_long(motcua: Terminal, files: Path) -> None:
    motcua("trust", "add", files / "both.pem", "--yes", "--source", "công báo", "--until", "31/12/2199")
    out = motcua("trust", "list").out
    for said in (
        "gốc · anchor  CN=ROOT",
        f"SHA-256 {sha256_of(ROOT)}",
        "được tin · trusted … – 31/12/2199",
        "nguồn · source: công báo",
        "nối tới · leads to: CN=ROOT",
        "1 gốc · anchors, 1 trung gian · intermediates",
    ):
        assert said in out


def test_letters_of_a_strangers_certificate_do_not_reach_the_terminal(motcua: Terminal, files: Path) -> None:
    lay(files, odd=pem(authority("A\x1b[2JB\nC")))
    told = motcua("trust", "add", files / "odd.pem", "--yes")
    assert told.status == 0
    assert "\x1b" not in told.out + motcua("trust", "list").out
