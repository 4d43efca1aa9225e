"""The bench on which attacks are tried: a dossier that is rightly signed, and the judges that it passes before."""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from lxml import etree
from msgspec import Struct

from gateway.app import open_tables
from gateway.belonging import Known
from gateway.config import Settings
from gateway.judge import ASIC_E, Filing, Refusal, Submission, Tables, judge, open_dossier
from schemas import xml
from schemas.sample import make_dossier
from signing.demo_pki import DemoPki, Holder
from signing.indication import SubIndication
from signing.policy import Policy
from signing.sign import sign
from signing.sign_asic import container_of_envelope, make_container
from signing.sign_xades import sign_xades
from signing.verify import verify
from storage.register import Unit
from tests.signing.workshop import DSIG, NOW

UNIT, TAX_CODE, OFFICE = "TS12345", "0101234565", "07906"
SIGNATURE: Final = f"{{{DSIG}}}Signature"
SIGNATURE_PATHS: Final = {"D02-TS": "/D02-TS/Cky"}
_FILE: Final = re.compile(rb"(<DoDaiFile>)\d*(</DoDaiFile>\s*<NoiDungFile>)([^<]*)(</NoiDungFile>)")
Profile = Literal["XMLDSig", "XAdES"]


class Target(Struct, frozen=True):
    """A kind of document that is signed: where, and a value of it that an attacker would like to be another."""

    name: str
    root: str
    place: str
    old: bytes
    new: bytes

    @property
    def path(self) -> str:
        return f"/{self.root}/{self.place}"

    def evil(self, content: bytes) -> bytes:
        """The document with the value changed."""
        if content.count(self.old) != 1:
            raise ValueError(f"{self.old!r} is there {content.count(self.old)} times")
        return content.replace(self.old, self.new)


FORM: Final = Target("form", "D02-TS", "Cky", b"<PhuCapLuong>1350000<", b"<PhuCapLuong>9350000<")
ENVELOPE: Final = Target("envelope", "Hoso", "CKy_Dvi", b"<KyKeKhai>03/2026<", b"<KyKeKhai>04/2026<")
TARGETS: Final = (FORM, ENVELOPE)


class Outcome(Struct, frozen=True):
    """What a judge says: all reasons and findings, the first signature's first; accepted when nothing refuses."""

    accepted: bool
    codes: tuple[str, ...] = ()
    sub_indications: tuple[SubIndication | None, ...] = ()
    filing: Filing | None = None


