"""Step 7: signer, unit and submitter belong together, and every refusal says which of them does not match."""

import unicodedata
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.belonging import Belonging, Known, belonging, look_up, no_right
from gateway.belonging_words import SENTENCES, say
from gateway.clock import VIETNAM, to_us
from gateway.renewal import binding_of
from schemas.envelope import FIRST_REGISTRATION_FORM, Envelope
from schemas.findings import Finding, Severity
from signing.indication import Signer
from storage import bindings, clients, register
from storage.bindings import Binding
from storage.clients import Mandate
from storage.database import Database, _Lookers, open_database
from storage.migrations import migrate
from tests.databases import database, database_url
from tests.gateway.certificates import DAY, NOW, signer, verdict

__all__ = ["database", "database_url"]
UNIT, MST, BRANCH_MST, OTHER_MST = "TS12345", "0101234565", "0101234565-001", "0309876547"
ON = NOW.astimezone(VIETNAM).date()


def a_unit(tax_code: str = MST, **changes: object) -> register.Unit:
    fields: dict[str, object] = {"code": UNIT, "tax_code": tax_code, "office": "07906", "valid_from": "2020-01-01"}
    return register.Unit(**(fields | changes))


def an_envelope(tax_code: str = MST, form: str = "Hoso", ivan_code: str = "") -> Envelope:
    return Envelope(
        form=form, form_version="1", ivan_code=ivan_code, ivan_name="", unit_code=UNIT, unit_name="",
        tax_code=tax_code, signer_name="", phone="", office_code="07906", procedure="600", procedure_name="",
        period="03/2026", made_on=None, file_count=0, files=(),
    )  # fmt: skip


def judged(
    *signers: Signer, unit: register.Unit | None = None, bound: tuple[Binding, ...] = (), at: datetime = NOW
) -> Belonging:
    unit = unit or a_unit()
    known = Known(unit=unit, may_speak=True, bindings=bound)
    verdicts = [verdict(one, file=f"file-{number}.xml") for number, one in enumerate(signers)]
    return belonging(an_envelope(unit.tax_code), known, verdicts, at=at)


def codes(found: Belonging) -> list[str]:
    return [one.code for one in found.findings]


def the_only(found: Belonging) -> Finding:
    (one,) = found.findings
    return one


def test_the_units_own_certificate_says_nothing() -> None:
    assert judged(signer("MST:" + MST), signer("CCCD:001099012345", "MST:" + MST)) == Belonging()
    assert judged(signer("MST:0101234565001"), unit=a_unit(BRANCH_MST)) == Belonging()
    assert judged(signer("mst: 0101234565 - 001"), unit=a_unit(BRANCH_MST)) == Belonging()
    assert judged(signer("MST:001099012345"), unit=a_unit("001099012345")) == Belonging()


@pytest.mark.parametrize(
    ("identifiers", "tax_code", "code", "shown"),
    [
        (("MST:" + OTHER_MST,), MST, "signer-tax-code-differs", OTHER_MST),
        (("MST:" + OTHER_MST, "CCCD:001099012345"), MST, "signer-tax-code-differs", OTHER_MST),
        (("MST:0101234565-002",), BRANCH_MST, "signer-tax-code-differs", "0101234565-002"),
        (("MST:" + MST,), BRANCH_MST, "signer-is-parent", MST),
        (("MST:" + BRANCH_MST,), MST, "signer-is-branch", BRANCH_MST),
        (("CCCD:001099012345",), MST, "signer-no-tax-code", "CCCD:001099012345"),
        (("CMND:012345678",), MST, "signer-no-tax-code", "CMND:012345678"),
        (("MNS:1234567",), MST, "signer-no-tax-code", "MNS:1234567"),
        ((), MST, "signer-no-tax-code", ""),
        (("MST:12",), MST, "signer-no-tax-code", ""),
    ],
)
def test_another_signer_is_refused_by_what_differs(
    identifiers: tuple[str, ...], tax_code: str, code: str, shown: str
) -> None:
    who = signer(*identifiers, name="NGƯỜI KÝ MẪU")
    found = the_only(judged(who, unit=a_unit(tax_code)))
    assert (found.code, found.severity, found.file) == (code, Severity.ERROR, "file-0.xml")
    assert found.value == (shown or who.serial)
    for message in (found.message_vi, found.message_en):
        assert all(word in message for word in ("file-0.xml", "NGƯỜI KÝ MẪU", who.serial, shown))
    assert tax_code in found.fix_vi
    assert tax_code in found.fix_en


