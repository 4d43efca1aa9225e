"""All doors of the framework, in two lists: where anybody may call, and where the caller must be known."""

from gateway.api import (
    anyone,
    desk_papers,
    dossiers,
    due,
    figures,
    ledger,
    log,
    oauth,
    office,
    papers,
    parts,
    procedures,
    reports,
    results,
    supplements,
    track,
    uploads,
    validation,
    webhooks,
)
from gateway.api.evidence import show_evidence, show_verifier

OPEN = [
    *anyone.HANDLERS,
    *procedures.HANDLERS,
    *oauth.HANDLERS,
    *papers.OPEN_HANDLERS,
    *desk_papers.OPEN_HANDLERS,
    show_verifier,
    *log.HANDLERS,
    *track.OPEN_HANDLERS,
    *figures.OPEN_HANDLERS,
]
KNOWN = [
    *dossiers.HANDLERS,
    *due.HANDLERS,
    *validation.HANDLERS,
    *office.HANDLERS,
    *reports.HANDLERS,
    *supplements.HANDLERS,
    *results.HANDLERS,
    *papers.HANDLERS,
    *desk_papers.HANDLERS,
    *parts.HANDLERS,
    show_evidence,
    *ledger.HANDLERS,
    *uploads.HANDLERS,
    *track.HANDLERS,
    *webhooks.HANDLERS,
    *figures.HANDLERS,
]
