"""The catalogue in one table (`python -m tests.schemas.table`, `--write` puts it into the room's README)."""

import sys
import tomllib
from collections import Counter
from datetime import date

from schemas.catalogue import ENVELOPE, ROOM, Catalogue
from schemas.certainty import MARKS
from schemas.form import Form
from schemas.procedure import Procedure

COMMAND = "python -m tests.schemas.table"
SECTION = "## What is in it"
README = ROOM / "README.md"
# The day of which the table tells, so that it does not change by itself.
ON = date(2026, 1, 20)


def samples(form: Form) -> int:
    """Whole files, and two made for each rule: one that keeps it and one that breaks it."""
    folder = form.folder / "samples"
    written = folder / "rules.toml"
    made = [name for name, one in tomllib.loads(written.read_text("utf-8")).items() if isinstance(one, dict)]
    return len(list(folder.glob("*.xml"))) + 2 * len(made)


def marks(told: Counter[str]) -> str:
    """How many facts are verified, inferred and unconfirmed."""
    return " / ".join(str(told[mark]) for mark in MARKS)


def of_procedure(procedure: Procedure) -> Counter[str]:
    """The marks of all facts of a procedure, its forms and papers among them."""
    found = Counter(procedure.certainty.values())
    found.update(one.certainty for one in (*procedure.forms, *procedure.papers))
    return found


def procedure_rows(catalogue: Catalogue) -> list[str]:
    """One line a procedure."""
    heads = ["procedure", "in force", "title", "forms (bold: must be there)", "rules", "samples"]
    heads.append("verified / inferred / unconfirmed")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---:|---:|---:|"]
    codes = sorted(folder.name for folder in (ROOM / "procedures").iterdir())
    for procedure in (version for code in codes for version in catalogue.procedure_versions(code)):
        on = min(procedure.valid_to or ON, ON)
        forms = [form for code in sorted(procedure.may) if (form := catalogue.form(code, on)) is not None]
        named = ", ".join(
            f"**{code}**" if code in procedure.must else code
            for code in sorted(procedure.may, key=lambda code: (code not in procedure.must, code))
        )
        rules = sum(len(form.rules.rules) for form in forms)
        made = sum(map(samples, forms))
        counted = marks(of_procedure(procedure))
        since = f"{procedure.valid_from:%d/%m/%Y}–" + (f"{procedure.valid_to:%d/%m/%Y}" if procedure.valid_to else "")
        lines.append(f"| {procedure.code} | {since} | {procedure.title_vi} | {named} | {rules} | {made} | {counted} |")
    return lines


def form_rows(catalogue: Catalogue) -> list[str]:
    """One line a form."""
    lines = [
        "| form | columns | rules | of them refuse / would refuse once confirmed / warn | samples | columns are |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for form in catalogue.forms(ON):
        rules = form.rules.rules
        errors = [rule for rule in rules if rule.role == "error"]
        open_ = sum(rule.certainty == "unconfirmed" for rule in errors)
        name = "Hoso (the envelope)" if form.code == ENVELOPE else form.code
        told = f"{len(errors) - open_} / {open_} / {len(rules) - len(errors)}"
        columns = form.certainty["columns"]
        lines.append(f"| {name} | {len(form.labels)} | {len(rules)} | {told} | {samples(form)} | {columns} |")
    return lines


def table() -> str:
    """Both tables and their totals, in Markdown."""
    catalogue = Catalogue.load()
    procedures, forms = catalogue.procedures(ON), catalogue.forms(ON)
    rules = sum(len(form.rules.rules) for form in forms)
    made = sum(map(samples, forms))
    every: Counter[str] = Counter()
    for procedure in procedures:
        every.update(of_procedure(procedure))
    head = (
        f"{len(procedures)} procedures and {len(forms)} forms are in force on {ON:%d/%m/%Y}, with {rules} rules and"
        f" {made} samples; of the facts of these procedures {every['verified']} are verified, {every['inferred']}"
        f" inferred and {every['unconfirmed']} unconfirmed. The rules and samples of a procedure are those of the forms"
        f" that it takes. Printed by `{COMMAND}`."
    )
    return "\n".join([head, "", *procedure_rows(catalogue), "", *form_rows(catalogue)]) + "\n"


def write() -> None:
    """Put the table into the README."""
    text = README.read_text("utf-8")
    before, _, rest = text.partition(f"{SECTION}\n")
    after = rest[rest.index("\n## ") :]
    README.write_text(f"{before}{SECTION}\n\n{table()}{after}", "utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    else:
        sys.stdout.write(table())
