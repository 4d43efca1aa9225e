"""The catalogue is data: each form has samples, labels, certainty marks, and a schema two validators read alike."""

import re
import unicodedata
from datetime import date

import pytest
import xmlschema
from lxml import etree
from stdnum.vn import mst

from schemas.catalogue import ROOM, Catalogue, CatalogueError
from schemas.certainty import MARKS
from schemas.explain import TYPE_WORDS
from schemas.findings import Severity
from schemas.model import SchemaNotUnderstoodError, read_model
from schemas.validate import validate_form
from tests.schemas.judging import CATALOGUE, FORMS, ON, codes, tree

SAMPLES = sorted(FORMS.glob("*/*/samples/*.xml"))
SCHEMAS = sorted(FORMS.glob("*/*/form.xsd"))
EVERY_FORM = [
    form for code in sorted({path.parent.parent.name for path in SCHEMAS}) for form in CATALOGUE.form_versions(code)
]


def sample_id(path):
    return f"{path.parent.parent.parent.name}/{path.stem}"


def form_of(path):
    """The form in whose folder a sample lies, in force or not."""
    return next(form for form in EVERY_FORM if form.folder == path.parent.parent)


def test_every_folder_with_a_schema_is_a_form_of_the_catalogue():
    assert {form.folder for form in EVERY_FORM} == {path.parent for path in SCHEMAS}


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
def test_each_sample_is_judged_as_its_name_says(path):
    form = form_of(path)
    found = validate_form(tree(path.read_bytes()), form, file=f"{form.code}.xml", facts=CATALOGUE.facts(ON))
    if path.stem.startswith("valid-"):
        assert found == []
    elif path.stem != "invalid-many-in-one-row":
        assert codes(found) == [path.stem.removeprefix("invalid-")], [item.message_en for item in found]
        # A layout that is only presumed warns; another form in its place refuses.
        settled = form.is_settled("columns", frozenset()) or codes(found) == ["root-unexpected"]
        assert found[0].severity is (Severity.ERROR if settled else Severity.WARNING)


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
def test_libxml2_and_xmlschema_agree_on_each_sample(path):
    second = xmlschema.XMLSchema(path.parent.parent / "form.xsd")
    first = etree.XMLSchema(etree.parse(path.parent.parent / "form.xsd"))
    verdict = first.validate(etree.parse(path))
    assert verdict == second.is_valid(path)
    # A sample that is named for a rule breaks that rule only: its schema admits it.
    of_a_rule = path.stem.removeprefix("invalid-") in {rule.id for rule in form_of(path).rules.rules}
    assert verdict == (path.stem.startswith("valid-") or of_a_rule)


@pytest.mark.parametrize("form", EVERY_FORM, ids=lambda form: form.version)
def test_each_form_has_good_and_bad_samples(form):
    names = [path.stem for path in (form.folder / "samples").iterdir()]
    assert [name for name in names if name.startswith("valid-")]
    assert [name for name in names if name.startswith("invalid-")]


@pytest.mark.parametrize("form", EVERY_FORM, ids=lambda form: form.version)
def test_each_column_has_the_words_printed_on_paper_and_nothing_else_has(form):
    def names(element):
        for child in element.children:
            yield child.name
            yield from names(child)

    assert set(form.labels) == set(names(form.model))
    assert all(unicodedata.is_normalized("NFC", label) and label.strip() for label in form.labels.values())


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.parent.parent.name)
def test_each_type_is_defined_alike_in_all_forms_and_has_words(path):
    for node in etree.parse(path).iterfind("{*}simpleType"):
        name = node.get("name")
        assert name in TYPE_WORDS
        for other in SCHEMAS:
            twin = etree.parse(other).find(f"{{*}}simpleType[@name='{name}']")
            assert twin is None or etree.tostring(twin, with_tail=False) == etree.tostring(node, with_tail=False)


def test_words_are_kept_for_types_in_use_only_and_their_examples_are_right():
    types = {}

    def collect(element):
        if element.type is not None:
            types[element.type.name] = element.type
        for child in element.children:
            collect(child)

    for form in EVERY_FORM:
        collect(form.model)
    assert set(types) == set(TYPE_WORDS)
    for name, type_ in types.items():
        assert type_.admits(TYPE_WORDS[name].example), name
    assert mst.is_valid(TYPE_WORDS["MaSoThue"].example)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("29/02/2024", True),
        ("29/02/2023", False),
        ("29/02/2000", True),
        ("29/02/1900", False),
        ("30/02/2024", False),
        ("31/04/2024", False),
        ("31/12/1999", True),
        ("30/11/2026", True),
        ("00/01/2026", False),
        ("01/13/2026", False),
        ("1/1/2026", False),
        ("28/02/2100", False),
        ("29/02/2096", True),
        ("29/01/2023", True),
        ("", True),
        (" ", False),
    ],
)
def test_the_schemas_dates_are_the_calendars(text, good):
    form = CATALOGUE.form("D02-TS", ON)
    types = {child.name: child.type for child in form.model.children[1].children[0].children}
    assert types["NgaySinh"].admits(text) is good