def test_a_person_a_budget_unit_and_nobody_are_told_in_sentences_of_their_own() -> None:
    said = {the_only(judged(signer(*one))).message_vi for one in (("CCCD:1",), ("MNS:1",), ())}
    assert len(said) == 3
    assert sum("cá nhân" in one for one in said) == 1
    assert sum("ngân sách" in one for one in said) == 1


def test_a_head_office_signs_for_its_branch_only_where_the_register_allows_it() -> None:
    head, sister = signer("MST:" + MST), signer("MST:0101234565-002")
    allowed = a_unit(BRANCH_MST, signed_by_parent=True)
    assert judged(head, unit=allowed) == Belonging()
    assert codes(judged(sister, unit=allowed)) == ["signer-tax-code-differs"]
    assert codes(judged(signer("MST:" + BRANCH_MST), unit=a_unit(signed_by_parent=True))) == ["signer-is-branch"]


def test_every_signer_of_a_dossier_is_judged_and_named_with_its_file() -> None:
    own, other, person = signer("MST:" + MST), signer("MST:" + OTHER_MST), signer("CCCD:001099012345")
    found = judged(own, other, own, person, other).findings
    assert [(one.file, one.code) for one in found] == [
        ("file-1.xml", "signer-tax-code-differs"),
        ("file-3.xml", "signer-no-tax-code"),
        ("file-4.xml", "signer-tax-code-differs"),
    ]


def test_who_signed_is_judged_also_while_revocation_data_is_missing_and_not_where_nothing_was_signed() -> None:
    other = signer("MST:" + OTHER_MST)
    known = Known(unit=a_unit(), may_speak=True)
    waits = verdict(other, passed=False, reason="revocation-missing")
    refused = verdict(other, passed=False, reason="digest-differs")
    nobody = verdict(None)
    assert codes(belonging(an_envelope(), known, [refused, nobody], at=NOW)) == []
    assert codes(belonging(an_envelope(), known, [waits], at=NOW)) == ["signer-tax-code-differs"]


def test_a_unit_outside_the_register_and_a_tax_code_that_is_not_the_units() -> None:
    own = verdict(signer("MST:" + MST))
    assert codes(belonging(an_envelope(), Known(unit=None, may_speak=True), [own], at=NOW)) == ["unit-unknown"]
    found = belonging(an_envelope(OTHER_MST), Known(unit=a_unit(), may_speak=True), [own], at=NOW)
    assert (the_only(found).code, the_only(found).value) == ("tax-code-differs", OTHER_MST)


def test_a_tax_code_written_without_its_dash_is_the_same() -> None:
    known = Known(unit=a_unit(BRANCH_MST), may_speak=True)
    assert belonging(an_envelope("0101234565001"), known, [verdict(signer("MST:" + BRANCH_MST))], at=NOW) == Belonging()


def test_a_first_registration_is_judged_by_the_form_itself() -> None:
    form, nobody = an_envelope(form=FIRST_REGISTRATION_FORM), Known(unit=None, may_speak=False)
    assert belonging(form, nobody, [verdict(signer("MST:" + MST))], at=NOW) == Belonging()
    found = belonging(form, nobody, [verdict(signer("MST:" + OTHER_MST))], at=NOW)
    assert codes(found) == ["signer-tax-code-differs"]
    nameless = belonging(an_envelope("", FIRST_REGISTRATION_FORM), nobody, [verdict(signer())], at=NOW)
    assert codes(nameless) == ["signer-no-tax-code"]


@pytest.mark.parametrize(
    ("caller", "written", "form", "expected"),
    [
        ("", "99999", "Hoso", []),
        ("00040", "00040", "Hoso", []),
        ("00040", " 00040 ", "Hoso", []),
        ("00040", "00050", "Hoso", ["ivan-code-differs"]),
        ("00040", "40", "Hoso", ["ivan-code-differs"]),
        ("00040", "", "Hoso", ["ivan-code-differs"]),
        ("00040", "00050", FIRST_REGISTRATION_FORM, ["ivan-code-differs"]),
    ],
)
def test_an_ivans_dossiers_carry_its_code(caller: str, written: str, form: str, expected: list[str]) -> None:
    known = Known(unit=a_unit(), may_speak=True, ivan_code=caller)
    found = belonging(an_envelope(form=form, ivan_code=written), known, [verdict(signer("MST:" + MST))], at=NOW)
    assert codes(found) == expected
    for one in found.findings:
        assert caller in one.fix_vi
        assert one.column == ("MaIVAN" if form == "Hoso" else "MaIVan")


