"""Each rule beyond the schemas has a sample that keeps it and one that breaks it, and two engines agree on all."""

import re
import tomllib
import unicodedata
from collections import Counter
from datetime import date
from functools import cache

import msgspec
import pytest
from lxml import etree, isoschematron

from schemas import validate, xml
from schemas.findings import MESSAGES, Severity
from schemas.rows import row_elements
from tests.schemas import second_rules
from tests.schemas.judging import CATALOGUE, ON

RULED = [form for form in CATALOGUE.forms(ON) if (form.folder / "form.sch").exists()]
ENTRY = {"passes", "fails", "base", "row", "beside", "header", "on", "also"}


def samples_of(form):
    return tomllib.loads((form.folder / "samples" / "rules.toml").read_text("utf-8"))


def entries():
    for form in RULED:
        told = samples_of(form)
        base = told.pop("base", "")
        for rule, entry in told.items():
            yield form, rule, {"base": base, **entry}


ENTRIES = [pytest.param(*each, id=each[1]) for each in entries()]


def sample_tree(form, name):
    content = (form.folder / "samples" / f"{name}.xml").read_bytes()
    root = xml.parse(content, file="t.xml")
    assert isinstance(root, etree._Element), root
    return root


def declared(form, element):
    """What the form's schema says of an element: its declaration, found by its place."""
    steps = [element.tag, *(each.tag for each in element.iterancestors())][-2::-1]
    model = form.model
    for step in steps:
        model = next(child for child in model.children if child.name == step)
    return model


def paths(model, above=()):
    for child in model.children:
        yield (*above, child.name)
        yield from paths(child, (*above, child.name))


def only_place(form, root, name):
    """Where a column stands whose name the document, or else the form, uses once: the element, and steps below it."""
    there = list(root.iter(name))
    if len(there) == 1:
        return there[0].getparent(), (name,)
    (path,) = [path for path in paths(form.model) if path[-1] == name]
    return root, path


def put(parent, model, steps, value):
    """Set a column, and put it and what it stands in at their places where they are missing."""
    declared = next(child for child in model.children if child.name == steps[0])
    child = parent.find(steps[0])
    if child is None:
        order = [item.name for item in model.children]
        later = [item for item in parent if order.index(item.tag) > order.index(steps[0])]
        child = etree.Element(steps[0])
        if later:
            later[0].addprevious(child)
        else:
            parent.append(child)
    if len(steps) > 1:
        put(child, declared, steps[1:], value)
    else:
        child.text = value


def made(form, entry, which):
    """The base with the columns of `passes` or `fails` set, in one row or, as row 0, anywhere outside the rows."""
    root = sample_tree(form, entry["base"])
    number = entry.get("row", 1 if form.rows else 0)
    for column, value in entry[which].items():
        if number:
            parent, steps = row_elements(root, form.rows)[number - 1], tuple(column.split("/"))
        else:
            parent, steps = only_place(form, root, column)
        put(parent, declared(form, parent), steps, value)
    # Parsed again, so that what is judged is what a file would be.
    return xml.parse(etree.tostring(root), file="t.xml")


def facts_of(form, root, entry):
    """The dossier that the entry tells of, and this form in it."""
    on = entry.get("on", ON)
    beside = {code: [sample_tree(CATALOGUE.form(code, on), name)] for code, name in entry.get("beside", {}).items()}
    forms = {form.code: [root], **beside}
    return msgspec.structs.replace(
        CATALOGUE.facts(on), alone=False, forms=forms, present=frozenset(forms), header=entry.get("header", {})
    )


def judged(form, root, facts):
    return validate.validate_form(root, form, file="t.xml", facts=facts)


def second(form, root, facts):
    return second_rules.failed(
        form.folder / "form.sch",
        root,
        on=facts.on,
        alone=facts.alone,
        forms=facts.forms,
        present=facts.present,
        header=facts.header,
    )


def of_rules(form, findings):
    ids = {rule.id for rule in form.rules.rules}
    return Counter(item.code for item in findings if item.code in ids)


def test_every_form_that_came_first_has_rules():
    assert {"D02-TS", "TK1-TS", "D01-TS", "Hoso", "04_DK-IVAN"} <= {form.code for form in RULED}
    assert sum(len(form.rules.rules) for form in RULED) >= 60


