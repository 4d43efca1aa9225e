"""Every form's good samples, changed in thousands of ways and judged by three: libxml2, xmlschema, and our own walk.

`python -m tests.schemas.differential` prints what they differ over, as it stands in schemas/README.md; `--write` puts
it there.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random

import xmlschema
from lxml import etree
from msgspec import Struct

import schemas
from schemas import xml
from schemas.explain import explain
from schemas.form import Form
from schemas.model import Element
from tests.schemas.judging import CATALOGUE, FORMS
from tests.schemas.mutations import CHANGES, XSI, mutated, small

DOCUMENTS_MIN = 5_000
DOCUMENTS_A_FORM_MIN = 1_000
README = Path(schemas.__file__).parent / "README.md"
_TYPE = f"{{{XSI}}}type"
HEADING = "## Known differences between the two validators\n"


class Judged(Struct, frozen=True):
    """One document as the three see it: True is good. `raised` is what xmlschema threw instead of an answer."""

    form: Form
    content: bytes
    changes: tuple[str, ...]
    root: etree._Element
    libxml2: bool
    xmlschema: bool
    walk: bool
    raised: str = ""

    @property
    def agrees(self) -> bool:
        return len(set(self.words)) == 1

    @property
    def words(self) -> tuple[str, str, str]:
        """What each says."""
        says = {True: "admits", False: "refuses"}
        return says[self.libxml2], "raises" if self.raised else says[self.xmlschema], says[self.walk]


class Difference(Struct, frozen=True):
    """A way in which the three are known to differ: what each says, why, and the `remedy` that takes
    the cause out of a document, after which all three are of one mind.
    """

    libxml2: str
    xmlschema: str
    walk: str
    why: str
    remedy: Callable[[etree._Element, Form], None]


def _without_unknown_types(root: etree._Element, form: Form) -> None:
    declared = {element: each.type.name for element, each in _declared(root, form.model) if each.type is not None}
    for element in root.iter(etree.Element):
        if element.get(_TYPE) != declared.get(element):
            element.attrib.pop(_TYPE, None)


def _without_declared_types(root: etree._Element, form: Form) -> None:
    for element, declared in _declared(root, form.model):
        if declared.type is not None and element.get(_TYPE) == declared.type.name:
            element.attrib.pop(_TYPE)


def _without_odd_blanks_between(root: etree._Element, form: Form) -> None:
    for element, declared in _declared(root, form.model):
        if declared.type is None:
            _rewrite(element, _with_letters)


def _without_odd_blanks_in_columns(root: etree._Element, form: Form) -> None:
    for element, declared in _declared(root, form.model):
        if declared.type is not None:
            _rewrite(element, _with_letters)


def _without_text_in_open_places(root: etree._Element, form: Form) -> None:
    for element, declared in _declared(root, form.model):
        if declared.open:
            _rewrite(element, lambda text: "")


def _declared(element: etree._Element, model: Element) -> Iterator[tuple[etree._Element, Element]]:
    """An element and all below it that the schema knows at their places."""
    if element.tag != model.name:
        return
    yield element, model
    known = {child.name: child for child in model.children}
    for child in element.iterchildren(etree.Element):
        if child.tag in known:
            yield from _declared(child, known[child.tag])


def _rewrite(element: etree._Element, change: Callable[[str], str]) -> None:
    """Change the text of an element, all its pieces."""
    element.text = change(element.text or "")
    for child in element:
        child.tail = change(child.tail or "")


def _with_letters(text: str) -> str:
    return "".join("x" if letter.isspace() and letter not in " \t\r\n" else letter for letter in text)


DIFFERENCES: dict[str, Difference] = {
    "`xsi:type` that names no type of the schema": Difference(
        libxml2="refuses",
        xmlschema="raises",
        walk="refuses",
        why="the verdict is libxml2's; the second opinion has none on such a part",
        remedy=_without_unknown_types,
    ),
    "`xsi:type` that names the very type declared": Difference(
        libxml2="admits",
        xmlschema="admits",
        walk="refuses",
        why="the walk is asked about refused forms only, where it names this beside the true mistake",
        remedy=_without_declared_types,
    ),
    "Unicode blanks (U+0085, U+00A0, U+2028, U+3000 …) between elements": Difference(
        libxml2="refuses",
        xmlschema="admits",
        walk="refuses",
        why="XML has four blanks (XML 1.0 §2.3); Python knows more, and xmlschema strips by Python's",
        remedy=_without_odd_blanks_between,
    ),
    "a required `xs:token` column that holds Unicode blanks alone": Difference(
        libxml2="admits",
        xmlschema="refuses",
        walk="admits",
        why="as above: by XML they are characters like any other, so that a name of them alone is taken as filled in",
        remedy=_without_odd_blanks_in_columns,
    ),
    "text beside the elements of an open place (`Cky`, `CKy_Dvi` …)": Difference(
        libxml2="refuses",
        xmlschema="admits",
        walk="refuses",
        why="elements of any kind may stand there, and no words (XML Schema Part 1 §3.4.4)",
        remedy=_without_text_in_open_places,
    ),
}


class Tally(Struct):
    """What came of a sweep."""

    forms: int = 0
    documents: int = 0
    good: int = 0
    differ: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    unknown: list[Judged] = []


def every_form() -> list[Form]:
    """All versions of all forms of the catalogue, the envelope among them."""
    codes = sorted({path.parent.parent.name for path in FORMS.glob("*/*/form.toml")})
    return [form for code in codes for form in CATALOGUE.form_versions(code)]


@cache
def good_samples(folder: Path) -> tuple[etree._Element, ...]:
    """A form's good samples, made small."""
    return tuple(small(path.read_bytes()) for path in sorted(folder.glob("samples/valid-*.xml")))