def test_every_day_of_two_centuries_is_in_the_schema_and_no_other():
    form = CATALOGUE.form("D02-TS", ON)
    pattern = next(c.type for c in form.model.children[1].children[0].children if c.name == "NgaySinh").pattern
    days = {
        f"{date.fromordinal(n):%d/%m/%Y}" for n in range(date(1900, 1, 1).toordinal(), date(2100, 1, 1).toordinal())
    }
    every = (f"{d:02}/{m:02}/{y}" for y in range(1899, 2101) for m in range(14) for d in range(33))
    assert {text for text in every if pattern.fullmatch(text)} == days


def listed(name):
    return CATALOGUE.lists.get(name).at(ON).codes


def test_the_reasons_of_the_schema_are_those_of_the_list():
    form = CATALOGUE.form("D02-TS", ON)
    types = {child.name: child.type for child in form.model.children[1].children[0].children}
    assert set(types["PA"].values) == set(listed("reasons"))
    assert len(types["PA"].values) == len(set(types["PA"].values)) == 26
    assert [code for code in listed("regions") if not types["MavungSS"].admits(code)] == []
    assert {"", *listed("sex")} == set(types["GioiTinh"].values)


def test_procedure_600_is_as_the_sources_say():
    procedure = CATALOGUE.procedure("600", ON)
    assert procedure.version == "600@2025-07-01"
    assert procedure.must == {"D02-TS"}
    assert procedure.may == {"D02-TS", "TK1-TS", "D01-TS", "CT-DK"}
    assert procedure.time_limit_working_days == 5
    assert procedure.certainty["time_limit_working_days"] == "verified"
    assert CATALOGUE.procedure("04", ON).certainty["time_limit_working_days"] == "unconfirmed"


@pytest.mark.parametrize("item", [*EVERY_FORM, *CATALOGUE.procedures(ON)], ids=lambda item: item.version)
def test_each_fact_is_marked_with_how_sure_it_is(item):
    assert item.certainty
    assert set(item.certainty.values()) <= set(MARKS)
    assert item.certainty["valid_from"] in MARKS


def test_a_version_is_found_by_its_day_and_not_before():
    assert CATALOGUE.procedure("601", date(2025, 7, 1)) is not None
    assert CATALOGUE.procedure("601", date(2025, 6, 30)) is None
    assert CATALOGUE.procedure("699", ON) is None
    assert CATALOGUE.form("TK9-TS", ON) is None
    assert CATALOGUE.form("D02-TS", ON).version == "D02-TS@595"
    with pytest.raises(CatalogueError):
        CATALOGUE.envelope(date(1999, 1, 1))


def test_each_form_of_a_procedure_is_known_or_an_attachment():
    for procedure in CATALOGUE.procedures(ON):
        for code in procedure.may - {procedure.attachments.code}:
            assert CATALOGUE.form(code, ON) is not None


def test_the_signature_stands_where_the_schema_has_room_for_it():
    for form in EVERY_FORM:
        assert form.signature_path.startswith(f"/{form.root}/")
        place = next(child for child in form.model.children if child.name == form.signature_path.rpartition("/")[2])
        assert place.open
        assert not place.required


def copy_room(tmp_path):
    for path in [*FORMS.glob("Hoso/1/form.*"), *ROOM.glob("procedures/04/*/*.toml"), *ROOM.glob("codes/*.toml")]:
        target = tmp_path / path.relative_to(ROOM)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert Catalogue.load(tmp_path).envelope(ON).code == "Hoso"
    return tmp_path


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("forms/Hoso/1/form.toml", 'version = "1"', 'version = "2"'),
        ("forms/Hoso/1/form.toml", 'decision = ""', 'decison = ""'),
        ("forms/Hoso/1/form.xsd", "<xs:sequence>", "<xs:choice>"),
        ("forms/Hoso/1/form.xsd", 'base="xs:token"', 'base="xs:decimal"'),
        ("procedures/04/2025-07-01/procedure.toml", 'bare_form = "04_DK-IVAN"', 'bare_form = "X"'),
        ("procedures/04/2025-07-01/procedure.toml", 'code = "04"', 'code = "05"'),
        ("codes/regions.toml", 'certainty = "verified"', 'certainty = "sure"'),
    ],
)
def test_a_broken_file_of_the_catalogue_stops_the_start_and_is_named(tmp_path, path, old, new):
    room = copy_room(tmp_path)
    broken = room / path
    broken.write_text(broken.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(CatalogueError, match=re.escape(path.rpartition("/")[0])):
        Catalogue.load(room)


def test_an_empty_catalogue_is_none(tmp_path):
    with pytest.raises(CatalogueError):
        Catalogue.load(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        '<xs:element name="a"/>',
        '<xs:element name="a" type="T"/><xs:element name="b" type="T"/>',
        '<xs:element name="a"><xs:complexType><xs:all><xs:element ref="b"/></xs:all></xs:complexType></xs:element>',
    ],
)
def test_a_schema_beyond_our_small_part_is_not_half_understood(body):
    tree = etree.ElementTree(
        etree.fromstring(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{body}</xs:schema>')
    )
    with pytest.raises(SchemaNotUnderstoodError):
        read_model(tree)
