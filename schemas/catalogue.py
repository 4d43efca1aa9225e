"""The catalogue: which procedures and forms there are, since when, and what they ask; all of it read from data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.codes import Lists, ListUnusableError
from schemas.form import Form, FormUnusableError, read_form
from schemas.procedure import Procedure, ProcedureUnusableError, read_procedure
from schemas.rules import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

ROOM: Final = Path(__file__).parent
ENVELOPE: Final = "Hoso"
_Dated = TypeVar("_Dated", Form, Procedure)


class CatalogueError(Exception):
    """A file of the catalogue cannot be read or contradicts another; the gateway must not start. Not worth a retry."""


class Catalogue:
    """All procedures, forms and code lists. Reading it never touches the disk again; safe for all threads.

    `confirmed` are the ids of the unconfirmed facts that an operator has confirmed: rules resting on them may refuse.
    `confirmed_number` numbers what was said of them, so that a judgement can name it; 0 when nothing was.
    """

    def __init__(
        self,
        forms: dict[str, tuple[Form, ...]],
        procedures: dict[str, tuple[Procedure, ...]],
        lists: Lists,
        confirmed: frozenset[str] = frozenset(),
        confirmed_number: int = 0,
    ) -> None:
        self._forms = forms
        self._procedures = procedures
        self.lists = lists
        self.confirmed = confirmed
        self.confirmed_number = confirmed_number

    @classmethod
    def load(cls, *rooms: Path) -> Catalogue:
        """Read `forms/`, `procedures/` and `codes/` of the room that comes with motcua, or of these, and compile every
        schema. A version that stands in several rooms is taken from the last. Raises CatalogueError, naming the file.
        """
        forms: dict[str, Form] = {}
        procedures: dict[str, Procedure] = {}
        read = rooms or (ROOM,)
        try:
            for room in read:
                found = [read_form(path) for path in sorted(room.glob("forms/*/*/form.toml"))]
                forms.update({form.version: form for form in found})
                told = [read_procedure(path) for path in sorted(room.glob("procedures/*/*/procedure.toml"))]
                procedures.update({one.version: one for one in told})
            lists = Lists.load(*(room / "codes" for room in read))
        except (FormUnusableError, ProcedureUnusableError, ListUnusableError) as error:
            raise CatalogueError(str(error)) from error
        _refuse_strange_rules(forms.values(), lists)
        catalogue = cls(_by_code(forms.values()), _by_code(procedures.values()), lists)
        if ENVELOPE not in catalogue._forms or not procedures:
            raise CatalogueError(f"no envelope or no procedure below {', '.join(map(str, read))}")
        return catalogue

    def facts(self, on: date) -> Facts:
        """What the rules of a form may ask when it is judged alone on that day."""
        return Facts(on=on, lists=self.lists, confirmed=self.confirmed, alone=True)

    def confirming(self, facts: Iterable[str], number: int = 0) -> Catalogue:
        """The same catalogue, with exactly these facts confirmed; `number` is that of the last word said of any."""
        return Catalogue(self._forms, self._procedures, self.lists, frozenset(facts), number)

    def with_form(self, form: Form) -> Catalogue:
        """The same catalogue, with this version of the form in force on every day."""
        return Catalogue(
            {**self._forms, form.code: (form,)}, self._procedures, self.lists, self.confirmed, self.confirmed_number
        )

    def procedure(self, code: str, on: date) -> Procedure | None:
        """The version of a procedure in force on that day."""
        return _in_force(self._procedures.get(code, ()), on)

    def form(self, code: str, on: date) -> Form | None:
        """The version of a form in force on that day. The envelope is the form `Hoso`."""
        return _in_force(self._forms.get(code, ()), on)

    def envelope(self, on: date) -> Form:
        """The envelope's own form. Raises CatalogueError when none is in force on that day."""
        form = self.form(ENVELOPE, on)
        if form is None:
            raise CatalogueError(f"no envelope is in force on {on.isoformat()}")
        return form

    def procedures(self, on: date) -> tuple[Procedure, ...]:
        """All procedures in force on that day, by code."""
        found = (self.procedure(code, on) for code in sorted(self._procedures))
        return tuple(item for item in found if item is not None)

    def forms(self, on: date) -> tuple[Form, ...]:
        """All forms in force on that day, by code, the envelope among them."""
        found = (self.form(code, on) for code in sorted(self._forms))
        return tuple(item for item in found if item is not None)

    @property
    def form_codes(self) -> tuple[str, ...]:
        """Every form that was, is or will be in force, the envelope among them."""
        return tuple(sorted(self._forms))

    @property
    def procedure_codes(self) -> tuple[str, ...]:
        """Every procedure that was, is or will be in force."""
        return tuple(sorted(self._procedures))

    def form_versions(self, code: str) -> tuple[Form, ...]:
        """Every version of a form, the newest first, in force or not."""
        return self._forms.get(code, ())

    def procedure_versions(self, code: str) -> tuple[Procedure, ...]:
        """Every version of a procedure, the newest first, in force or not."""
        return self._procedures.get(code, ())


def _refuse_strange_rules(forms: Iterable[Form], lists: Lists) -> None:
    """Every rule asks lists that there are, and stands in one form alone. Raises CatalogueError."""
    owners: dict[str, str] = {}
    for form in forms:
        for rule in form.rules.rules:
            if unknown := rule.lists.difference(lists.names):
                raise CatalogueError(f"{form.folder}: rule {rule.id} asks an unknown list {', '.join(unknown)}")
            # Whoever confirms a rule names it by its id alone.
            if owners.setdefault(rule.id, form.code) != form.code:
                raise CatalogueError(f"{form.folder}: rule {rule.id} stands in {owners[rule.id]} already")


def _by_code(items: Iterable[_Dated]) -> dict[str, tuple[_Dated, ...]]:
    found: dict[str, list[_Dated]] = {}
    for item in sorted(items, key=lambda each: each.valid_from, reverse=True):
        found.setdefault(item.code, []).append(item)
    return {code: tuple(versions) for code, versions in found.items()}


def _in_force(versions: tuple[_Dated, ...], on: date) -> _Dated | None:
    for version in versions:
        if version.valid_from <= on and (version.valid_to is None or on <= version.valid_to):
            return version
    return None
