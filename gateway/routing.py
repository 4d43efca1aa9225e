"""Routing: which office is competent for a dossier, by which rule of which version of the tables.

Any office may receive, the competent one decides (phi địa giới), so the two are told apart. An office's territory does
not follow from administrative codes; the unit's registered agency, followed through mergers by date, is what counts.
Offices and rules are data (offices/, or the operator's own table). What cannot be told is shown, never guessed.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from gateway import route_spread
from gateway.office_rows import Certainty, Office, OfficesMistaken, Rule
from gateway.office_table import CANDIDATES_MAX, Found, OfficeTable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CANDIDATES_MAX", "Ambiguous", "Office", "OfficeTable", "OfficesMistaken", "Route", "Rule", "Step", "route"]

SHA256_BYTES = 32
# The least sure of what a decision rests on is how sure it is.
_LEAST_SURE: tuple[Certainty, ...] = ("demo", "unconfirmed", "verified")


class Step(msgspec.Struct, frozen=True):
    """One step of a decision, in both languages."""

    vi: str
    en: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The competent office, and why.

    `original` is the code as the dossier wrote it, `registered` the unit's agency as it was asked for and
    `registered_office` what that stands for on the day. The explanation is for the sender, and empty when there is
    nothing to tell: the code was there, right, and in force. `receiving_office` is where the dossier came in, when that
    was told; `steps` is how the office was found.
    """

    competent_office: str
    competent_name: str
    rule: str
    table_version: str
    original: str
    receiving_office: str | None = None
    candidates: tuple[Office, ...] = ()
    explanation_vi: str = ""
    explanation_en: str = ""
    registered: str = ""
    registered_office: str = ""
    place: str = ""
    certainty: Certainty = "unconfirmed"
    steps: tuple[Step, ...] = ()


class Ambiguous(msgspec.Struct, frozen=True, kw_only=True):
    """The competent office cannot be told; `candidates` are shown to a person, and none of them is chosen."""

    original: str
    rule: str
    table_version: str
    candidates: tuple[Office, ...]
    explanation_vi: str
    explanation_en: str
    registered: str = ""
    place: str = ""
    steps: tuple[Step, ...] = ()


class _Asked(msgspec.Struct, frozen=True):
    """What a decision is made from."""

    procedure: str
    on: date
    table: OfficeTable
    place: str
    sha256: bytes


class _Chosen(msgspec.Struct, frozen=True):
    """The office that a rule leads to, or None with what a person might choose from; and how sure that is."""

    office: Office | None
    step: Step
    candidates: tuple[Office, ...] = ()
    certainty: Certainty = "verified"


def route(
    procedure: str,
    unit_office: str,
    written_office: str,
    on: date,
    table: OfficeTable,
    *,
    place: str = "",
    receiving: str = "",
    sha256: bytes = b"",
) -> Route | Ambiguous:
    """The office that is competent for a dossier of `procedure` on that day.

    `unit_office` is the agency with which the unit is registered, and decides; `written_office` is what the dossier
    says (CoQuanQuanLy), which is only compared: it arrives mangled in practice. `place` is the commune (or province) in
    which something has to be inspected, as its code; "" when it is not known. `receiving` is the office whose counter,
    post room or gateway took the dossier in. `sha256` is the dossier's digest, by which load is spread.

    The same arguments give the same answer, always: nothing else is looked at.
    """
    registered = table.resolve(unit_office, on)
    rule = table.rule_for(procedure, on, registered.office)
    asked = _Asked(procedure, on, table, place.strip(), sha256)
    steps = [_read(registered)]
    if rule is None:
        vi = f"Không có quy tắc phân công cơ quan giải quyết cho thủ tục {procedure} ngày {on:%d/%m/%Y}."
        en = f"No rule says which office is competent for procedure {procedure} on {on:%d/%m/%Y}."
        return _ambiguous(asked, unit_office, written_office, "", (), vi, en, steps)
    steps.append(_ruled(rule))
    if registered.office is None:
        vi = f"Không xác định được cơ quan BHXH quản lý đơn vị: {registered.vi}."
        en = f"The agency that manages the unit cannot be told: {registered.en}."
        return _ambiguous(asked, unit_office, written_office, rule.id, registered.candidates, vi, en, steps)
    chosen = _by_rule(rule, registered.office, asked)
    steps.append(chosen.step)
    if chosen.office is not None and not chosen.office.may_handle(procedure):
        chosen = _who_may(chosen, rule, asked)
        steps.append(chosen.step)
    if chosen.office is None:
        vi, en = chosen.step.vi, chosen.step.en
        return _ambiguous(asked, unit_office, written_office, rule.id, chosen.candidates, vi, en, steps)
    competent = chosen.office
    written = registered if written_office == unit_office else table.resolve(written_office, on)
    fits = registered.office if written.office is not competent else competent
    vi, en = _compared(competent, fits, registered.office, written)
    return Route(
        competent_office=competent.code,
        competent_name=competent.name,
        rule=rule.id,
        table_version=table.version,
        original=written_office,
        receiving_office=office.code if receiving and (office := table.resolve(receiving, on).office) else None,
        candidates=_candidates(fits, written),
        explanation_vi=vi,
        explanation_en=en,
        registered=unit_office,
        registered_office=registered.office.code,
        place=place,
        certainty=_least_sure((rule.certainty, competent.certainty, chosen.certainty)),
        steps=tuple(steps),
    )