@cache
def second(folder: Path) -> xmlschema.XMLSchema10:
    """A form's schema as xmlschema compiles it."""
    return xmlschema.XMLSchema10(str(folder / "form.xsd"), validation="strict")


def document(form: Form, number: int) -> tuple[bytes, tuple[str, ...]]:
    """The document of that number: the same in every run."""
    samples = good_samples(form.folder)
    return mutated(Random(f"{form.version}/{number}"), samples[number % len(samples)])


def judged(form: Form, content: bytes, changes: tuple[str, ...] = ()) -> Judged:
    """Ask the three."""
    root = xml.parse(content, file="f")
    assert isinstance(root, etree._Element), root
    raised = ""
    try:
        verdict = bool(second(form.folder).is_valid(content))
    except (xmlschema.XMLSchemaException, KeyError, TypeError, ValueError) as error:
        verdict, raised = False, f"{type(error).__name__}: {error}"
    told, _ = explain(root, form, file="f")
    return Judged(
        form,
        content,
        changes,
        root,
        libxml2=form.schema(root),
        xmlschema=verdict,
        walk=not told,
        raised=raised,
    )


def kind_of(one: Judged) -> str:
    """The name of the known difference, or nothing when it is none. Of several that come together, the first.

    It is known when the three are of one mind once all known causes are taken out; and when each cause that is left in
    alone makes them say what that difference says, or makes no difference here.
    """
    if not _remedied(one, *DIFFERENCES).agrees:
        return ""
    found = ""
    for name, each in DIFFERENCES.items():
        left = _remedied(one, *(other for other in DIFFERENCES if other != name))
        if not left.agrees:
            if left.words != (each.libxml2, each.xmlschema, each.walk):
                return ""
            found = found or name
    return found


def _remedied(one: Judged, *names: str) -> Judged:
    root = deepcopy(one.root)
    for name in names:
        DIFFERENCES[name].remedy(root, one.form)
    return judged(one.form, etree.tostring(root, encoding="utf-8"))


def documents(a_form: int) -> Iterator[Judged]:
    """So many documents of every form, one form after the other."""
    for form in every_form():
        for number in range(a_form):
            yield judged(form, *document(form, number))


def sweep(judged_ones: Iterator[Judged]) -> Tally:
    """Count them."""
    tally = Tally(forms=len(every_form()), differ=Counter(), changes=Counter(), unknown=[])
    for one in judged_ones:
        tally.documents += 1
        tally.good += one.libxml2
        tally.changes.update(one.changes)
        if one.agrees:
            continue
        if kind := kind_of(one):
            tally.differ[kind] += 1
        else:
            tally.unknown.append(one)
    return tally


def whole_sweep() -> Tally:
    """At least 5,000 documents, and at least 1,000 of each form."""
    forms = len(every_form())
    return sweep(documents(max(DOCUMENTS_A_FORM_MIN, -(-DOCUMENTS_MIN // forms))))


def markdown(tally: Tally) -> str:
    """The section of the README."""
    differ = sum(tally.differ.values())
    rows = "".join(
        f"| {name} | {one.libxml2} | {one.xmlschema} | {one.walk} | {one.why} | {tally.differ[name]:,} |\n"
        for name, one in DIFFERENCES.items()
    )
    return (
        f"{HEADING}\n"
        f"{tally.documents:,} documents, made from the good samples of {tally.forms} forms in {len(CHANGES)} kinds of "
        "change (names, order, repetition, values, attributes, namespaces, comments, CDATA, references), were judged "
        f"by libxml2, by xmlschema and by our own walk: {tally.good:,} good, {tally.documents - tally.good:,} refused. "
        f"{tally.documents - differ:,} times all three were of one mind; the other {differ:,} are these. The verdict "
        "is always libxml2's.\n\n"
        "| what | libxml2 | xmlschema | our walk | why, and what follows | documents |\n"
        "|---|---|---|---|---|---:|\n"
        f"{rows}\n"
        "The types used here (`xs:string` and `xs:token` with plain patterns) keep clear of others: libxml2 accepts "
        "junk in `xs:base64Binary` and refuses blanks round `xs:date`; xmlschema accepts `1_0`, Arabic digits and "
        "no-break spaces as numbers. `python -m tests.schemas.differential --write` makes this section anew.\n"
    )


def in_readme() -> str:
    """The section as it stands in the README; nothing when there is none."""
    text = README.read_text("utf-8")
    _, found, rest = text.partition(HEADING)
    return found + rest.partition("\n## ")[0].rstrip("\n") + "\n" if found else ""


def write(section: str) -> None:
    """Put the section in its place in the README, or at its end."""
    text, before = README.read_text("utf-8"), in_readme()
    after = text.replace(before, section) if before else f"{text.rstrip()}\n\n{section}"
    README.write_text(after, "utf-8")


if __name__ == "__main__":
    found = whole_sweep()
    if "--write" in sys.argv:
        write(markdown(found))
    print(markdown(found))
    for stranger in found.unknown[:10]:
        print("UNKNOWN", stranger.form.version, stranger.changes, stranger.raised, stranger.content.decode()[:2000])
    sys.exit(1 if found.unknown else 0)