class Bench:
    """A PKI, a gateway's tables that trust it, and a dossier of one form and one paper."""

    def __init__(self, pki: DemoPki, home: Path) -> None:
        pki.write(home)
        self.pki, self.home = pki, home
        self._open(home)

    @classmethod
    def opened(cls, home: Path) -> "Bench":
        """The judges of a home that another bench has written: nothing can be signed at this one."""
        made = cls.__new__(cls)
        made._open(home)
        return made

    def _open(self, home: Path) -> None:
        self.tables: Tables = open_tables(Settings(home=str(home), signature_policy="no-revocation-1"), NOW)
        self.known = Known(
            unit=Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01"), may_speak=True
        )

    @property
    def holder(self) -> Holder:
        """The employer: RSA 2048, this unit's tax code."""
        return self.pki.employers["employer"]

    @property
    def other(self) -> Holder:
        """Another employer of the same authority."""
        return self.pki.employers["other"]

    @cached_property
    def dossier(self) -> bytes:
        """Nothing in it is signed yet."""
        return make_dossier(
            "600", employees=1, seed=1, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
            made_on=date(2026, 3, 2), attachments=1, attachment_bytes=1024, forms=("D02-TS",),
        )  # fmt: skip

    @cached_property
    def form(self) -> bytes:
        found = _FILE.search(self.dossier)
        if found is None:
            raise ValueError("there is no form in the dossier")
        return base64.b64decode(found[3])

    def unsigned(self, target: Target) -> bytes:
        """The document before its own signing; in the envelope the form is signed."""
        return self.form if target is FORM else self.with_form(self.signed(FORM))

    def template(self, target: Target) -> str:
        """The unsigned document with "@" where the Signature goes."""
        text = self.unsigned(target).decode()
        if "@" in text or f"<{target.place}/>" not in text:
            raise ValueError("the document cannot be a template")
        return text.replace(f"<{target.place}/>", f"<{target.place}>@</{target.place}>")

    def signed(self, target: Target, profile: Profile = "XMLDSig", **how: object) -> bytes:
        signing = sign if profile == "XMLDSig" else sign_xades
        one = self.holder
        return signing(self.unsigned(target), target.path, one.key, one.certificate, now=NOW, **how)  # type: ignore[arg-type]

    def with_form(self, form: bytes) -> bytes:
        """The unsigned envelope with another form in it."""
        text = base64.b64encode(form)
        return _FILE.sub(rb"\g<1>%d\g<2>%b\g<4>" % (len(text), text), self.dossier, count=1)

    def around(self, form: bytes) -> bytes:
        """A whole dossier round a form, its envelope rightly signed: only the form's own signature can tell."""
        one = self.holder
        return sign(self.with_form(form), ENVELOPE.path, one.key, one.certificate, now=NOW)

    def container(self) -> bytes:
        """The dossier in a container, rightly signed."""
        one = self.holder
        return container_of_envelope(self.dossier, one.key, one.certificate, NOW, signature_paths=SIGNATURE_PATHS)

    def container_of(self, entries: dict[str, bytes]) -> bytes:
        one = self.holder
        return make_container(entries, one.key, one.certificate, now=NOW)

    # --- the judges ---------------------------------------------------------------------------------------------------

    def room(self, content: bytes, target: Target, policy: Policy | None = None) -> Outcome:
        """The parser, and the signing room alone."""
        root = xml.parse(content, file=target.name)
        if not isinstance(root, etree._Element):
            return Outcome(accepted=False, codes=(root.code,), sub_indications=(None,))
        verdict = verify(
            root, target.path, file=target.name, policy=policy or Policy(), trust=self.tables.trust, now=NOW,
            size_bytes=len(content),
        )  # fmt: skip
        return Outcome(verdict.passed, (verdict.reason_code,), (verdict.sub_indication,))

    def whole(self, content: bytes, *, container: bool = False) -> Outcome:
        """The gateway's judgement of a whole dossier (steps 4 to 8), nothing kept."""
        media_type = ASIC_E if container else "application/xml"
        sha256 = hashlib.sha256(content).digest()
        opened = open_dossier(
            Submission(content=content, sha256=sha256, submitter="", received_at=NOW, media_type=media_type)
        )
        outcome = opened if isinstance(opened, Refusal) else judge(opened, self.known, self.tables)
        failed = [one for one in outcome.verdicts if not one.passed]
        codes = (*(one.reason_code for one in failed), *(one.code for one in outcome.findings))
        subs = (*(one.sub_indication for one in failed), *(None for _ in outcome.findings))
        filing = outcome if isinstance(outcome, Filing) else None
        return Outcome(filing is not None, codes, subs, filing)


class Attack(Struct, frozen=True, kw_only=True):
    """One attack and the refusal that it must meet.

    `kind` is its name in the list of attacks, `source` who described it. `code` is the reason or finding, and where it
    ends in "*" any that begins so; `sub` its sub-indication, None where the bytes are refused before a signature is
    looked at. `level` is what `make` forges: a form, an envelope (a whole dossier) or a container (likewise).
    """

    name: str
    kind: str
    source: str
    level: Literal["form", "envelope", "container"]
    make: Callable[[Bench], bytes]
    code: str
    sub: SubIndication | None
    policy: Policy | None = None

    @property
    def target(self) -> Target:
        return FORM if self.level == "form" else ENVELOPE

    def answers(self, code: str) -> bool:
        return code.startswith(self.code[:-1]) if self.code.endswith("*") else code == self.code


Forge = Callable[[Bench, Target], bytes]


def on_both(
    name: str, kind: str, source: str, forge: Forge, code: str, sub: SubIndication | None, policy: Policy | None = None
) -> list[Attack]:
    """The attack on a form and on an envelope."""
    levels: tuple[Literal["form"], Literal["envelope"]] = ("form", "envelope")
    return [
        Attack(
            name=f"{name}, {target.name}", kind=kind, source=source, level=level,
            make=lambda bench, target=target: forge(bench, target), code=code, sub=sub, policy=policy,
        )
        for level, target in zip(levels, TARGETS, strict=True)
    ]  # fmt: skip