def _by_rule(rule: Rule, registered: Office, asked: _Asked) -> _Chosen:
    """The office that the rule leads to."""
    if rule.competent == "place":
        return _of_place(registered, asked)
    if rule.competent == "spread":
        return _spread(rule, registered, asked)
    return _Chosen(registered, _goes_to(registered, "cơ quan đang quản lý đơn vị", "the unit's registered agency"))


def _of_place(registered: Office, asked: _Asked) -> _Chosen:
    """The local office of the place that has to be inspected; where that is not known, the registered agency."""
    if not asked.place:
        step = _goes_to(
            registered,
            "phải kiểm tra tại chỗ nhưng không rõ nơi kiểm tra, nên về cơ quan đang quản lý đơn vị (chưa xác nhận)",
            "an inspection on site is due but the place is not known, so the registered agency has it (unconfirmed)",
        )
        return _Chosen(registered, step, certainty="unconfirmed")
    table, on = asked.table, asked.on
    told = ", ".join(each.name for each in table.places.resolve(asked.place, on))
    vi, en = f"{asked.place} ({told or 'ngoài danh mục'})", f"{asked.place} ({told or 'not in the list'})"
    serving = table.serving(asked.place, on)
    if not serving:
        step = _goes_to(
            registered,
            f"bảng không nêu cơ quan nào phục vụ nơi kiểm tra {vi}, nên về cơ quan đang quản lý đơn vị (chưa xác nhận)",
            f"the table names no office for the place of inspection {en}, "
            "so the registered agency has it (unconfirmed)",
        )
        return _Chosen(registered, step, certainty="unconfirmed")
    able = tuple(each for each in serving if each.may_handle(asked.procedure))
    local = able or serving
    if len(local) > 1:
        listed = ", ".join(each.code for each in local)
        step = Step(
            f"Nhiều cơ quan cùng phục vụ nơi kiểm tra {vi}: {listed}.",
            f"More than one office serves the place of inspection {en}: {listed}.",
        )
        return _Chosen(None, step, local[:CANDIDATES_MAX])
    step = _goes_to(
        local[0],
        f"cơ quan tại nơi kiểm tra {vi}",
        f"the local office of the place of inspection {en}",
    )
    return _Chosen(local[0], step)


def _spread(rule: Rule, registered: Office, asked: _Asked) -> _Chosen:
    """One of the rule's offices, by the dossier's digest; only those that are there that day and may decide it."""
    held = {code: asked.table.get(code, asked.on) for code in rule.weights}
    able = {code: one for code, one in held.items() if one is not None and one.may_handle(asked.procedure)}
    if not able:
        step = _goes_to(
            registered,
            "không cơ quan nào trong quy tắc chia tải nhận được hồ sơ này, nên về cơ quan đang quản lý đơn vị",
            "none of the offices that share the load may have it, so the registered agency has it",
        )
        return _Chosen(registered, step)
    if len(asked.sha256) != SHA256_BYTES:
        step = Step(
            "Quy tắc chia tải cần mã băm SHA-256 của hồ sơ; chưa có mã băm nên không chọn.",
            "The load is spread by the dossier's SHA-256; without it none of the offices is chosen.",
        )
        return _Chosen(None, step, tuple(able.values())[:CANDIDATES_MAX])
    drawn = route_spread.scores({code: rule.weights[code] for code in able}, asked.sha256)
    office = able[drawn[0][0]]
    told = ", ".join(f"{code} ×{rule.weights[code]} = {score:.6f}" for code, score in drawn[:CANDIDATES_MAX])
    step = _goes_to(
        office,
        f"chia tải theo mã băm của hồ sơ, điểm cao nhất ({told})",
        f"the load is spread by the dossier's digest, the highest score ({told})",
    )
    return _Chosen(office, step)