@pytest.mark.parametrize("form", RULED, ids=lambda form: form.version)
def test_every_rule_has_one_entry_of_samples_and_every_entry_a_rule(form):
    # A key that stands twice is refused by the TOML reader.
    told = samples_of(form)
    told.pop("base", None)
    assert sorted(told) == sorted(rule.id for rule in form.rules.rules)
    for name, entry in told.items():
        assert set(entry) <= ENTRY, name
        assert {"passes", "fails"} <= set(entry), name
        assert entry["passes"] != entry["fails"], name


@pytest.mark.parametrize(("form", "rule", "entry"), ENTRIES)
def test_what_should_pass_keeps_the_rule(form, rule, entry):
    root = made(form, entry, "passes")
    assert form.schema.validate(root), form.schema.error_log
    found = judged(form, root, facts_of(form, root, entry))
    assert rule not in [item.code for item in found]


@pytest.mark.parametrize(("form", "rule", "entry"), ENTRIES)
def test_what_should_fail_breaks_the_rule_and_no_other(form, rule, entry):
    root = made(form, entry, "fails")
    assert form.schema.validate(root), form.schema.error_log
    found = judged(form, root, facts_of(form, root, entry))
    assert sorted({item.code for item in found}) == sorted({rule, *entry.get("also", [])}), [
        item.message_vi for item in found
    ]


@pytest.mark.parametrize(("form", "rule", "entry"), ENTRIES)
def test_a_broken_rule_refuses_only_where_its_fact_is_sure_or_confirmed(form, rule, entry):
    told = next(item for item in form.rules.rules if item.id == rule)
    root = made(form, entry, "fails")
    facts = facts_of(form, root, entry)
    sure = Severity.ERROR if told.role == "error" else Severity.WARNING
    confirmed = msgspec.structs.replace(facts, confirmed=frozenset({rule}))
    for given, severity in (
        (facts, Severity.WARNING if told.certainty == "unconfirmed" else sure),
        (confirmed, sure),
    ):
        found = [item for item in judged(form, root, given) if item.code == rule]
        assert {item.severity for item in found} == {severity}


@pytest.mark.parametrize(("form", "rule", "entry"), ENTRIES)
def test_a_broken_rule_is_told_with_place_words_and_remedy(form, rule, entry):
    root = made(form, entry, "fails")
    found = next(item for item in judged(form, root, facts_of(form, root, entry)) if item.code == rule)
    told = next(item for item in form.rules.rules if item.id == rule)
    assert found.column == (told.context if told.subject == "." else told.subject).rpartition("/")[2]
    assert found.column_label
    assert found.line
    contexts = root.xpath(told.context)
    subjects = [subject for context in contexts for subject in context.xpath(told.subject)[:1]]
    there = root.xpath(found.pointer)
    if there:
        assert len(there) == 1
        assert there[0] in subjects
    else:
        # The column is missing where it is wanted; what it is missing from is there.
        assert root.xpath(found.pointer.rpartition("/")[0])[0] in [*contexts, *(each.getparent() for each in contexts)]
        assert len(subjects) < len(contexts)
    if number := entry.get("row", 1 if form.rows else 0):
        row = row_elements(root, form.rows)[number - 1]
        assert (found.row, found.row_name) == (number, row.findtext(form.rows.name))
        assert found.row_key == (row.findtext(form.rows.key) or "")
    for words in (found.message_vi, found.message_en, found.fix_vi, found.fix_en):
        assert words.endswith((".", "?"))
        assert "  " not in words
        assert "“”" not in words
        assert "NaN" not in words
        assert unicodedata.is_normalized("NFC", words)


@pytest.mark.parametrize(("form", "rule", "entry"), ENTRIES)
@pytest.mark.parametrize("which", ["passes", "fails"])
def test_two_engines_find_the_same_rules_broken_in_the_samples_of_rules(form, rule, entry, which):
    root = made(form, entry, which)
    facts = facts_of(form, root, entry)
    told = second(form, root, facts)
    assert of_rules(form, judged(form, root, facts)) == told
    assert (rule in told) == (which == "fails")
    assert form.rules.are_kept(root, facts) <= (not told)


