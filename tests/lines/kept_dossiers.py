"""Whole dossiers that xmlsec1 and the JDK signed, counted: judged as the gateway judges, without one running."""

import hashlib
import tempfile
from functools import cache
from pathlib import Path

from gateway.app import open_tables
from gateway.belonging import Known
from gateway.config import Settings
from gateway.judge import Filing, Refusal, Submission, Tables, judge, open_dossier
from storage.register import Unit
from tests.clocks import HandClock
from tests.lines.interop.make_dossiers import CHANGED, FORMS, HERE, OFFICE, TAX_CODE, TOOLS, UNIT, files_of, with_files
from tests.lines.interop.make_dossiers import one_digit_changed as changed_in
from tests.signing.suites import Row

ORIGIN = "kept in tests/lines/interop, made by make_dossiers.py"
NAMES = {"xmlsec1": "xmlsec1 1.2.37", "jdk": "JDK 17"}


@cache
def tables() -> Tables:
    """The tables of a gateway that trusts the CA of the kept dossiers."""
    with tempfile.TemporaryDirectory() as name:
        trusted = Path(name) / "trust"
        trusted.mkdir()
        (trusted / "ca.pem").write_bytes((HERE / "ca.pem").read_bytes())
        return open_tables(Settings(home=name, signature_policy="no-revocation-1"), HandClock().now())


def outcome(content: bytes) -> Filing | Refusal:
    sha256 = hashlib.sha256(content).digest()
    opened = open_dossier(Submission(content=content, sha256=sha256, submitter="", received_at=HandClock().now()))
    unit = Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01")
    return opened if isinstance(opened, Refusal) else judge(opened, Known(unit=unit, may_speak=True), tables())


def dossier_rows() -> list[Row]:
    """Accepted as they are; refused where a form was changed before the envelope was signed, or anything is now."""
    rows = []
    for tool in TOOLS:
        row = Row(f"kept whole dossiers of {NAMES[tool]}", ORIGIN)
        for path in sorted(HERE.glob(f"{tool}-*.xml")):
            content = path.read_bytes()
            good = CHANGED not in path.name
            row.count(agrees=isinstance(outcome(content), Filing) == good, why=path.name)
            files = files_of(content)
            changes = [changed_in(content), *(with_files(content, {form: changed_in(files[form])}) for form in FORMS)]
            for changed in changes if good else ():
                row.count(agrees=isinstance(outcome(changed), Refusal), why=f"{path.name}: a change is not seen")
        rows.append(row)
    return rows
