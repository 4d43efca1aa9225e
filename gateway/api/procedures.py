"""The catalogue's doors, open to anyone: procedures, their forms, schemas, rules and a sample of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.api.anyone import fresh
from gateway.api.problems import Refused
from gateway.api.procedures_shown import form_shown, line_of, procedure_shown
from gateway.belonging_words import day_for_people
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.report import Language
from schemas import sample
from schemas.catalogue import ENVELOPE, Catalogue
from schemas.form import Form
from schemas.procedure import Procedure

XML: Final = "application/xml"
SAMPLE_EMPLOYEES_MAX: Final = 50
# Days that the forms' own columns can hold.
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2099, 12, 31)
# So many samples are kept by each worker; one of 50 employees takes some 100 KB.
SAMPLES_MAX: Final = 64
CODE_CHARACTERS_SHOWN_MAX: Final = 40
# An invented office of the table that comes with motcua: a sample is nobody's.
SAMPLE_OFFICE: Final = "09993"
SAMPLE_SEED: Final = 1
_LIKENESS_MIN: Final = 0.5
_NEAR_MAX: Final = 3

On = FromQuery[date | None]
Employees = Annotated[int, QueryParameter(ge=1, le=SAMPLE_EMPLOYEES_MAX, description="how many employees are in it")]


@get("/v1/procedures", summary="What may be filed")
async def list_procedures(
    house: NamedDependency[House], request: Request[Any, Any, Any], on: On = None
) -> Response[Any]:
    """The procedures in force on a day (today, in Vietnam, when none is named), by code."""
    day, catalogue = _day(house, on), house.tables.catalogue
    lines = [line_of(one, catalogue) for one in catalogue.procedures(day)]
    return fresh(request, msgspec.json.encode(lines), MediaType.JSON)


@get("/v1/procedures/{code:str}", summary="One procedure, whole")
async def show_procedure(
    code: FromPath[str],
    house: NamedDependency[House],
    request: Request[Any, Any, Any],
    language: NamedDependency[Language],
    on: On = None,
) -> Response[Any]:
    """All that is declared of it as of a day: forms, papers, channels, time limits, results, ids; and of each fact how
    sure it is, and who confirmed it.
    """
    catalogue, day = house.tables.catalogue, _day(house, on)
    one = _procedure(catalogue, code, day, language)
    shown = procedure_shown(one, catalogue, house.confirmed)
    return fresh(request, msgspec.json.encode(shown), MediaType.JSON)


@get("/v1/procedures/{code:str}/forms/{form:str}", summary="A form of a procedure")
async def show_form(
    code: FromPath[str],
    form: FromPath[str],
    house: NamedDependency[House],
    request: Request[Any, Any, Any],
    language: NamedDependency[Language],
    on: On = None,
    version: FromQuery[str | None] = None,
) -> Response[Any]:
    """The form in force on a day, or in the version that is named: labels, rules and how sure they are. The envelope is
    the form `Hoso`.
    """
    catalogue, day = house.tables.catalogue, _day(house, on)
    name, ending = _ending(form)
    procedure = _procedure(catalogue, code, day, language)
    found = _form(catalogue, procedure, name, day, version, language)
    files = house.form_files[found.version]
    if ending == ".xsd":
        return fresh(request, files.schema, XML)
    if ending == ".sch":
        if files.rules is None:
            raise Refused(
                "not-found",
                _said(language, f"{found.version} không có quy tắc riêng.", f"{found.version} has no rules."),
            )
        return fresh(request, files.rules, XML)
    folder = f"/v1/procedures/{procedure.code}/forms"
    shown = form_shown(found, catalogue, house.confirmed, folder, on, has_rules=files.rules is not None)
    return fresh(request, msgspec.json.encode(shown), MediaType.JSON)


@get("/v1/procedures/{code:str}/sample", summary="A sample dossier, unsigned")
async def show_sample(
    code: FromPath[str],
    house: NamedDependency[House],
    request: Request[Any, Any, Any],
    language: NamedDependency[Language],
    employees: Employees = 2,
    on: On = None,
) -> Response[Any]:
    """A valid dossier of that procedure as made on a day, ready to be signed; its people and unit are made up. The same
    question, the same bytes.
    """
    day = _day(house, on)
    procedure = _procedure(house.tables.catalogue, code, day, language)
    content = await _sample(house, procedure, day, employees, language)
    return fresh(request, content, XML)


async def _sample(house: House, procedure: Procedure, day: date, employees: int, language: Language) -> bytes:
    key = (procedure.version, day.isoformat(), employees)
    async with house.sampling:
        content = house.samples.get(key)
        if content is not None:
            return content
        try:
            content = await house.run_apart(_made, house.tables.catalogue, procedure.code, day, employees)
        except sample.SampleError:
            vi = f"Thủ tục {procedure.code} chưa có hồ sơ mẫu."
            raise Refused(
                "not-found", _said(language, vi, f"There is no sample of procedure {procedure.code}.")
            ) from None
        while len(house.samples) >= SAMPLES_MAX:
            house.samples.pop(next(iter(house.samples)))
        house.samples[key] = content
    return content


def _made(catalogue: Catalogue, code: str, day: date, employees: int) -> bytes:
    return sample.make_dossier(
        code,
        employees=employees,
        seed=SAMPLE_SEED,
        unit=sample.unit_code(SAMPLE_SEED),
        tax_code=sample.tax_code(SAMPLE_SEED),
        office=SAMPLE_OFFICE,
        period=f"{day:%m/%Y}",
        made_on=day,
        attachments=0,
        catalogue=catalogue,
    )


def _day(house: House, on: date | None) -> date:
    if on is None:
        return house.clock.now().astimezone(VIETNAM).date()
    if not FIRST_DAY <= on <= LAST_DAY:
        raise Refused("bad-request", f"on: {FIRST_DAY.isoformat()}…{LAST_DAY.isoformat()}.")
    return on


def _ending(name: str) -> tuple[str, str]:
    """A form's code, and which of its files is meant."""
    for ending in (".xsd", ".sch"):
        if name.endswith(ending):
            return name.removesuffix(ending), ending
    return name, ""


