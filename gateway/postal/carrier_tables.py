"""Carriers as data: their own item numbers, their words for events, how they tell of them, where they are asked."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from gateway import s10
from gateway.outgoing import listed_hosts
from gateway.postal.emsevt import CODES
from gateway.s10 import S10, Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.callers import Caller

_OURS: Final = Path(__file__).with_name("carriers")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)
WORD_CHARACTERS_MAX: Final = 200
_AT_ONCE_MAX: Final = 500
_EVERY_S_MIN: Final = 60
# Numbers of carriers that are not S10; shorter ones would be met by chance.
_LOCAL: Final = re.compile(r"[A-Z0-9]{6,35}", re.ASCII)


class CarriersUnreadable(Exception):
    """A carrier's file cannot be read, or says what cannot be. The gateway does not start; the message names it."""


class ToldIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the members in which a carrier tells events, the first that is there; and how it writes times."""

    item: tuple[str, ...] = ("ID",)
    events: tuple[str, ...] = ("Events",)
    code: tuple[str, ...] = ("EventCd",)
    word: tuple[str, ...] = ("EventNm",)
    at: tuple[str, ...] = ("EventDT",)
    office: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    times: tuple[str, ...] = ()


class Poll(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a carrier is asked for the items that are under way. `url` holds `{numbers}`, where the numbers are to
    stand with commas between. `header` and the file that holds its value are sent with each request. The lists of hosts
    are as those of webhooks.
    """

    url: str
    every_s: int = 1800
    at_once: int = 20
    header: str = ""
    header_file: str = ""
    hosts_http: str = ""
    hosts_private: str = ""


class Carrier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One carrier's file. `unconfirmed` names what the carrier itself has not confirmed."""

    carrier: str
    name: str = ""
    source: str = ""
    unconfirmed: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    told: ToldIn = field(default_factory=ToldIn)
    words: dict[str, tuple[str, ...]] = {}
    begins: dict[str, tuple[str, ...]] = {}
    poll: Poll | None = None


class ItemNumber(Struct, frozen=True, kw_only=True):
    """A number that an item may have. `scheme` is s10 or local; `carrier` the one whose pattern it meets, '' for S10,
    which does not say. `questioned`: typed with a check digit that does not hold, to be confirmed by looking again.
    """

    number: str
    scheme: str
    carrier: str = ""
    questioned: bool = False


class Carriers:
    """All carriers' files, ready to be asked."""

    def __init__(self, carriers: Mapping[str, Carrier]) -> None:
        self.all = dict(carriers)
        self._words: dict[tuple[str, str], str] = {}
        self._begins: dict[str, list[tuple[str, str]]] = {}
        self._numbers: list[tuple[re.Pattern[str], str]] = []
        for one in self.all.values():
            for code, words in one.words.items():
                self._words |= {(one.carrier, _plain(word)): code for word in words}
            begins = [(_plain(word), code) for code, words in one.begins.items() for word in words]
            # The longest first: it says most.
            self._begins[one.carrier] = sorted(begins, key=lambda begin: (-len(begin[0]), begin))
            self._numbers += [(re.compile(pattern, re.ASCII), one.carrier) for pattern in one.numbers]

    def code_of(self, carrier: str, word: str) -> str:
        """The code that the carrier's word stands for; '' when nobody knows. A code of EMSEVT stands for itself."""
        plain = _plain(word)
        if told := told_code(plain):
            return told
        if found := self._words.get((carrier, plain)):
            return found
        return next((code for begin, code in self._begins.get(carrier, ()) if plain.startswith(begin)), "")

    def number(self, text: str, *, scanned: bool) -> ItemNumber | Why:
        """Read an item's number: S10, or one of a carrier's own. A wrong check digit refuses what was scanned and
        questions what was typed.
        """
        found = s10.parse(text)
        if isinstance(found, S10):
            return ItemNumber(number=found.number, scheme="s10")
        if found.code == "bad-check-digit":
            return found if scanned else ItemNumber(number=found.written, scheme="s10", questioned=True)
        for pattern, carrier in self._numbers:
            if pattern.fullmatch(found.written):
                return ItemNumber(number=found.written, scheme="local", carrier=carrier)
        return found


def told_code(text: str) -> str:
    """A code of EMSEVT, or one of ours, however it is written; '' for anything else."""
    written = text.strip()
    return next((one for one in (written.upper(), written.lower()) if one in CODES), "")


