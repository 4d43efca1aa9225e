"""What the town's software heard, line by line on disk, and what it amounts to: the count that figures must equal."""

import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.clock import VIETNAM

DECIDED = frozenset({"finished", "returned", "stopped", "declined"})
ENDED = DECIDED | {"withdrawn"}


class Entry(Struct):
    """One dossier as those who were told of it know it."""

    number: int
    dossier: str
    receipt_number: str
    first_office: str
    procedure: str
    received_at: str
    due_at: str
    slot: int
    office: str
    state: str = "accepted"
    turn: int = 0
    # Who took it, for each office that had it.
    acknowledged: list[tuple[str, str]] = []
    taken_at: str = ""
    # The slot in which its office took it, or remembered that it has it.
    known_since: int = 0
    is_forgotten: bool = False
    supplements: int = 0
    is_appointed: bool = False
    ended_at: str = ""
    returned_at: str = ""
    returned_by: str = ""
    # The steps that were taken at the office that has it, and in which slot.
    steps: dict[str, int] = {}


class Ledger:
    """An append-only file of what was heard; opened again, it knows all of it."""

    def __init__(self, path: Path) -> None:
        self.entries: dict[str, Entry] = {}
        self.numbers: dict[int, str] = {}
        self.followers: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.twice: list[str] = []
        self.alarms: dict[str, set[str]] = defaultdict(set)
        self.slot = -1
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            try:
                self._apply(json.loads(line))
            except ValueError:
                # Whoever wrote it was killed in the middle of the line: it is as if it had not been heard.
                continue
        self.resumed = bool(lines)
        self._file = path.open("a")
        if lines:
            self._file.write("\n")

    def hear(self, what: str, **told: Any) -> None:
        """Note what was heard, and what follows from it."""
        line = {"what": what, **told}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._apply(line)

    def note(self, name: str, count: int = 1) -> None:
        """Count something that happened."""
        if count:
            self.hear("note", name=name, count=count)

    def close(self) -> None:
        self._file.close()

    def _apply(self, told: dict[str, Any]) -> None:
        what = told["what"]
        self.counts[what] += 1
        if what == "filed":
            names = Entry.__struct_fields__
            entry = Entry(**{name: told[name] for name in names if name in told}, acknowledged=[], steps={})
            self.entries[entry.dossier] = entry
            self.numbers[entry.number] = entry.dossier
        elif what == "slot":
            self.slot = told["slot"]
        elif what == "note":
            self.counts[told["name"]] += told["count"]
        elif what == "alarm":
            self.alarms[told["rule"]].add(told["owner"])
        elif what in _OF_ENTRY:
            _OF_ENTRY[what](self, self.entries[told["dossier"]], told)

    def _taken(self, entry: Entry, told: dict[str, Any]) -> None:
        """An acknowledgement that was answered with yes, or found to have been."""
        if entry.taken_at:
            self.twice.append(f"{entry.dossier}: {entry.acknowledged} {told['office']}/{told['holder']}")
        entry.acknowledged.append((told["office"], told["holder"]))
        entry.taken_at, entry.state, entry.is_forgotten = told["at"], "acknowledged", told["forgotten"]
        entry.known_since = told["slot"]

    def _remembered(self, entry: Entry, told: dict[str, Any]) -> None:
        entry.is_forgotten, entry.known_since = False, told["slot"]

    def _forgot(self, entry: Entry, _: dict[str, Any]) -> None:
        entry.is_forgotten = True

    def _said(self, entry: Entry, told: dict[str, Any]) -> None:
        """A step that the gateway wrote."""
        step, at = told["step"], told["at"]
        entry.steps[step] = told["slot"]
        entry.state = told["state"]
        self.counts[step] += 1
        if step in ("ask-1", "ask-2"):
            entry.supplements += 1
        if step == "apologise":
            entry.is_appointed = True
        if told.get("due_at") and not entry.is_appointed:
            entry.due_at = told["due_at"]
        if step in ("finish", "decline", "stop", "withdraw"):
            entry.ended_at = at
        if step == "return":
            entry.returned_at, entry.returned_by = at, told["by"]
        if step == "transfer":
            entry.office, entry.turn, entry.taken_at = told["to"], entry.turn + 1, ""
            entry.is_forgotten, entry.steps = False, {}
        if step in ("supplement-1", "supplement-2", "withdraw"):
            self.followers.add(told["sent"])

    def _was_late(self, entry: Entry, told: dict[str, Any]) -> None:
        """A step that the gateway refused, since the dossier had ended or gone."""
        entry.steps[told["step"]] = told["slot"]

    # --- the independent count ---

    def figures(self, month: str | None = None) -> dict[str, Counter[str]]:
        """The figures by office, of a month (yyyy-MM) or of all, by the rules that they are published with."""
        found: dict[str, Counter[str]] = defaultdict(Counter)

        def count(at: str, office: str, *names: str) -> None:
            if at and (month is None or datetime.fromisoformat(at).astimezone(VIETNAM).strftime("%Y-%m") == month):
                found[office].update(names)

        for one in self.entries.values():
            has_moved = one.office != one.first_office
            count(one.received_at, one.first_office, "received", "received_online", *(["moved_out"] * has_moved))
            count(one.received_at, one.office, *(["moved_in"] * has_moved))
            count(one.taken_at, one.office, "taken")
            count(one.ended_at, one.office, *_ended(one))
            count(one.returned_at, one.office, "returned")
            count(one.returned_at, one.office, *_ways(one))
            if one.state not in ENDED:
                count(one.received_at, one.office, "open")
        return found


def _ways(one: Entry) -> list[str]:
    return [f"returned_{way}" for way in ("electronic", "post") if one.returned_by in (way, "both")]


def _ended(one: Entry) -> list[str]:
    is_finished = one.state in ("finished", "returned")
    names = ["finished", "finished_online", "credited_online"] if is_finished else [one.state]
    if one.state in DECIDED:
        is_again = one.supplements > 1
        is_late = is_again or datetime.fromisoformat(one.ended_at) > datetime.fromisoformat(one.due_at)
        names.append("late" if is_late else "on_time")
        names += ["late_by_second_supplement"] * is_again
        names.append(("supplement_never", "supplement_once")[one.supplements] if not is_again else "supplement_again")
    return names


_OF_ENTRY = {
    "taken": Ledger._taken,
    "remembered": Ledger._remembered,
    "forgot": Ledger._forgot,
    "said": Ledger._said,
    "too-late": Ledger._was_late,
}
COMPARED = (
    "received", "received_online", "moved_in", "moved_out", "taken", "finished", "declined", "stopped", "withdrawn",
    "returned", "returned_electronic", "returned_post", "on_time", "late", "late_by_second_supplement",
    "supplement_never", "supplement_once", "supplement_again", "finished_online", "credited_online", "open",
)  # fmt: skip
