"""The independent checker: compares what clients were told with what is there, by its own SQL and its own reading.

It imports nothing of the gateway and nothing of its rooms. It knows the tables, the frame of a pack, AES-256-GCM,
compact JWS and the log from their descriptions, and has them written down a second time (here, in checker_reading.py
and checker_log.py), so that a fault in the gateway's own reading cannot hide a fault in its writing.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature

from tests.faults import checker_log
from tests.faults.checker_reading import Kept, Unreadable, content_of, payload_of
from tests.faults.ledger import Ledger, Told

RECEIPT, NOTICE, HANDOVER = "motcua-receipt+jws", "motcua-notice+jws", "motcua-handover+jws"
# What "nothing was lost" is made of, in the order of the table.
KINDS = ("lost", "duplicated", "altered", "differing")


class Verdict:
    """What is wrong, by kind; nothing, when all is well."""

    def __init__(self) -> None:
        self.wrong: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.looked_at = 0

    def __bool__(self) -> bool:
        return not any(self.wrong.values())

    def find(self, kind: str, what: str) -> None:
        self.wrong[kind].append(what)

    def counts(self) -> list[int]:
        return [len(self.wrong[kind]) for kind in KINDS]

    def named(self, most: int = 12) -> list[str]:
        """The first findings of each kind, one a line."""
        return [f"{kind}: {what}" for kind, found in self.wrong.items() for what in found[:most]]

    def add(self, other: "Verdict", where: str = "") -> None:
        for kind, found in other.wrong.items():
            self.wrong[kind] += [f"{where}{what}" for what in found]
        self.looked_at += other.looked_at


_DOSSIERS = (
    "SELECT id, seq, sha256, state, statement_number, statement, pack, pack_offset, pack_length, wrapped_key,"
    " judgement_number, judgement FROM dossier"
)


# What the gateway itself thinks cannot be: its log rolled back or stopped, its stocks not adding up.
_ALARMS = (
    "SELECT rule, subject FROM alarm WHERE closed_at_us IS NULL"
    " AND rule IN ('log-rolled-back', 'log-stopped', 'ledger-gap')"
)


class Checker:
    """One look at everything, after the dust has settled."""

    def __init__(self, kept: Kept, ledger: Ledger) -> None:
        self.kept, self.ledger, self.verdict = kept, ledger, Verdict()
        self.dossiers = {row[0]: row for row in kept.rows(_DOSSIERS)}
        self.leaves = {seq: bytes(leaf) for seq, leaf in kept.rows("SELECT seq, leaf FROM log_entry")}
        self.events = kept.rows("SELECT seq, dossier, type FROM event")
        self.works = Counter(row[0] for row in kept.rows("SELECT dossier FROM work"))
        self.done = {row[0] for row in kept.rows("SELECT dossier FROM work WHERE state = 'done'")}
        self.said = kept.rows("SELECT seq, type, subject, jws FROM statement")
        self.head = kept.rows("SELECT value FROM ordinal WHERE name = 'commit'")[0][0]
        self.facts: dict[str, Counter[str]] = defaultdict(Counter)
        for _, dossier, fact in self.events:
            self.facts[dossier][fact] += 1

    def check(self, told: Iterable[Told], *, settled: bool) -> Verdict:
        """Compare. What was told must be there; and whatever is there must be sound, told or not."""
        told = list(told)
        notes = [one.jws for one in told if one.kind == "checkpoint"]
        told = [one for one in told if one.kind != "checkpoint"]
        origins = self.kept.rows(checker_log.ORIGINS)
        for kind, what in checker_log.judge(origins, self.leaves, notes, self.kept.log, settled=settled):
            self.verdict.find(kind, what)
        if len(origins) > 1:
            self.verdict.find(
                "altered", f"{len(origins) - 1} more origins of the log were opened, and nothing was restored"
            )
        for rule, subject in self.kept.rows(_ALARMS):
            self.verdict.find("lost", f"the gateway itself says so: alarm {rule} about {subject}")
        self._numbering()
        for row in self.dossiers.values():
            self._row(row)
        self._copies()
        for one in told:
            {"dossier": self._receipt, "refusal": self._notice, "handover": self._handover}[one.kind](one)
        self._tellings(told)
        self.verdict.looked_at = len(told) + len(notes) + len(self.dossiers)
        return self.verdict

    def all_settled(self) -> None:
        """Everything good that was ever sent is there by now, exactly once, and nothing that was bad is."""
        held = Counter(bytes(row[2]).hex() for row in self.dossiers.values() if row[6] is not None)
        for sha256 in self.ledger.sent:
            if sha256 in self.ledger.bad:
                if held[sha256]:
                    self.verdict.find("altered", f"{sha256[:12]} was accepted and must never be")
            elif held[sha256] == 0:
                self.verdict.find("lost", f"{sha256[:12]} was submitted until it was answered, and is not there")

    def _numbering(self) -> None:
        """Facts are numbered 1 to the head, each once, without a gap."""
        numbers = Counter(seq for seq, _, _ in self.events)
        numbers.update(seq for seq, _, subject, _ in self.said if subject == "")
        for number, times in numbers.items():
            if times > 1:
                self.verdict.find("duplicated", f"fact {number} stands {times} times")
        missing = set(range(1, self.head + 1)) - set(numbers)
        for number in sorted(missing):
            self.verdict.find("lost", f"fact {number} of {self.head} is missing")
        for number in sorted(set(numbers) - set(range(1, self.head + 1))):
            self.verdict.find("altered", f"fact {number} stands beyond the head {self.head}")

    def _row(self, row: tuple[Any, ...]) -> None:
        """A dossier as the journal has it: its statement holds, its leaf is there, its bytes are readable."""
        dossier, seq, sha256, state, number, statement, pack, offset, length, wrapped, second, judgement = row
        accepted = pack is not None
        try:
            said = payload_of(self.kept, statement, RECEIPT if accepted else NOTICE)
            if (said["sha256"], said["dossier"], said["receipt" if accepted else "notice"]) != (
                bytes(sha256).hex(),
                dossier,
                number,
            ):
                self.verdict.find("altered", f"{dossier}: its statement says something else")
        except (InvalidSignature, ValueError, KeyError):
            self.verdict.find("altered", f"{dossier}: its statement's seal does not hold")
        self._leaf(seq, statement, dossier)
        if judgement is not None:
            at = [s for s, d, fact in self.events if d == dossier and fact in ("accepted", "refused")]
            for one in at:
                self._leaf(one, judgement, f"{dossier} (judgement {second})")
        if bytes(sha256).hex() not in self.ledger.sent:
            self.verdict.find("altered", f"{dossier}: nobody ever sent these bytes")
        if not accepted:
            return
        try:
            if content_of(self.kept, bytes(sha256), (pack, offset, length), bytes(wrapped)) != self.ledger.sent.get(
                bytes(sha256).hex()
            ):
                self.verdict.find("altered", f"{dossier}: other bytes than were sent")
        except Unreadable as error:
            self.verdict.find("lost", f"{dossier}: its bytes are unreadable: {error}")
        expected = "received-pending" if "received-pending" in self.facts[dossier] else "accepted"
        if self.facts[dossier][expected] == 0:
            self.verdict.find("lost", f"{dossier}: the fact '{expected}' is missing")
        if state not in ("pending", "refused") and self.works[dossier] == 0:
            self.verdict.find("lost", f"{dossier}: no work for its office")

    def _leaf(self, seq: int, statement: str, whose: str) -> None:
        leaf = self.leaves.get(seq)
        if leaf is None:
            self.verdict.find("lost", f"{whose}: leaf {seq} is missing from the log")
        elif leaf != hashlib.sha256(statement.encode()).digest():
            self.verdict.find("altered", f"{whose}: leaf {seq} is another's")

    def _copies(self) -> None:
        """One dossier, one receipt, one work, one fact of acceptance for the same bytes; one dossier for a number."""
        contents = Counter(bytes(row[2]) for row in self.dossiers.values() if row[6] is not None)
        for sha256, times in contents.items():
            if times > 1:
                self.verdict.find("duplicated", f"{sha256.hex()[:12]}: {times} dossiers of the same bytes")
        for number, times in Counter(row[4] for row in self.dossiers.values()).items():
            if times > 1:
                self.verdict.find("duplicated", f"number {number} was given {times} times")
        for dossier, times in self.works.items():
            if times > 1:
                self.verdict.find("duplicated", f"{dossier}: {times} works")
        for dossier, facts in self.facts.items():
            for fact in ("accepted", "received-pending", "acknowledged"):
                if facts[fact] > 1:
                    self.verdict.find("duplicated", f"{dossier}: '{fact}' stands {facts[fact]} times")

    def _receipt(self, told: Told) -> None:
        row = self.dossiers.get(told.dossier)
        if row is None or row[6] is None:
            self.verdict.find("lost", f"{told.dossier}: told {told.status} and {told.number}, and it is not there")
        elif (row[4], row[5]) != (told.number, told.jws):
            self.verdict.find("altered", f"{told.dossier}: told {told.number}, and another receipt is there")
        elif bytes(row[2]).hex() != told.sha256:
            self.verdict.find("altered", f"{told.dossier}: told for other bytes")
        self._seal(told, RECEIPT)

    def _notice(self, told: Told) -> None:
        row = self.dossiers.get(told.dossier)
        if row is None:
            self.verdict.find("lost", f"{told.dossier}: told the refusal {told.number}, and it is not there")
        elif (row[4], row[5]) != (told.number, told.jws):
            self.verdict.find("altered", f"{told.dossier}: told {told.number}, and another notice is there")
        self._seal(told, NOTICE)

    def _handover(self, told: Told) -> None:
        if told.dossier not in self.done or self.facts[told.dossier]["acknowledged"] == 0:
            self.verdict.find("lost", f"{told.dossier}: the acknowledged hand-over is not there")
        if not told.jws:
            return
        said = [(seq, jws) for seq, typ, subject, jws in self.said if subject == told.dossier and typ == HANDOVER]
        if told.jws not in [jws for _, jws in said]:
            self.verdict.find("lost" if not said else "altered", f"{told.dossier}: the hand-over told is not there")
        for seq, jws in said:
            self._leaf(seq, jws, f"{told.dossier} (hand-over)")
        self._seal(told, HANDOVER)

    def _seal(self, told: Told, typ: str) -> None:
        """What a client holds must hold by itself."""
        try:
            if payload_of(self.kept, told.jws, typ)["sha256"] != told.sha256:
                self.verdict.find("altered", f"{told.number}: told about other bytes than were sent")
        except (InvalidSignature, ValueError, KeyError):
            self.verdict.find("altered", f"{told.number}: the seal of what was told does not hold")

    def _tellings(self, told: list[Told]) -> None:
        """The same bytes are always told the same receipt; a number is always the same statement's."""
        receipts: dict[str, set[str]] = defaultdict(set)
        numbers: dict[str, set[str]] = defaultdict(set)
        for one in told:
            if one.kind == "dossier":
                receipts[one.sha256].add(one.jws)
            if one.number:
                numbers[one.number].add(one.jws)
        for sha256, held in receipts.items():
            if len(held) > 1:
                self.verdict.find("differing", f"{sha256[:12]}: {len(held)} different receipts were told")
        for number, held in numbers.items():
            if len(held) > 1:
                self.verdict.find("duplicated", f"number {number}: told for {len(held)} different statements")


def check(kept: Kept, ledger: Ledger, told: Iterable[Told] | None = None, *, settled: bool = True) -> Verdict:
    """Compare what was told (all, unless `told` says what had been by then) with what is kept; `settled` says that
    everything unanswered was submitted again until it was answered.
    """
    checker = Checker(kept, ledger)
    verdict = checker.check(ledger.told if told is None else told, settled=settled)
    if settled:
        checker.all_settled()
    for what in ledger.wrong if told is None else ():
        verdict.find("altered", what)
    return verdict