def told_number(text: str) -> str:
    """An item's number as a carrier told it, tidied; '' for what cannot be one. Its check digit is the carrier's
    business: what it told is kept, and meets its item when that is bound.
    """
    written = s10.tidy(text)
    return written if _LOCAL.fullmatch(written) else ""


def tidy_word(word: str) -> str:
    """A carrier's word as it is kept: NFC, one space between, nothing that is no character."""
    shown = "".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", word))
    return " ".join(shown.split())[:WORD_CHARACTERS_MAX]


def carriers_of(caller: Caller) -> frozenset[str]:
    """The carriers that a client of role post speaks for: what it is bound to, as an office's client to its offices."""
    return caller.offices if caller.role == "post" else frozenset()


def carriers(folder: Path | None = None) -> Carriers:
    """The carriers that come with motcua, the operator's files laid over them. Raises `CarriersUnreadable`."""
    found = {one.carrier: one for one in map(_read, sorted(_OURS.glob("*.toml")))}
    if folder is not None:
        if not folder.is_dir():
            raise CarriersUnreadable(f"{folder}: no such folder")
        for path in sorted(folder.glob("*.toml")):
            theirs = _read(path)
            found[theirs.carrier] = _laid_over(theirs, found.get(theirs.carrier))
    return Carriers(found)


def _laid_over(theirs: Carrier, ours: Carrier | None) -> Carrier:
    if ours is None:
        return theirs
    said = {_plain(word) for words in (*theirs.words.values(), *theirs.begins.values()) for word in words}

    def merged(own: dict[str, tuple[str, ...]], laid: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        left = {code: tuple(word for word in words if _plain(word) not in said) for code, words in own.items()}
        return left | {code: (*left.get(code, ()), *words) for code, words in laid.items()}

    return Carrier(
        carrier=theirs.carrier,
        name=theirs.name or ours.name,
        source=theirs.source or ours.source,
        unconfirmed=theirs.unconfirmed,
        numbers=tuple(dict.fromkeys(ours.numbers + theirs.numbers)),
        told=ours.told if theirs.told == ToldIn() else theirs.told,
        words=merged(ours.words, theirs.words),
        begins=merged(ours.begins, theirs.begins),
        poll=theirs.poll or ours.poll,
    )


def _read(path: Path) -> Carrier:
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Carrier)
    except (OSError, msgspec.MsgspecError) as error:
        raise CarriersUnreadable(f"{path.name}: {error}") from error
    if not _NAME.fullmatch(found.carrier) or path.stem != found.carrier:
        raise CarriersUnreadable(
            f"{path.name}: carrier {found.carrier!r}: small letters, digits, -, as the file is called"
        )
    if wrong := sorted((set(found.words) | set(found.begins)) - CODES):
        raise CarriersUnreadable(f"{path.name}: no such code: {', '.join(wrong)}")
    _check_once(path.name, found)
    try:
        for pattern in found.numbers:
            re.compile(pattern, re.ASCII)
        if found.poll is not None:
            _check_poll(found.poll)
    except (re.error, ValueError) as error:
        raise CarriersUnreadable(f"{path.name}: {error}") from error
    return found


def _check_once(name: str, found: Carrier) -> None:
    for kind in (found.words, found.begins):
        seen: dict[str, str] = {}
        for code, words in kind.items():
            for word in words:
                if seen.setdefault(_plain(word), code) != code:
                    raise CarriersUnreadable(f"{name}: {word!r} stands for {seen[_plain(word)]} and for {code}")


def _check_poll(poll: Poll) -> None:
    if "{numbers}" not in poll.url:
        raise ValueError("poll.url has no place for {numbers}")
    if poll.every_s < _EVERY_S_MIN or not 1 <= poll.at_once <= _AT_ONCE_MAX:
        raise ValueError(f"poll.every_s must be at least {_EVERY_S_MIN}, poll.at_once 1 to {_AT_ONCE_MAX}")
    if bool(poll.header) != bool(poll.header_file):
        raise ValueError("poll.header and poll.header_file go together")
    listed_hosts(poll.hosts_http)
    listed_hosts(poll.hosts_private)


def _plain(word: str) -> str:
    return tidy_word(word).casefold()