# Registered certificates


def bound(who: Signer, **changes: object) -> Binding:
    row = binding_of(
        who, unit=UNIT, valid_from=date(2026, 1, 1), valid_to=None, registered_by="me", at_us=to_us(NOW - 60 * DAY)
    )
    return replace(row, **changes)


STRICT = a_unit(signing="registered")
OLD = signer("MST:" + MST, begins=NOW - 700 * DAY, ends=NOW - 10 * DAY)
NEW = signer("MST:" + MST, of="new", begins=NOW - 20 * DAY, turned=True)


def strict(who: Signer, *rows: Binding, at: datetime = NOW) -> Belonging:
    return judged(who, unit=STRICT, bound=rows, at=at)


def test_a_registered_certificate_signs_and_another_of_the_same_unit_does_not() -> None:
    other = signer("MST:" + MST, of="new", name="CÔNG TY MẪU KẾ TOÁN")
    assert strict(NEW, bound(NEW)) == Belonging()
    found = the_only(strict(other, bound(NEW)))
    assert found.code == "certificate-not-registered"
    assert other.serial in found.message_vi
    assert codes(strict(NEW)) == ["certificate-not-registered"]


def test_registered_certificates_are_not_asked_of_a_unit_that_is_signed_for_by_tax_code() -> None:
    assert judged(NEW, bound=(bound(OLD, withdrawn_at_us=1),)) == Belonging()


def test_the_tax_code_counts_for_registered_certificates_too() -> None:
    other = signer("MST:" + OTHER_MST)
    assert codes(strict(other, bound(other))) == ["signer-tax-code-differs"]


def test_a_renewed_certificate_is_taken_told_once_and_handed_over_to_be_written() -> None:
    found = judged(NEW, NEW, NEW, unit=STRICT, bound=(bound(OLD, valid_to="2026-12-31"),))
    told = the_only(found)
    assert (told.code, told.severity, told.file) == ("certificate-renewed", Severity.WARNING, "file-0.xml")
    assert all(word in told.message_vi for word in (OLD.serial, NEW.serial, UNIT))
    (row,) = found.renewals
    assert (row.unit, row.sha256, row.renews) == (UNIT, NEW.certificate_sha256, OLD.certificate_sha256)
    assert (row.valid_to, row.registered_by, row.at_us) == ("2026-12-31", "gateway", to_us(NOW))


def test_once_written_a_renewal_is_registered_and_can_be_renewed_itself() -> None:
    first = strict(NEW, bound(OLD))
    rows = (bound(OLD), *first.renewals)
    assert judged(NEW, unit=STRICT, bound=rows) == Belonging()
    later = NOW + 330 * DAY
    third = signer("MST:" + MST, of="third", begins=later - DAY, ends=later + 300 * DAY)
    found = judged(third, unit=STRICT, bound=rows, at=later)
    assert codes(found) == ["certificate-renewed"]
    assert found.renewals[0].renews == NEW.certificate_sha256
    assert codes(judged(third, unit=STRICT, bound=(bound(OLD),), at=later)) == ["certificate-not-registered"]


def test_a_certificate_that_comes_too_late_or_was_there_before_is_no_renewal() -> None:
    late = signer("MST:" + MST, of="new", begins=NOW - DAY)
    long_gone = signer("MST:" + MST, begins=NOW - 700 * DAY, ends=NOW - 200 * DAY)
    found = the_only(strict(late, bound(long_gone)))
    assert found.code == "certificate-not-registered"
    assert all(word in found.message_vi for word in ("90 ngày", long_gone.serial, "14/08/2025"))
    found = the_only(strict(OLD, bound(NEW)))
    assert found.code == "certificate-not-registered"
    assert NEW.serial in found.message_vi
    assert "cấp trước" in found.message_vi


WITHDRAWN = {"withdrawn_at_us": to_us(NOW - timedelta(hours=2)), "withdrawn_by": "me"}


