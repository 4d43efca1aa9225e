"""What verdicts rest on, gathered while a dossier is settled, and written in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import proofs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import sqlalchemy as sa

    from signing.indication import Verdict
    from storage import journal


def for_trust(
    verdicts: Sequence[Verdict],
    dossier: journal.Dossier,
    known: AbstractSet[str],
    kept: dict[str, proofs.Proof],
    signed: list[proofs.Signed],
) -> None:
    """Gather what the verdicts rest on (unless it is known to be kept), and whose certificates signed."""
    for verdict in verdicts:
        for one in verdict.proofs:
            if one.sha256 not in known:
                kept[one.sha256] = proofs.Proof(sha256=one.sha256, kind=one.kind, content=one.der)
    signers = {one.signer.certificate_sha256: one.signer for one in verdicts if one.signer}
    signed.extend(
        proofs.Signed(
            dossier=dossier.id,
            certificate=sha256,
            issuer=signer.issuer,
            serial=signer.serial,
            received_at_us=dossier.received_at_us,
        )
        for sha256, signer in signers.items()
    )


def keep_trust(
    tx: sa.Connection, kept: Mapping[str, proofs.Proof], signed: Sequence[proofs.Signed], now_us: int
) -> None:
    """Write what `for_trust` gathered."""
    if kept:
        proofs.keep(tx, kept.values(), now_us)
    proofs.add_signed(tx, signed)
