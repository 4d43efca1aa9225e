"""The benchmark is fair: both baselines check what the gateway checks, and the floor does what it counts."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.clock import VIETNAM
from schemas import sample
from schemas.findings import Severity
from schemas.form import read_form
from signing.demo_pki import Employer, make_pki
from signing.dossier import sign_dossier
from signing.sign import sign
from tests.bench import baseline, competent, declared, naive, stacks
from tests.bench.bars import Bar, Measured, bars
from tests.bench.baseline import Baseline, Unwelcome
from tests.bench.pool import FORMS, PROCEDURE, Unit, units
from tests.bench.stacks import Told
from tests.schemas import judging

PATHS = {form: f"/{form}/Cky" for form in FORMS}
NOW = datetime.now(UTC)


class Office:
    """A baseline that serves one unit, and the unit's pen."""

    def __init__(self, made: Baseline, unit: Unit, key: Any, certificate: x509.Certificate) -> None:
        self.baseline, self.unit, self.key, self.certificate = made, unit, key, certificate

    def plain(self, **changed: Any) -> bytes:
        asked: dict[str, Any] = {
            "employees": 3, "seed": 1, "unit": self.unit.code, "tax_code": self.unit.tax_code,
            "office": self.unit.office, "period": "06/2026", "made_on": NOW.date(), "attachments": 1, "forms": FORMS,
        } | changed  # fmt: skip
        return sample.make_dossier(PROCEDURE, **asked)

    def signed(self, plain: bytes) -> bytes:
        return sign_dossier(plain, self.key, self.certificate, signature_paths=PATHS, now=NOW)

    def sealed_again(self, plain: bytes) -> bytes:
        """Only the envelope is signed: the forms are as they are."""
        return sign(plain, "/Hoso/CKy_Dvi", self.key, self.certificate, now=NOW)

    def refuses(self, content: bytes) -> str:
        with pytest.raises(Unwelcome) as refused:
            self.baseline.receive(content, "bench")
        assert refused.value.status == 422
        return " ".join(refused.value.faults)


@pytest.fixture(scope="module")
def pki() -> Any:
    return make_pki(NOW)