@pytest.mark.parametrize("who", [NEW, OLD], ids=["itself", "its renewal"])
@pytest.mark.parametrize(
    ("changes", "code", "day"),
    [
        ({"valid_to": "2026-03-01"}, "certificate-binding-ended", "01/03/2026"),
        ({"valid_from": "2026-03-03"}, "certificate-binding-not-begun", "03/03/2026"),
        (WITHDRAWN, "certificate-binding-ended", "02/03/2026"),
        ({"valid_to": "2026-02-01"} | WITHDRAWN, "certificate-binding-ended", "01/02/2026"),
    ],
)
def test_a_binding_that_does_not_count_is_refused_with_its_day(
    who: Signer, changes: dict[str, object], code: str, day: str
) -> None:
    found = strict(NEW, bound(who, **changes))
    refused = the_only(found)
    assert (refused.code, refused.severity) == (code, Severity.ERROR)
    assert day in refused.message_vi
    assert day in refused.message_en
    assert ("gia hạn" in refused.message_vi) == (who is OLD)
    assert found.renewals == ()


def test_a_withdrawal_counts_from_its_instant_on_and_not_for_what_was_received_before() -> None:
    row = bound(NEW, withdrawn_at_us=to_us(NOW), withdrawn_by="me")
    assert strict(NEW, row, at=NOW - timedelta(microseconds=1)) == Belonging()
    found = the_only(strict(NEW, row, at=NOW))
    assert "gỡ" in found.message_vi


def test_the_first_and_the_last_day_of_a_binding_count_and_are_days_of_vietnam() -> None:
    row = bound(NEW, valid_from="2026-03-02", valid_to="2026-03-02")
    midnight = datetime(2026, 3, 2, tzinfo=VIETNAM)
    second = timedelta(seconds=1)
    days = [midnight - second, midnight, midnight + DAY - second, midnight + DAY]
    assert [codes(strict(NEW, row, at=at)) for at in days] == [
        ["certificate-binding-not-begun"],
        [],
        [],
        ["certificate-binding-ended"],
    ]


def test_a_withdrawn_renewal_does_not_come_back_though_what_it_renewed_is_registered() -> None:
    rows = (bound(OLD), bound(NEW, renews=OLD.certificate_sha256, **WITHDRAWN))
    assert codes(strict(NEW, *rows)) == ["certificate-binding-ended"]


def test_one_span_that_counts_is_enough() -> None:
    ended = bound(NEW, valid_to="2026-01-31")
    assert strict(NEW, ended, bound(NEW, valid_from="2026-03-01")) == Belonging()
    assert codes(strict(NEW, ended, bound(NEW, valid_from="2026-04-01"))) == ["certificate-binding-ended"]
    withdrawn_and_live = (bound(signer("MST:" + MST), **WITHDRAWN), bound(OLD))
    assert codes(strict(NEW, *withdrawn_and_live)) == ["certificate-renewed"]


# Mandates


def mandate(valid_from: str, valid_to: str | None, reference: str = "") -> Mandate:
    return Mandate(client="ivan-1", unit=UNIT, valid_from=valid_from, valid_to=valid_to, reference=reference)


def refused_to(*mandates: Mandate, unit: str = UNIT) -> Finding:
    return no_right(Known(unit=a_unit(), may_speak=False, mandates=mandates), unit, ON)


def test_a_mandate_that_ended_or_has_not_begun_is_told_with_its_day_and_document() -> None:
    ended = refused_to(mandate("2025-01-01", "2025-12-31", "05/UQ"), mandate("2024-01-01", "2024-12-31"))
    assert ended.code == "mandate-ended"
    assert all(word in ended.message_vi for word in ("31/12/2025", "05/UQ"))
    begins = refused_to(mandate("2025-01-01", "2025-12-31"), mandate("2027-01-01", None), mandate("2026-04-01", None))
    assert begins.code == "mandate-not-begun"
    assert "01/04/2026" in begins.message_vi


