"""What the gateway answered an employer of the demonstration, in a few words."""

from __future__ import annotations

from gateway.client import Accepted, RefusedDossier


def reasons(outcome: Accepted | RefusedDossier) -> list[tuple[str, str]]:
    """Why a dossier was refused: the signature's indications, then the findings' codes."""
    if isinstance(outcome, Accepted):
        return []
    told = []
    verdict = outcome.problem.get("verdict") or {}
    if verdict.get("indication") not in (None, "TOTAL-PASSED"):
        told.append((verdict["indication"], verdict.get("sub_indication") or ""))
    return told + [("", one["code"]) for one in outcome.problem["findings"]]


def outcome_told(outcome: Accepted | RefusedDossier) -> str:
    """The answer in a word."""
    return "201" if isinstance(outcome, Accepted) else f"refused ({outcome.code})"
