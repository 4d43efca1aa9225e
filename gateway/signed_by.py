"""Step 5: who signed a dossier as a whole, in the envelope or in the container round it, and who for the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.renewal import plain
from signing import asic
from signing.cosignature import verify_all
from signing.explain_search import Search
from signing.policy import LEVELS
from signing.verify import verify
from signing.xmldsig import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml import etree

    from gateway.belonging import Known
    from gateway.judge import Opened, Tables
    from signing.indication import Verdict

ENVELOPE = "Hoso"
ENVELOPE_SIGNATURE_PATH = "/Hoso/CKy_Dvi"


class Looking(Struct, frozen=True):
    """The budget for finding out why signatures do not hold, shared by a dossier's documents; None: nobody looks."""

    search: Search | None = None


def sealed(opened: Opened, tables: Tables, looking: Looking) -> list[Verdict]:
    """Who signed the dossier as a whole: in the envelope, or in the container round it. Paper is signed by hand, which
    nobody judges here.
    """
    if opened.submission.is_paper:
        take_out_signatures(opened.root)
        return []
    received_at, level = opened.submission.received_at, tables.policy.level_for(opened.header.procedure)
    if opened.container is None:
        cosigned = _is_signed_at(opened.root, tables.cosignature_path)
        if not cosigned:
            content = opened.submission.content
            return [
                verdict_on(
                    opened.root,
                    ENVELOPE_SIGNATURE_PATH,
                    ENVELOPE,
                    tables,
                    received_at,
                    level,
                    looking=looking,
                    source=content,
                )
            ]
        # The unit's verdict first: it is the dossier's signer.
        outer_and_inner = verify_all(
            opened.root,
            (tables.cosignature_path, ENVELOPE_SIGNATURE_PATH),
            file=ENVELOPE,
            policy=tables.policy,
            trust=tables.trust,
            now=received_at,
            revocation=tables.revocation,
            tsa=tables.tsa,
            level=level,
            size_bytes=len(opened.submission.content),
            explain=looking.search is not None,
            source=opened.submission.content,
            search=looking.search,
        )
        return list(reversed(outer_and_inner))
    judged = asic.judge_container(
        opened.container,
        policy=tables.policy,
        trust=tables.trust,
        now=received_at,
        revocation=tables.revocation,
        tsa=tables.tsa,
        level=level,
    )
    verdicts = [one.verdict for one in judged]
    if next(opened.root.iter(SIGNATURE), None) is not None:
        verdicts.append(
            verdict_on(opened.root, ENVELOPE_SIGNATURE_PATH, ENVELOPE, tables, received_at, looking=looking)
        )
    return verdicts


def for_the_unit(verdicts: Sequence[Verdict], known: Known, tables: Tables) -> list[Verdict]:
    """The signatures that speak for the unit: all but an I-VAN's, which stands in its own place, or, in a container,
    beside one of the unit's.
    """
    own = [one for one in verdicts if one.path != tables.cosignature_path or not one.path]
    outside = [one for one in own if one.file.startswith(asic.METADATA)]
    if len(outside) < 2 or known.unit is None:  # noqa: PLR2004 - beside one there is none
        return own
    wanted = plain(known.unit.tax_code)
    theirs = [one for one in outside if one.signer and wanted in map(plain, one.signer.tax_codes)]
    return [one for one in own if one not in outside or one in theirs] if theirs else own


def _is_signed_at(root: etree._Element, path: str) -> bool:
    """Whether something stands where an I-VAN's co-signature may."""
    place = root.find(path.partition("/")[2].partition("/")[2]) if path else None
    return place is not None and len(place) > 0


def verdict_on(
    root: etree._Element,
    path: str,
    file: str,
    tables: Tables,
    now: datetime,
    level: str = LEVELS[0],
    *,
    looking: Looking,
    source: bytes | None = None,
) -> Verdict:
    """Judge one signature by the tables in force."""
    return verify(
        root,
        path,
        file=file,
        policy=tables.policy,
        trust=tables.trust,
        now=now,
        revocation=tables.revocation,
        tsa=tables.tsa,
        level=level,
        explain=looking.search is not None,
        source=source,
        search=looking.search,
    )


def take_out_signatures(root: etree._Element) -> None:
    """Leave nothing of a signature in the tree but the place where it stood."""
    for signature in list(root.iter(SIGNATURE)):
        parent = signature.getparent()
        if parent is not None:
            parent.remove(signature)