def _who_may(chosen: _Chosen, rule: Rule, asked: _Asked) -> _Chosen:
    """The nearest office above that may decide the procedure, else the rule's fallback, else nobody."""
    short, table = chosen.office, asked.table
    above = table.above(short, asked.on)[1:] if short else []
    fallback = table.resolve(rule.fallback, asked.on).office if rule.fallback else None
    instead = next((each for each in (*above, *filter(None, (fallback,))) if each.may_handle(asked.procedure)), None)
    code = short.code if short else ""
    if instead is None:
        able = tuple(each for each in table.offices_on(asked.on) if asked.procedure in each.handles)
        step = Step(
            f"Cơ quan {code} không được giao thủ tục {asked.procedure}, cấp trên và cơ quan thay thế cũng không.",
            f"{code} may not handle procedure {asked.procedure}, nor may those above it or the rule's fallback.",
        )
        return _Chosen(None, step, able[:CANDIDATES_MAX])
    whose_vi, whose_en = ("cấp trên", "the office above") if instead in above else ("cơ quan thay thế", "the fallback")
    step = _goes_to(
        instead,
        f"{code} không được giao thủ tục {asked.procedure}, nên về {whose_vi}",
        f"{code} may not handle procedure {asked.procedure}, so {whose_en} has it",
    )
    return _Chosen(instead, step, certainty=chosen.certainty)


def _read(found: Found) -> Step:
    """How the unit's registered agency was read."""
    if found.office is None:
        return Step(f"Cơ quan quản lý đơn vị: {found.vi}.", f"The unit's registered agency: {found.en}.")
    named = f"{found.office.code} {found.office.name}"
    if found.vi:
        return Step(
            f"Cơ quan quản lý đơn vị: {named} ({found.vi}).", f"The unit's registered agency: {named} ({found.en})."
        )
    return Step(
        f"Cơ quan quản lý đơn vị: {named}, mã đúng và đang có hiệu lực.",
        f"The unit's registered agency: {named}; the code is right and in force.",
    )


def _ruled(rule: Rule) -> Step:
    mark = {"verified": ("", ""), "unconfirmed": (" (chưa xác nhận)", " (unconfirmed)"), "demo": (" (mẫu)", " (demo)")}
    vi, en = mark[rule.certainty]
    return Step(f"Quy tắc {rule.id}{vi}: {rule.title_vi}", f"Rule {rule.id}{en}: {rule.title_en}")


def _goes_to(office: Office, why_vi: str, why_en: str) -> Step:
    return Step(
        f"Cơ quan giải quyết: {office.code} {office.name}: {why_vi}.",
        f"The competent office: {office.code} {office.name}: {why_en}.",
    )


def _ambiguous(
    asked: _Asked,
    registered: str,
    written: str,
    rule: str,
    candidates: tuple[Office, ...],
    vi: str,
    en: str,
    steps: list[Step],
) -> Ambiguous:
    said = Step(vi, en)
    return Ambiguous(
        original=written,
        rule=rule,
        table_version=asked.table.version,
        candidates=candidates,
        explanation_vi=vi,
        explanation_en=en,
        registered=registered,
        place=asked.place,
        steps=tuple(steps) if said in steps else (*steps, said),
    )


def _compared(competent: Office, fits: Office, registered: Office, written: Found) -> tuple[str, str]:
    """What the sender should know about the office it wrote; empty when it wrote one that fits, as it is."""
    goes_to = f"{competent.code} {competent.name}"
    if written.office is fits:
        if not written.vi:
            return "", ""
        return f"Hồ sơ được chuyển đến {goes_to}: {written.vi}.", f"The dossier goes to {goes_to}: {written.en}."
    if written.office is None:
        why_vi, why_en = written.vi, written.en
    else:
        named = f"{written.office.code} {written.office.name}"
        why_vi = f"hồ sơ ghi {named}" + (f" ({written.vi})" if written.vi else "")
        why_en = f"it names {named}" + (f" ({written.en})" if written.en else "")
    vi = f"Cơ quan ghi trong hồ sơ không khớp: {why_vi}. "
    en = f"The office written in the dossier does not fit: {why_en}. "
    if competent is registered:
        vi += f"Hồ sơ được chuyển đến cơ quan đang quản lý đơn vị: {goes_to}."
        en += f"The dossier goes to the unit's registered agency: {goes_to}."
    else:
        vi += f"Cơ quan đang quản lý đơn vị: {registered.code} {registered.name}; hồ sơ do {goes_to} giải quyết."
        en += f"The unit's registered agency: {registered.code} {registered.name}; the dossier goes to {goes_to}."
    return vi, en


def _candidates(fits: Office, written: Found) -> tuple[Office, ...]:
    """What the sender may have meant when it did not write the office that fits; that one first."""
    if written.office is fits:
        return ()
    others = written.candidates if written.office is None else (written.office,)
    return (fits, *(each for each in others if each is not fits))[:CANDIDATES_MAX]


def _least_sure(marks: Iterable[Certainty]) -> Certainty:
    return min(marks, key=_LEAST_SURE.index)