def whole_samples():
    for form in RULED:
        for path in sorted((form.folder / "samples").glob("*.xml")):
            if form.schema.validate(sample_tree(form, path.stem)):
                yield pytest.param(form, path.stem, id=f"{form.code}/{path.stem}")


@pytest.mark.parametrize(("form", "name"), list(whole_samples()))
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a dossier"])
def test_two_engines_find_the_same_rules_broken_in_every_whole_sample(form, name, alone):
    root = sample_tree(form, name)
    facts = CATALOGUE.facts(ON) if alone else facts_of(form, root, {})
    assert of_rules(form, judged(form, root, facts)) == second(form, root, facts)


@pytest.mark.parametrize("form", RULED, ids=lambda form: form.version)
def test_every_whole_good_sample_is_free_of_findings_on_its_day(form):
    for path in sorted((form.folder / "samples").glob("valid-*.xml")):
        root = sample_tree(form, path.stem)
        assert judged(form, root, CATALOGUE.facts(ON)) == [], path.name
        assert form.rules.are_kept(root, CATALOGUE.facts(ON)), path.name


@cache
def schematron(form_folder):
    return second_rules.parsed(form_folder / "form.sch").getroot()


@pytest.mark.parametrize("form", RULED, ids=lambda form: form.version)
def test_every_form_sch_keeps_to_isos_own_schema(form):
    # lxml ships the RELAX NG of ISO/IEC 19757-3, Annex A.
    isoschematron.schematron_schema_valid.assertValid(schematron(form.folder).getroottree())
    assert second_rules.stylesheet(form.folder / "form.sch") is not None


@pytest.mark.parametrize("form", RULED, ids=lambda form: form.version)
def test_every_diagnostic_is_there_in_both_languages_in_nfc_and_used_once(form):
    root = schematron(form.folder)
    rules = list(root.iter(f"{second_rules.SCH}assert"))
    said = {item.get("id"): item for item in root.iter(f"{second_rules.SCH}diagnostic")}
    assert sorted(name for rule in rules for name in rule.get("diagnostics").split()) == sorted(said)
    assert len(list(root.iter(f"{second_rules.SCH}diagnostic"))) == len(said)
    for name, item in said.items():
        words = "".join(item.itertext())
        assert words.strip(), name
        assert unicodedata.is_normalized("NFC", words), name
        assert item.get("{http://www.w3.org/XML/1998/namespace}lang") == name.rpartition(".")[2]
    for rule in rules:
        name = rule.get("id")
        assert {f"{name}{end}" for end in (".vi", ".en", ".fix.vi", ".fix.en")} <= said.keys()
        # The place is put before the message, which therefore begins small, unless with a name.
        begins = (said[f"{name}.vi"].text or "").split(" ")[0]
        assert not re.fullmatch(r"[A-ZĐ][a-zà-ỹđ]*", begins), name


def test_no_id_stands_twice_in_the_catalogue_nor_names_two_things():
    ids = Counter(rule.id for form in RULED for rule in form.rules.rules)
    assert [name for name, times in ids.items() if times > 1] == []
    assert set(ids) & set(MESSAGES) == set()


@pytest.mark.parametrize("code", ["D02-TS", "TK1-TS", "D01-TS"])
def test_the_rules_of_rows_are_of_the_quick_kind(code):
    form = CATALOGUE.form(code, ON)
    of_rows = [rule for rule in form.rules.rules if rule.context == form.rows.path]
    assert of_rows
    assert [rule.id for rule in of_rows if not rule.is_quick] == []


def test_the_second_engine_reads_days_and_months_strictly():
    for written in ("1/1/2026", "31/02/2026", "2026-01-01", "01/01/26", "", " 01/01/2026", "01/2026"):
        assert second_rules.day(written) != second_rules.day(written), written
    assert second_rules.day("01/03/2024") - second_rules.day("28/02/2024") == 2
    assert second_rules.month("01/2026") - second_rules.month("12/2025") == 1
    assert second_rules.month("1/2026") != second_rules.month("1/2026")
    assert second_rules.in_force("regions", date(2026, 1, 1))["codes"]