def _procedure(catalogue: Catalogue, code: str, day: date, language: Language) -> Procedure:
    """The procedure in force on that day. Raises 404, which names those that are nearly it."""
    found = catalogue.procedure(code, day)
    if found is not None:
        return found
    shown, on = code[:CODE_CHARACTERS_SHOWN_MAX], day_for_people(day)
    if versions := catalogue.procedure_versions(code):
        spans_vi, spans_en = _spans(versions)
        raise Refused(
            "not-found",
            _said(
                language,
                f"Thủ tục {shown} không có hiệu lực ngày {on}; có các phiên bản: {spans_vi}.",
                f"Procedure {shown} is not in force on {on}; its versions: {spans_en}.",
            ),
        )
    near = _near(code, [one.code for one in catalogue.procedures(day)])
    raise Refused(
        "not-found",
        _said(
            language,
            f"Không có thủ tục “{shown}” ngày {on}; {near[0]}.",
            f"There is no procedure “{shown}” on {on}; {near[1]}.",
        ),
    )


def _form(
    catalogue: Catalogue, procedure: Procedure, code: str, day: date, version: str | None, language: Language
) -> Form:
    """The form in that version, or in the one in force on that day. Raises 404, which says what there is."""
    allowed = sorted(procedure.may - {procedure.attachments.code} | ({ENVELOPE} if not procedure.bare_form else set()))
    versions = catalogue.form_versions(code) if code in allowed else ()
    shown, on = code[:CODE_CHARACTERS_SHOWN_MAX], day_for_people(day)
    if not versions:
        near = _near(code, [name for name in allowed if catalogue.form_versions(name)])
        raise Refused(
            "not-found",
            _said(
                language,
                f"Thủ tục {procedure.code} không có biểu mẫu “{shown}”; {near[0]}.",
                f"Procedure {procedure.code} has no form “{shown}”; {near[1]}.",
            ),
        )
    if version is None:
        found = catalogue.form(code, day)
    else:
        found = next((one for one in versions if version in (one.version, one.version.partition("@")[2])), None)
    if found is None:
        spans_vi, spans_en = _spans(versions)
        raise Refused(
            "not-found",
            _said(
                language,
                f"Biểu mẫu {shown} không có phiên bản như vậy ngày {on}; có: {spans_vi}.",
                f"Form {shown} has no such version on {on}; there are: {spans_en}.",
            ),
        )
    return found


def _near(code: str, known: list[str]) -> tuple[str, str]:
    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(code.casefold()[:CODE_CHARACTERS_SHOWN_MAX], folded, _NEAR_MAX, _LIKENESS_MIN)
    if like := [folded[name] for name in found]:
        return f"có lẽ là {', '.join(like)}", f"probably {', '.join(like)}"
    return f"có: {', '.join(known)}", f"there are: {', '.join(known)}"


def _spans(versions: Iterable[Form] | Iterable[Procedure]) -> tuple[str, str]:
    told_vi, told_en = [], []
    for one in versions:
        begin, end = day_for_people(one.valid_from), day_for_people(one.valid_to) if one.valid_to else ""
        told_vi.append(f"{one.version} (từ {begin}{f' đến {end}' if end else ''})")
        told_en.append(f"{one.version} (from {begin}{f' to {end}' if end else ''})")
    return ", ".join(told_vi), ", ".join(told_en)


def _said(language: Language, vi: str, en: str) -> str:
    return vi if language == "vi" else en


HANDLERS = [list_procedures, show_procedure, show_form, show_sample]