@pytest.fixture(params=[naive.build, competent.build], ids=["naive", "competent"])
def office(
    request: pytest.FixtureRequest, tmp_path: Path, pki: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    unit = units()[0]
    pki.write(tmp_path / "pki")
    holder = pki.issue(
        Employer(name="u", common_name="U", identifiers=(f"MST:{unit.tax_code}",), key="rsa-2048", valid_days=30), NOW
    )
    made: list[Baseline] = []

    class Noted(Baseline):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    build: Callable[[Path], Any] = request.param
    monkeypatch.setattr(f"{build.__module__}.Baseline", Noted)
    home = tmp_path / "home"
    home.mkdir()
    stacks.furnish_baseline(home, pki.root.certificate, pki.intermediate.certificate)
    build(home)
    yield Office(made[0], unit, holder.key, holder.certificate)
    made[0].close()
    shutil.rmtree(home)


def test_a_good_dossier_is_accepted_once_and_its_receipt_given_again(office: Office):
    content = office.signed(office.plain())
    status, answer = office.baseline.receive(content, "bench")
    again, same = office.baseline.receive(content, "bench")
    assert (status, again) == (201, 200)
    assert answer["receipt"] == same["receipt"]


def test_a_changed_envelope_is_refused(office: Office):
    changed = office.signed(office.plain()).replace(b"<TenDoiTuong>", b"<TenDoiTuong>X", 1)
    assert "/Hoso/CKy_Dvi" in office.refuses(changed)


def test_a_changed_form_in_a_good_envelope_is_refused(office: Office):
    inside_signed = sign_dossier(
        office.plain(), office.key, office.certificate, signature_paths=PATHS, now=NOW, level="forms"
    )
    changed = _with_form(inside_signed, lambda form: form.replace(b"<HoTen>", b"<HoTen>X", 1))
    assert "/D02-TS/Cky" in office.refuses(office.sealed_again(changed))


def test_a_signer_who_is_not_the_unit_is_refused(office: Office, pki: Any):
    other = pki.employers["employer"]
    content = sign_dossier(office.plain(), other.key, other.certificate, signature_paths=PATHS, now=NOW)
    assert "signer" in office.refuses(content)


def test_a_signer_whom_nobody_vouches_for_is_refused(office: Office):
    stranger = make_pki(NOW).issue(
        Employer(
            name="u", common_name="U", identifiers=(f"MST:{office.unit.tax_code}",), key="rsa-2048", valid_days=30
        ),
        NOW,
    )
    content = sign_dossier(office.plain(), stranger.key, stranger.certificate, signature_paths=PATHS, now=NOW)
    assert office.refuses(content)


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (b"<TienLuong>", b"<TienLuong>-"),
        (b"<STT>2</STT>", b"<STT>3</STT>"),
        (b"</LaoDong>", b"<Khac/></LaoDong>"),
    ],
    ids=["a negative wage", "a row number left out", "a column that is not there"],
)
def test_a_form_that_breaks_a_rule_is_refused(office: Office, find: bytes, put: bytes):
    plain = _with_form(office.plain(), lambda form: form.replace(find, put, 1))
    assert office.refuses(office.signed(plain))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda plain: _with_form(plain, _put("DenThang", "05/2026")), {"d02-months-reversed"}),
        (lambda plain: _with_form(plain, _put("NgayChet", "01/06/2026")), {"d02-death-unmarked"}),
        (lambda plain: _with_form(plain, _put("NgaySinh", "1990"), at=1), {"tk1-birth-date-precision"}),
        (lambda plain: plain.replace(b"<SoLuongFile>3", b"<SoLuongFile>9"), {"file-count-mismatch"}),
        (
            lambda plain: _with_form(
                plain, lambda form: _put("NgayChet", "01/01/1900")(_put("DenThang", "05/2026")(form))
            ),
            {"d02-months-reversed", "d02-death-unmarked", "d02-death-before-birth"},
        ),
    ],
    ids=["months", "death", "another form", "the envelope", "several at once"],
)
def test_a_broken_rule_is_refused_as_the_gateway_refuses_it(
    office: Office, change: Callable[[bytes], bytes], told: set[str]
):
    plain = change(office.plain())
    assert set(office.refuses(office.signed(plain)).split()) == told
    found = judging.judge(plain, on=NOW.astimezone(VIETNAM).date())
    assert {one.code for one in found if one.severity is Severity.ERROR} == told


@pytest.mark.parametrize(
    ("forms", "change", "told"),
    [
        (("D02-TS",), lambda plain: _with_form(plain, _put("MasoBHXH", "")), {"d02-declaration-missing"}),
        (
            FORMS,
            lambda plain: _with_form(plain, _put("MasoBHXH", "9999999999"), at=1),
            {"tk1-person-not-in-list"},
        ),
        (
            FORMS,
            lambda plain: _with_form(plain, lambda form: _put("CMND", "000000001")(_put("HoTen", "X")(form)), at=1),
            {"d02-declaration-of-others"},
        ),
        (FORMS, lambda plain: _with_form(plain, _put("GioiTinh", "")), {"d02-newcomer-without-sex"}),
        (FORMS, lambda plain: re.sub(rb"<NgayLap>[^<]+", b"<NgayLap>01/01/2099", plain), {"made-on-in-future"}),
    ],
    ids=["a form is missing", "nobody in the list", "nobody declared", "an unconfirmed fact", "a day to come"],
)
def test_a_rule_that_only_warns_is_noted_as_the_gateway_notes_it(
    office: Office, forms: tuple[str, ...], change: Callable[[bytes], bytes], told: set[str]
):
    plain = change(office.plain(forms=forms))
    paths = {form: PATHS[form] for form in forms}
    content = sign_dossier(plain, office.key, office.certificate, signature_paths=paths, now=NOW)
    judged = office.baseline.judge(content, "bench")
    assert isinstance(judged, baseline.Judged)
    found = judging.judge(plain, on=NOW.astimezone(VIETNAM).date())
    assert set(judged.warnings) == told == {one.code for one in found}
    assert {one.severity for one in found} == {Severity.WARNING}


