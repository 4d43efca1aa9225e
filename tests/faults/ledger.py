"""What the clients were told, written down as they were told it: the campaign's only truth about promises."""

import hashlib
import threading
import time
from collections import Counter

from msgspec import Struct


class Told(Struct, frozen=True, kw_only=True):
    """One promise: a receipt for these bytes, a notice of their refusal, a hand-over, or a checkpoint of the log.

    `at_ns` is the stopwatch when the whole answer had arrived; `sha256` names the bytes that the client sent, or, for a
    hand-over, fetched.
    """

    at_ns: int
    kind: str
    sha256: str
    status: int
    dossier: str
    number: str
    jws: str


class Ledger:
    """Everything that was sent and everything that was answered. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent: dict[str, bytes] = {}
        self.bad: set[str] = set()
        self.told: list[Told] = []
        self.counts: Counter[str] = Counter()
        self._receipts: dict[str, str] = {}
        self.wrong: list[str] = []

    def send(self, content: bytes, *, bad: bool = False) -> str:
        """These bytes are about to be sent; `bad` ones must never be accepted."""
        sha256 = hashlib.sha256(content).hexdigest()
        with self._lock:
            self.sent[sha256] = content
            if bad:
                self.bad.add(sha256)
            self.counts["operations"] += 1
        return sha256

    def asked(self) -> None:
        """An operation that sends no dossier begins."""
        with self._lock:
            self.counts["operations"] += 1

    def tell(self, kind: str, sha256: str, status: int, dossier: str, number: str, jws: str) -> None:
        """A promise has arrived."""
        told = Told(
            at_ns=time.monotonic_ns(), kind=kind, sha256=sha256, status=status, dossier=dossier, number=number, jws=jws
        )
        with self._lock:
            self.told.append(told)
            self.counts[{"refusal": "refused", "checkpoint": "checkpoints"}.get(kind, "acknowledged")] += 1
            if kind == "dossier":
                self._receipts.setdefault(sha256, jws)

    def retell(self, told: Told) -> None:
        """What another ledger holds was told in this one's history, too."""
        self.told.append(told)
        if told.kind == "dossier":
            self._receipts.setdefault(told.sha256, told.jws)

    def unknown(self) -> None:
        """No answer, or one that promises nothing: come back."""
        with self._lock:
            self.counts["unknown"] += 1

    def object_to(self, what: str) -> None:
        """A client saw something that must never be."""
        with self._lock:
            self.wrong.append(what)

    def is_told(self, sha256: str) -> bool:
        """Whether anybody holds a receipt for these bytes."""
        with self._lock:
            return sha256 in self._receipts

    def held(self) -> list[str]:
        """The bytes for which somebody holds a receipt."""
        with self._lock:
            return list(self._receipts)

    def unanswered(self) -> list[str]:
        """Good bytes that were sent and for which nobody holds a receipt."""
        with self._lock:
            return [sha256 for sha256 in self.sent if sha256 not in self.bad and sha256 not in self._receipts]

    def until(self, at_ns: int) -> list[Told]:
        """What had been told by that moment."""
        with self._lock:
            return [told for told in self.told if told.at_ns <= at_ns]