def test_a_stranger_is_told_the_same_of_a_unit_that_exists_and_of_one_that_does_not(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        told = []
        for code in (UNIT, "ZZ9999Z"):
            known = look_up(database, unit_code=code, on=ON, client="ivan-2", ivan_code="00050")
            told.append(no_right(known, code, ON))
    assert told[0].code == "not-your-unit"
    assert told[0] == replace(
        told[1],
        value=UNIT,
        message_vi=told[1].message_vi.replace("ZZ9999Z", UNIT),
        message_en=told[1].message_en.replace("ZZ9999Z", UNIT),
    )


class a_database:  # noqa: N801 - it reads as one
    """A register with one unit that is signed for by registered certificates, one that is not, and two clients."""

    def __init__(self, folder: Path | str) -> None:
        self.database = open_database(folder if isinstance(folder, str) else f"sqlite:///{folder / 'j.sqlite'}")

    def __enter__(self) -> Database:
        migrate(self.database)
        with self.database.begin() as tx:
            register.put(tx, [a_unit(), a_unit(code="STRICT1", signing="registered")])
            for name, units in (("ivan-1", []), ("ivan-2", []), ("employer-1", [UNIT, "STRICT1"])):
                row = clients.Client(
                    id=name, role=name[:-2], name="", secret_sha256=None, jwk=None,
                    requests_per_minute_max=1, created_at_us=1, disabled_at_us=None,
                )  # fmt: skip
                clients.put_client(tx, row, units, [])
            clients.put_mandate(tx, mandate("2025-01-01", "2025-12-31"))
            bindings.bind(tx, bound(OLD, unit="STRICT1"))
        return self.database

    def __exit__(self, *_: object) -> None:
        self.database.close()


def test_what_is_known_is_looked_up_for_the_day(database_url: str) -> None:
    with a_database(database_url) as database:
        ivan = look_up(database, unit_code=UNIT, on=ON, client="ivan-1", ivan_code="00040")
        assert (ivan.may_speak, [one.valid_to for one in ivan.mandates], ivan.bindings) == (False, ["2025-12-31"], ())
        assert ivan.ivan_code == "00040"
        then = look_up(database, unit_code=UNIT, on=date(2025, 12, 31), client="ivan-1")
        assert (then.may_speak, then.mandates) == (True, ())
        strict_one = look_up(database, unit_code="STRICT1", on=ON, client="employer-1")
        assert strict_one.may_speak
        assert [one.sha256 for one in strict_one.bindings] == [OLD.certificate_sha256]
        offline = look_up(database, unit_code="STRICT1", on=ON)
        assert (offline.may_speak, len(offline.bindings)) == (True, 1)


@pytest.mark.parametrize(
    ("unit", "client", "looks"),
    [
        (UNIT, "employer-1", 2),
        ("STRICT1", "employer-1", 3),
        (UNIT, "ivan-1", 3),
        ("STRICT1", "ivan-2", 3),
        ("", "ivan-2", 2),  # a first registration names no unit
    ],
)
def test_an_ordinary_dossier_takes_two_look_ups(tmp_path: Path, unit: str, client: str, looks: int) -> None:
    with a_database(tmp_path) as database:
        asked: list[str] = []
        assert isinstance(database._lookers, _Lookers)
        database._lookers._mine().set_trace_callback(asked.append)
        look_up(database, unit_code=unit, on=ON, client=client)
    assert len(asked) == looks


def test_a_renewal_that_was_told_is_registered_when_it_is_written(database_url: str) -> None:
    with a_database(database_url) as database:

        def again() -> Belonging:
            known = look_up(database, unit_code="STRICT1", on=ON, client="employer-1")
            return belonging(an_envelope(), known, [verdict(NEW)], at=NOW)

        first = again()
        assert codes(first) == ["certificate-renewed"]
        with database.begin() as tx:
            assert bindings.renewed(tx, first.renewals) == list(first.renewals)
        assert again() == Belonging()
        with database.begin() as tx:
            bindings.withdraw(tx, "STRICT1", NEW.certificate_sha256, by="me", now_us=to_us(NOW - DAY))
        assert codes(again()) == ["certificate-binding-ended"]


# Words


WORDS = {
    name: f"<{name}>"
    for name in (
        "unit", "day", "reference_vi", "reference_en", "written", "expected", "held", "holder_vi", "holder_en",
        "earlier", "begins", "ended", "days_max", "via_vi", "via_en", "expires",
    )
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(SENTENCES))
def test_every_sentence_is_said_in_both_languages_with_its_remedy(key: str) -> None:
    found = say(key, file="D02.xml", **WORDS)
    assert found.code == key.partition("/")[0]
    for text in (found.message_vi, found.message_en, found.fix_vi, found.fix_en):
        assert text == unicodedata.normalize("NFC", text)
        assert text.endswith(".")
        assert "{" not in text
    assert any(mark > "\u00ff" for mark in found.message_vi + found.fix_vi)
    assert (found.severity is Severity.WARNING) == (key == "certificate-renewed")


def test_very_long_names_do_not_swell_an_answer() -> None:
    who = signer("MST:" + OTHER_MST, name="X" * 64)
    long = replace(who, common_name="X" * 20_000, serial="f" * 5000)
    found = the_only(judged(long))
    assert len(found.message_vi) < 2000
    assert len(found.value) <= 100
