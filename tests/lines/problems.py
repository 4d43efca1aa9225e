"""What every answer to something bad must be, and what must not be left behind."""

import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from tests.lines.gateways import Gateway, Home, Raw

RETRIES = {"never", "same-request", "after"}


def accepted_count(home: Home) -> int:
    count: int = home.rows("SELECT count(*) FROM dossier WHERE state <> 'refused'")[0][0]
    return count


def spooled(gateway: Gateway) -> list[str]:
    """Spool files, with a name or without one but still open."""
    folder = gateway.home.folder / "spool"
    deadline = time.monotonic() + 5
    while True:
        opened = []
        for entry in Path(f"/proc/{gateway.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed while we looked
                opened.append(str(entry.readlink()))
        found = [name for name in opened if name.startswith(str(folder))]
        found += [str(path) for path in folder.iterdir()] if folder.exists() else []
        # A connection that was just reset is noticed a moment later.
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def problem(answer: httpx.Response | Raw, status: int, code: str, language: str = "vi") -> dict[str, object]:
    """Check that the answer is a whole problem, and return its members."""
    told: dict[str, object] = answer.json()
    found = answer.status if isinstance(answer, Raw) else answer.status_code
    assert (found, told["status"], told["code"]) == (status, status, code), told
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    assert told["correlation_id"]
    assert told["correlation_id"] == answer.headers["x-correlation-id"]
    assert told["retry"] in RETRIES
    assert told["type"] == f"/problems/{code}"
    text = f"{told['title']} {told['detail']}"
    assert unicodedata.is_normalized("NFC", text)
    assert str(told["title"]).isascii() == (language == "en"), "Vietnamese has its diacritics, English has none"
    return told


def in_both_languages(ask: Callable[[str], httpx.Response], status: int, code: str) -> dict[str, object]:
    """Ask twice; the problems differ only in their words. Returns the English one."""
    vietnamese = problem(ask("vi,en;q=0.5"), status, code, "vi")
    english = problem(ask("en"), status, code, "en")
    assert vietnamese["title"] != english["title"]
    assert vietnamese["retry"] == english["retry"]
    return english
