"""Mails that tell of facts: plain text, Vietnamese first, with no personal data in them."""

from __future__ import annotations

import textwrap
import unicodedata
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import mail_words as words
from gateway.clock import VIETNAM, for_people
from gateway.paper_words import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.judge import Tables
    from gateway.webhook_facts import Fact
    from schemas.receipt_paper import Words

# RFC 5322 §2.1.1 asks for at most 78 characters a line.
_WIDTH: Final = 76
FACTS_A_MAIL_MAX: Final = 200


class Sender(Struct, frozen=True, kw_only=True):
    """Who mails are from, where the gateway is met, and the tables that codes are looked up in."""

    mail_from: str
    url: str
    tables: Tables


def of_facts(sender: Sender, to: str, message_id: str, facts: Sequence[Fact], now: datetime) -> Message:
    """The mail about one fact, or the digest of several. Its Message-ID is the message's own at every try."""
    if len(facts) == 1:
        return _mail(sender, to, message_id, _subject(facts[0]), list(_about(sender, facts[0])), now)
    head = _filled(words.DIGEST_HEAD, count=len(facts))
    paragraphs = [head.vi, head.en]
    paragraphs += ["\n".join(_lines(sender, fact, told=True)) for fact in facts]
    return _mail(sender, to, message_id, _joined(_filled(words.DIGEST_SUBJECT, count=len(facts))), paragraphs, now)


def of_trial(sender: Sender, to: str, message_id: str, now: datetime) -> Message:
    """The mail of trial that a subscriber asked for."""
    return _mail(sender, to, message_id, _joined(words.TRIAL_SUBJECT), [words.TRIAL.vi, words.TRIAL.en], now)


def of_confirmation(sender: Sender, to: str, message_id: str, code: str, hours: int, now: datetime) -> Message:
    """The mail that asks an address whether it wants any: the first, and without the right code the last."""
    told = _filled(words.CONFIRM, code=code, hours=hours)
    return _mail(sender, to, message_id, _joined(_filled(words.CONFIRM_SUBJECT, code=code)), [told.vi, told.en], now)


def _mail(sender: Sender, to: str, message_id: str, subject: str, paragraphs: Sequence[str], now: datetime) -> Message:
    # The older of the library's two ways: in Python 3.11 the newer drops blanks where it folds a long subject.
    mail = Message()
    mail["From"] = sender.mail_from
    mail["To"] = to
    mail["Subject"] = Header(unicodedata.normalize("NFC", subject), "utf-8", header_name="Subject")  # type: ignore[assignment]
    mail["Date"] = format_datetime(now.astimezone(VIETNAM))
    mail["Message-ID"] = f"<{message_id}@{sender.mail_from.rpartition('@')[2].rstrip('> ')}>"
    # RFC 3834 §5: no out-of-office reply is wanted.
    mail["Auto-Submitted"] = "auto-generated"
    foot = _filled(words.FOOT, url=sender.url)
    text = "\n\n".join([*map(_wrapped, paragraphs), "-- \n" + _wrapped(foot.vi) + "\n" + _wrapped(foot.en)])
    charset = Charset("utf-8")
    charset.body_encoding = QP
    mail.set_payload(unicodedata.normalize("NFC", text) + "\n", charset)
    return mail


def _subject(fact: Fact) -> str:
    told = words.FACTS[fact.type][0]
    vi, en = words.SUBJECT.vi.format(number=fact.receipt_number, told=told.vi), words.SUBJECT.en.format(told=told.en)
    return f"{vi} · {en}"


def _about(sender: Sender, fact: Fact) -> Iterator[str]:
    todo = words.FACTS[fact.type][1]
    yield todo.vi
    yield "\n".join(_lines(sender, fact, told=False))
    yield todo.en


def _lines(sender: Sender, fact: Fact, *, told: bool) -> Iterator[str]:
    """The fact in lines, each with its label; `told` begins with what happened."""
    at = datetime.fromisoformat(fact.at)
    on = at.astimezone(VIETNAM).date()
    if told:
        happened = words.FACTS[fact.type][0]
        yield f"* {fact.receipt_number}: {happened.vi} · {happened.en}"
    else:
        yield _line(words.RECEIPT_NUMBER, fact.receipt_number)
    yield _line(words.AT, for_people(at))
    procedure = sender.tables.catalogue.procedure(fact.procedure, on)
    yield _line(words.PROCEDURE, f"{fact.procedure} – {procedure.title_vi}" if procedure else fact.procedure)
    if fact.unit:
        yield _line(words.UNIT, fact.unit)
    if fact.office:
        office = sender.tables.offices.get(fact.office, on)
        yield _line(words.OFFICE, f"{fact.office} – {office.name}" if office else fact.office)
    if state := STATES.get(fact.state):
        yield _line(words.STATE, f"{state.vi} · {state.en}")
    if fact.due_at is not None:
        yield _line(words.DUE, for_people(datetime.fromisoformat(fact.due_at)))


def _line(label: Words, said: str) -> str:
    return f"{label.vi} · {label.en}: {said}"


def _wrapped(paragraph: str) -> str:
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in paragraph.splitlines()
    )


def _filled(said: Words, **values: object) -> Words:
    return type(said)(said.vi.format(**values), said.en.format(**values))


def _joined(said: Words) -> str:
    return f"{said.vi} · {said.en}"
