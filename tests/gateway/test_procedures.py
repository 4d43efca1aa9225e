"""The catalogue over HTTP, open to anyone; and a folder laid over it that becomes a procedure without any Python."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from lxml import etree

from gateway.api.procedures import SAMPLES_MAX
from gateway.facts import open_catalogue
from schemas.catalogue import ROOM
from schemas.procedure import FACTS
from signing.dossier import sign_dossier
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, inhouse, pki, sign
from tests.gateway.overlay import FORM, PROCEDURE, RULES, SAMPLE, SCHEMA, SURE_RULE, UNSURE_RULE, envelope, lay_over

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("catalogue") / "home") as made:
        yield made


@pytest.fixture
def overlaid(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", catalogue=str(lay_over(tmp_path / "ours"))) as made:
        yield made


def detail(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


def test_every_procedure_of_the_day_is_listed_by_code_and_shown_whole(gateway: Inhouse) -> None:
    listed = gateway("GET", "/v1/procedures").json()
    known = gateway.house.tables.catalogue.procedures(TODAY)
    assert [one["code"] for one in listed] == [one.code for one in known]
    assert len(listed) >= 20
    for line, one in zip(listed, known, strict=True):
        shown = gateway("GET", f"/v1/procedures/{one.code}").json()
        assert shown["version"] == line["version"] == one.version
        assert (shown["title_vi"], shown["must"]) == (one.title_vi, sorted(one.must))
        assert [form["code"] for form in shown["forms"]] == [form.code for form in one.forms]
        assert all(form["certainty"] for form in shown["forms"] + shown["papers"])
        assert shown["facts"].keys() == FACTS
        unsure = [fact["fact"] for fact in shown["facts"].values() if fact["certainty"] == "unconfirmed"]
        assert sorted(unsure) == line["unconfirmed"]
        assert all(fact["confirmed"] is None for fact in shown["facts"].values())
        assert shown["versions"][0].keys() == {"version", "valid_from", "valid_to"}


def test_the_catalogue_is_shown_as_of_a_day(gateway: Inhouse) -> None:
    newest = gateway("GET", "/v1/procedures/600").json()
    (first,) = [one for one in newest["versions"] if one["version"] == newest["version"]]
    earlier = newest["versions"][-1]
    assert earlier["valid_from"] < first["valid_from"]
    shown = gateway("GET", f"/v1/procedures/600?on={earlier['valid_from']}").json()
    assert shown["version"] == earlier["version"]
    early = gateway("GET", f"/v1/procedures?on={earlier['valid_from']}").json()
    assert {one["code"]: one["version"] for one in early}["600"] == earlier["version"]
    before = gateway("GET", "/v1/procedures/600?on=1990-01-01", headers={"accept-language": "en"})
    assert before.status_code == 404
    assert first["version"] in detail(before)
    assert "01/01/1990" in detail(before)
    for on in ("yesterday", "2026-13-01", "1000-01-01", "9999-12-31"):
        assert gateway("GET", f"/v1/procedures?on={on}").status_code == 400, on


def test_today_is_vietnams_day(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home", catalogue=str(lay_over(tmp_path / "ours"))) as gateway:
        # Eight in the evening of 31 December 2025 in London is 1 January in Vietnam, when the procedure begins.
        gateway.clock.advance(-(60 * 24 * 3600 + 5.5 * 3600))
        assert gateway.clock.now().isoformat() == "2025-12-31T20:00:00+00:00"
        assert gateway("GET", f"/v1/procedures/{PROCEDURE}").status_code == 200
        gateway.clock.advance(-4 * 3600)
        assert gateway("GET", f"/v1/procedures/{PROCEDURE}").status_code == 404


def test_a_schema_and_its_rules_are_the_very_files(gateway: Inhouse) -> None:
    for form in gateway.house.tables.catalogue.forms(TODAY):
        code = next(
            (one.code for one in gateway.house.tables.catalogue.procedures(TODAY) if form.code in one.may), "600"
        )
        shown = gateway("GET", f"/v1/procedures/{code}/forms/{form.code}")
        if shown.status_code == 404:
            assert form.code not in {"D02-TS", "TK1-TS", "Hoso"}
            continue
        told = shown.json()
        schema = gateway("GET", told["schema_url"])
        assert schema.content == (form.folder / "form.xsd").read_bytes()
        assert schema.headers["content-type"].partition(";")[0] == "application/xml"
        assert schema.headers["x-content-type-options"] == "nosniff"
        etree.XMLSchema(etree.fromstring(schema.content))
        assert [rule["id"] for rule in told["rules"]] == [rule.id for rule in form.rules.rules]
        if told["rules_url"]:
            assert gateway("GET", told["rules_url"]).content == (form.folder / "form.sch").read_bytes()
        else:
            assert not told["rules"]
            assert gateway("GET", f"/v1/procedures/{code}/forms/{form.code}.sch").status_code == 404


def test_what_is_not_there_is_told_with_what_is_nearly_it(gateway: Inhouse) -> None:
    english = {"accept-language": "en"}
    for path, near in (
        ("/v1/procedures/60O", "600"),
        ("/v1/procedures/600/forms/D02TS", "D02-TS"),
        ("/v1/procedures/600/forms/D02-TX.xsd", "D02-TS"),
        ("/v1/procedures/600/forms/D02-TS.xsd?version=999", "D02-TS@595"),
        ("/v1/procedures/600/forms/M05A-HSB.xsd", "D02-TS"),
        ("/v1/procedures/ZZZZZ/sample", "600"),
    ):
        answer, in_english = gateway("GET", path), gateway("GET", path, headers=english)
        assert (answer.status_code, in_english.status_code) == (404, 404), path
        assert near in detail(answer), path
        assert near in detail(in_english), path
        assert detail(answer) != detail(in_english)
    long = gateway("GET", "/v1/procedures/" + "x" * 5000)
    assert (long.status_code, len(detail(long)) < 1000) == (404, True)


def test_a_sample_of_every_procedure_can_be_had_and_is_stable(gateway: Inhouse) -> None:
    for one in gateway.house.tables.catalogue.procedures(TODAY):
        answer = gateway("GET", f"/v1/procedures/{one.code}/sample?employees=3")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/xml"
        assert etree.fromstring(answer.content).tag == "Hoso"
        gateway.house.samples.clear()
        again = gateway("GET", f"/v1/procedures/{one.code}/sample?employees=3")
        assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"]), one.code
    small, large = (len(gateway("GET", f"/v1/procedures/600/sample?employees={n}").content) for n in (1, 9))
    assert small < large
    for employees in ("0", "51", "many"):
        assert gateway("GET", f"/v1/procedures/600/sample?employees={employees}").status_code == 400


def test_a_procedure_whose_form_has_no_good_sample_says_so(tmp_path: Path) -> None:
    folder = lay_over(tmp_path / "ours")
    (folder / "forms" / FORM / "1" / "samples" / "valid-one-meal.xml").unlink()
    with inhouse(tmp_path / "home", catalogue=str(folder)) as gateway:
        answer = gateway("GET", f"/v1/procedures/{PROCEDURE}/sample")
        assert (answer.status_code, "hồ sơ mẫu" in detail(answer)) == (404, True)


def test_samples_are_kept_for_a_few_questions_only(gateway: Inhouse) -> None:
    for number in range(SAMPLES_MAX + 3):
        gateway("GET", f"/v1/procedures/600/sample?employees=1&on=2026-{number // 28 + 1:02d}-{number % 28 + 1:02d}")
    assert len(gateway.house.samples) == SAMPLES_MAX


def test_whoever_holds_the_same_bytes_is_not_sent_them_again(gateway: Inhouse) -> None:
    tags = set()
    for path in (
        "/v1/procedures",
        "/v1/procedures/600",
        "/v1/procedures/600/forms/D02-TS",
        "/v1/procedures/600/forms/D02-TS.xsd",
        "/v1/procedures/600/sample",
    ):
        first = gateway("GET", path)
        tag = first.headers["etag"]
        tags.add(tag)
        assert not tag.startswith("W/")
        assert first.headers["cache-control"] == "public, max-age=300"
        held = gateway("GET", path, headers={"if-none-match": f'"other", {tag}'})
        assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
        assert gateway("GET", path, headers={"if-none-match": '"other"'}).content == first.content
        head = gateway("HEAD", path)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert len(tags) == 5


def test_a_folder_laid_over_the_catalogue_becomes_a_procedure(overlaid: Inhouse) -> None:
    employer = overlaid.bearer("employer", units=[UNIT])
    place = f"/v1/procedures/{PROCEDURE}"
    assert PROCEDURE in [one["code"] for one in overlaid("GET", "/v1/procedures").json()]
    assert "600" in [one["code"] for one in overlaid("GET", "/v1/procedures").json()]
    assert overlaid("GET", f"{place}/forms/{FORM}.xsd").content == SCHEMA.encode()
    assert overlaid("GET", f"{place}/forms/{FORM}.sch").content == RULES.encode()
    shown = overlaid("GET", f"{place}/forms/{FORM}").json()
    assert [(rule["id"], rule["role"], rule["severity"]) for rule in shown["rules"]] == [
        (SURE_RULE, "error", "error"),
        (UNSURE_RULE, "error", "warning"),
    ]
    assert shown["rules"][0]["message_vi"] == "ngày cuối ({DenNgay}) đứng trước ngày đầu."
    assert shown["labels"]["SoSuat"] == "Số suất"

    sample = overlaid("GET", f"{place}/sample").content
    assert sample.count(b"<MaToKhai>N01-TS<") == 1
    ours = re.sub(rb"<MaSoBHXH>\w+", b"<MaSoBHXH>" + UNIT.encode(), sample)
    ours = re.sub(rb"<MaSoThue>\w+", b"<MaSoThue>" + TAX_CODE.encode(), ours)
    ours = re.sub(rb"<CoQuanQuanLy>\w+", b"<CoQuanQuanLy>" + OFFICE.encode(), ours)
    report = overlaid("POST", "/v1/dossiers/check", employer, content=signed(ours, overlaid)).json()
    assert (report["ok"], report["findings"]) == (True, [])
    good = overlaid("POST", "/v1/dossiers", employer, content=signed(envelope(UNIT, TAX_CODE, OFFICE), overlaid))
    assert good.status_code == 201, good.text
    dossier = overlaid("GET", f"/v1/dossiers/{good.json()['dossier']}", employer).json()
    assert dossier["procedure_version"] == "690@2026-01-01"
    assert [part["form"] for part in dossier["parts"]] == [FORM]


def test_a_procedure_laid_over_refuses_by_its_own_rule_in_both_languages(overlaid: Inhouse) -> None:
    employer = overlaid.bearer("employer", units=[UNIT])
    form = SAMPLE.replace("<DenNgay>28/02/2026", "<DenNgay>28/01/2026").replace("<SoSuat>20", "<SoSuat>40")
    content = signed(envelope(UNIT, TAX_CODE, OFFICE, form), overlaid)
    told = {}
    for language in ("vi", "en"):
        answer = overlaid("POST", "/v1/dossiers", employer, content=content, headers={"accept-language": language})
        assert (answer.status_code, answer.json()["code"]) == (422, "findings"), answer.text
        told[language] = {finding["code"]: finding for finding in answer.json()["findings"]}
    assert [(code, one["severity"]) for code, one in sorted(told["vi"].items())] == [
        (UNSURE_RULE, "warning"),
        (SURE_RULE, "error"),
    ]
    vi, en = told["vi"][SURE_RULE], told["en"][SURE_RULE]
    assert "ngày cuối (28/01/2026) đứng trước ngày đầu." in vi["message"]
    assert "the last day (28/01/2026) is before the first." in en["message"]
    assert (vi["fix"], en["fix"]) == ("Sửa lại một trong hai ngày.", "Correct one of the two days.")
    assert (vi["row"], vi["row_name"], vi["row_key"]) == (1, "Nguyễn Văn Mẫu", "9900000001")
    assert (vi["column"], vi["column_label"]) == ("DenNgay", "Đến ngày")


def test_a_version_that_is_laid_over_takes_the_place_of_ours(tmp_path: Path) -> None:
    ours = next(iter(sorted((ROOM / "procedures" / "600").iterdir(), reverse=True))) / "procedure.toml"
    mine = tmp_path / "ours" / "procedures" / "600" / ours.parent.name / "procedure.toml"
    mine.parent.mkdir(parents=True)
    told = ours.read_text("utf-8").splitlines(keepends=True)
    mine.write_text(
        "".join('title_en = "Ours"\n' if line.startswith("title_en") else line for line in told), encoding="utf-8"
    )
    with inhouse(tmp_path / "home", catalogue=str(tmp_path / "ours")) as gateway:
        assert gateway("GET", "/v1/procedures/600").json()["title_en"] == "Ours"
        assert len(gateway("GET", "/v1/procedures").json()) >= 20


def test_whoever_edits_a_file_after_the_start_changes_nothing(overlaid: Inhouse) -> None:
    folder = Path(overlaid.house.settings.catalogue) / "forms" / FORM / "1"
    (folder / "form.xsd").write_text("<broken", encoding="utf-8")
    assert overlaid("GET", f"/v1/procedures/{PROCEDURE}/forms/{FORM}.xsd").content == SCHEMA.encode()


def signed(raw: bytes, gateway: Inhouse) -> bytes:
    holder = pki().employers["employer"]
    forms = open_catalogue(gateway.house.settings).forms(TODAY)
    paths = {form.root: form.signature_path for form in forms}
    return sign_dossier(raw, holder.key, holder.certificate, signature_paths=paths, now=gateway.clock.now())


def test_signing_needs_nothing_but_the_catalogue(overlaid: Inhouse) -> None:
    with pytest.raises(Exception, match=FORM):
        sign(envelope(UNIT, TAX_CODE, OFFICE))
    assert signed(envelope(UNIT, TAX_CODE, OFFICE), overlaid)


def ended(folder: Path) -> Path:
    """The folder, with a procedure and a form that were in force in 2020 only."""
    day = "valid_from = 2026-01-01"
    moved = {
        "N01-TS": "N00-TS",
        '"690"': '"689"',
        "n01-": "n00-",
        day: "valid_from = 2020-01-01\nvalid_to = 2020-12-31",
    }
    for old, new in (("forms/N01-TS/1", "forms/N00-TS/1"), ("procedures/690/2026-01-01", "procedures/689/2020-01-01")):
        for file in [each for each in (folder / old).rglob("*") if each.is_file()]:
            text = file.read_text("utf-8")
            for was, becomes in moved.items():
                text = text.replace(was, becomes)
            to = folder / new / file.relative_to(folder / old)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text, encoding="utf-8")
    return folder


def test_what_has_ended_is_shown_as_of_its_day_and_its_links_lead_there(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home", catalogue=str(ended(lay_over(tmp_path / "ours")))) as gateway:
        assert gateway("GET", "/v1/procedures/689").status_code == 404
        form = gateway("GET", "/v1/procedures/689/forms/N00-TS?on=2020-06-01")
        assert form.status_code == 200, form.text
        schema, rules = (gateway("GET", form.json()[link]) for link in ("schema_url", "rules_url"))
        assert schema.content == SCHEMA.replace("N01-TS", "N00-TS").encode()
        assert rules.content.count(b"n00-days-reversed") > 1
        shown = gateway("GET", f"/v1/procedures/{PROCEDURE}/forms/{FORM}").json()
        assert shown["schema_url"].endswith(".xsd?version=1")
