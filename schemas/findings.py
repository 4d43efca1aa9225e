"""Findings: what is wrong with a dossier, where exactly, and what to do about it, in Vietnamese and English."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct, convert

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUE_CHARACTERS_MAX: Final = 100
WORD_CHARACTERS_MAX: Final = 400
FINDINGS_MAX: Final = 500


class Severity(StrEnum):
    """An error refuses the dossier; a warning is told and the dossier goes on."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong, so placed and worded that a clerk can put it right without asking anyone.

    `code` is stable and kebab-case; `file` is the TenFile of the envelope, or the envelope's own name; `row` counts
    employees from 1, `row_name` is the employee and `row_key` the employee's own number; `column` is the element's name
    and `column_label` the words printed over that column on paper; `pointer` is an XPath; `value` is cut to 100
    characters.
    """

    code: str
    severity: Severity
    file: str = ""
    form: str = ""
    row: int | None = None
    row_name: str = ""
    row_key: str = ""
    column: str = ""
    column_label: str = ""
    pointer: str = ""
    line: int | None = None
    value: str = ""
    message_vi: str
    message_en: str
    fix_vi: str
    fix_en: str


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one code. `{name}` is replaced by the finding's own facts."""

    severity: Severity
    message_vi: str
    message_en: str
    fix_vi: str
    fix_en: str


class Place(Struct, frozen=True, kw_only=True):
    """Where in a dossier something stands."""

    file: str = ""
    form: str = ""
    row: int | None = None
    row_name: str = ""
    row_key: str = ""
    column: str = ""
    column_label: str = ""
    pointer: str = ""
    line: int | None = None

    def words_vi(self) -> str:
        """The place as a Vietnamese reader would say it."""
        words = [f"Tệp {self.file}"] if self.file else [f"Tờ khai {self.form}"] if self.form else []
        if self.row is not None:
            words.append(f"dòng {self.row}{self._person()}")
        if self.column:
            label = self.column_label
            words.append(
                f"cột “{label}” ({self.column})" if label and label != self.column else f"cột {self.column}",
            )
        return ", ".join(words)

    def words_en(self) -> str:
        """The place as an English reader would say it; the label stays Vietnamese, as on the paper."""
        words = [f"File {self.file}"] if self.file else [f"Form {self.form}"] if self.form else []
        if self.row is not None:
            words.append(f"row {self.row}{self._person()}")
        if self.column:
            label = self.column_label
            words.append(
                f"column “{label}” ({self.column})" if label and label != self.column else f"column {self.column}",
            )
        return ", ".join(words)

    def _person(self) -> str:
        """Who the row is about, so that a clerk finds him in a list of a thousand."""
        told = ", ".join(word for word in (self.row_name, self.row_key) if word)
        return f" ({told})" if told else ""


NOWHERE: Final = Place()
_NO_WORDS: Final[Mapping[str, str | int]] = MappingProxyType({})


def _load() -> dict[str, Message]:
    with (Path(__file__).parent / "messages.toml").open("rb") as source:
        return convert(tomllib.load(source), dict[str, Message])


MESSAGES: Final = _load()


def cut(text: str, characters_max: int = VALUE_CHARACTERS_MAX) -> str:
    """Shorten to `characters_max`, the last one being an ellipsis when something was left out."""
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def finding(
    code: str,
    place: Place = NOWHERE,
    words: Mapping[str, str | int] = _NO_WORDS,
    *,
    value: str = "",
    severity: Severity | None = None,
    **more: str | int,
) -> Finding:
    """Word a finding with `words` and `more`. A word given as a pair `x_vi`, `x_en` is `{x}` in its own language.

    Raises KeyError when the code or a word is unknown: a mistake of ours, never of the document's.
    """
    message = MESSAGES[code]
    shown = cut(value)
    given = {**words, **more}
    plain = {name: cut(word, WORD_CHARACTERS_MAX) if isinstance(word, str) else word for name, word in given.items()}
    plain["value"] = shown
    plain.setdefault("form", place.form)
    vi = plain | {name[:-3]: word for name, word in plain.items() if name.endswith("_vi")}
    en = plain | {name[:-3]: word for name, word in plain.items() if name.endswith("_en")}
    return placed(
        code,
        place,
        severity=message.severity if severity is None else severity,
        value=value,
        message=(message.message_vi.format_map(vi), message.message_en.format_map(en)),
        fix=(message.fix_vi.format_map(vi), message.fix_en.format_map(en)),
    )


def placed(
    code: str, place: Place, *, severity: Severity, value: str, message: tuple[str, str], fix: tuple[str, str]
) -> Finding:
    """A finding whose words are ready, Vietnamese and English: the place is put before the message."""
    where_vi, where_en = place.words_vi(), place.words_en()
    return Finding(
        code=code,
        severity=severity,
        file=place.file,
        form=place.form,
        row=place.row,
        row_name=cut(place.row_name),
        row_key=cut(place.row_key),
        column=cut(place.column),
        column_label=place.column_label,
        pointer=place.pointer,
        line=place.line,
        value=cut(value),
        message_vi=(f"{where_vi}: " if where_vi else "") + message[0],
        message_en=(f"{where_en}: " if where_en else "") + message[1],
        fix_vi=fix[0],
        fix_en=fix[1],
    )


def has_errors(findings: list[Finding]) -> bool:
    """Whether anything here refuses the dossier."""
    return any(item.severity is Severity.ERROR for item in findings)


def bounded(findings: list[Finding], *, file: str = "", form: str = "", uncounted: int = 0) -> list[Finding]:
    """At most 500 findings and one that counts the rest. Errors are kept before warnings; the order stays."""
    more = len(findings) - FINDINGS_MAX
    if more + uncounted <= 0:
        return findings
    kept = findings
    if more > 0:
        ranked = sorted(range(len(findings)), key=lambda at: (findings[at].severity is not Severity.ERROR, at))
        kept = [findings[at] for at in sorted(ranked[:FINDINGS_MAX])]
    # What was left out may hold errors; the tail therefore is one as soon as any finding is.
    severity = Severity.ERROR if has_errors(findings) else Severity.WARNING
    place = Place(file=file, form=form)
    return [*kept, finding("more-findings", place, severity=severity, count=max(more, 0) + uncounted)]