@pytest.mark.parametrize("code", ["Hoso", *FORMS])
def test_the_same_rules_refuse_as_in_the_gateway(code: str):
    form = declared.forms()[code]
    book = read_form(form.sch.with_name("form.toml")).rules
    refusing = {rule.id for rule in book.rules if book.severity(rule, frozenset()) is Severity.ERROR}
    assert form.rules.refusing == refusing
    assert refusing


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (rb"<SoLuongFile>\d+", b"<SoLuongFile>9"),
        (rb"<MaSoThue>\d", b"<MaSoThue>8"),
        (rb"<KyKeKhai>..", b"<KyKeKhai>13"),
        (rb"<NoiDungFile>JVBER", b"<NoiDungFile>*VBER"),
        (rb"<NoiDungFile>JVBER", b"<NoiDungFile>AAAAA"),
        (rb"<MaToKhai>CT-DK", b"<MaToKhai>X-99"),
        (rb"<CoQuanQuanLy>\d", b"<CoQuanQuanLy>9"),
    ],
    ids=["file count", "tax code", "period", "base64", "an attachment that is none", "a form not allowed", "office"],
)
def test_an_envelope_that_breaks_a_rule_is_refused(office: Office, find: bytes, put: bytes):
    changed, count = re.subn(find, put, office.plain(), count=1)
    assert count == 1
    assert office.refuses(office.signed(changed))


def test_a_caller_without_a_token_or_for_another_unit_is_refused(office: Office):
    with pytest.raises(Unwelcome) as unknown:
        office.baseline.client("Bearer nobody")
    with pytest.raises(Unwelcome) as foreign:
        office.baseline.receive(office.signed(office.plain(unit="ZZ0000Z")), "bench")
    assert (unknown.value.status, foreign.value.status) == (401, 403)


def test_what_is_accepted_is_a_synced_file_and_a_row(office: Office, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    fsync = baseline.os.fsync
    monkeypatch.setattr(baseline.os, "fsync", lambda one: (synced.append(one), fsync(one))[1])
    office.baseline.receive(office.signed(office.plain()), "bench")
    assert len(synced) == 2  # the file and the folder; SQLite syncs the row itself
    (level,) = office.baseline.writer.execute("PRAGMA synchronous").fetchone()
    assert level == 2  # FULL


def test_a_bar_is_met_missed_or_not_measured():
    def bar(value: float | None, *, most: bool) -> str:
        return Bar("b", "10", 2.0, 1.0 if most else 3.0, most, "", value).verdict

    assert [bar(value, most=True) for value in (0.9, 1.5, 2.1, None)] == ["aim met", "met", "MISSED", "not measured"]
    assert [bar(value, most=False) for value in (3.1, 2.5, 1.9)] == ["aim met", "met", "MISSED"]


def test_ratios_are_taken_round_by_round():
    def told(stack: str, per_s: float) -> Told:
        return Told(
            stack=stack, kind="10", answers=1, per_s=per_s, p50_ms=1, p99_ms=1, max_ms=1, cpu_us=1, pss_mib=1,
            pss_peak_mib=0, generator_cpu_us=1,
        )  # fmt: skip

    measured = Measured(
        rounds={
            ("naive", "10"): [told("naive", rate) for rate in (10, 20, 40)],
            ("motcua", "10"): [told("motcua", rate) for rate in (100, 400, 400)],
        }
    )
    (ratio,) = [bar.value for bar in bars(measured) if bar.kind == "10" and "naive" in bar.name]
    assert ratio == 10


def _with_form(envelope: bytes, change: Callable[[bytes], bytes], at: int = 0) -> bytes:
    """The envelope with one of its forms changed, its length told anew."""
    told = list(re.finditer(rb"<DoDaiFile>\d+</DoDaiFile>\s*<NoiDungFile>([^<]+)", envelope))[at]
    form = base64.b64decode(told[1])
    changed = change(form)
    assert changed != form
    new = base64.b64encode(changed)
    file = b"<DoDaiFile>%d</DoDaiFile><NoiDungFile>%s" % (len(new), new)
    return envelope[: told.start()] + file + envelope[told.end() :]


def _put(column: str, value: str) -> Callable[[bytes], bytes]:
    """Sets a column of the first row."""

    def change(form: bytes) -> bytes:
        pattern = f"<{column}(/>|>[^<]*</{column}>)".encode()
        return re.sub(pattern, f"<{column}>{value}</{column}>".encode(), form, count=1)

    return change
