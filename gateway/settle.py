"""Steps 9 to 11: a round of judged dossiers is kept, sealed and committed together.

Keep: the accepted bytes are locked, each under its own key, and put into one pack that survives a power cut. Then, in
one transaction that holds its turn: bytes accepted before are recognised, batches and numbers given, statements sealed,
everything written, committed. Only then may anyone be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway import ids, once_only, receipt, states
from gateway.belonging import not_your_unit
from gateway.clock import VIETNAM, from_us, to_us
from gateway.judge import Filing, Refusal, refused_instead
from gateway.offering import offered, renewed
from gateway.postal import filed as paper
from gateway.postal import halves as halves_of
from gateway.report import keep_report, report_of
from gateway.supplements import joined
from gateway.trust_kept import for_trust, keep_trust
from storage import halves, journal, pending, pieces, proofs, work
from storage.vault import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    import sqlalchemy as sa

    from gateway.judge import Submission, Tables
    from signing.keyring import Keyring
    from storage.cipher import Cipher
    from storage.database import Database
    from storage.vault import Place, Vault


PROOFS_REMEMBERED_MAX = 100_000


class Settled(Struct, frozen=True):
    """A dossier as the journal has it now. `fresh` is false when these bytes had been accepted before."""

    dossier: journal.Dossier
    fresh: bool


class Kept(Struct, frozen=True):
    """Bytes that are durable already, though nothing points at them yet. Of a large content the place is its first
    piece's.
    """

    wrapped_key: bytes
    place: Place
    pieces: pieces.Kept | None = None


class _Ledger(Struct, frozen=True):
    """The rows of one round, gathered before they are written."""

    dossiers: list[journal.Dossier] = []
    parts: list[journal.Part] = []
    pieces: list[pieces.Piece] = []
    events: list[journal.Event] = []
    leaves: list[journal.LogEntry] = []
    works: list[work.Work] = []
    waiting: list[pending.Pending] = []
    awaited: list[halves.Half] = []
    papers: list[tuple[journal.Dossier, Filing]] = []
    kept: dict[str, proofs.Proof] = {}
    signed: list[proofs.Signed] = []


class Stores(Struct, frozen=True, kw_only=True):
    """Where things are kept, and the keys that seal what we say."""

    database: Database
    vault: Vault
    cipher: Cipher
    seal: Keyring
    gateway_unit: str
    # The origin of the log that our statements are promised to; empty: none is kept.
    log_origin: str = ""
    # Proofs (their digests) that this process knows to be committed, so that they need not be written again. Only a
    # hint: writing one twice changes nothing.
    proofs_kept: set[str] = set()

    def remember_kept(self, kept: Iterable[str]) -> None:
        """Say that these proofs are committed."""
        if len(self.proofs_kept) > PROOFS_REMEMBERED_MAX:
            self.proofs_kept.clear()
        self.proofs_kept.update(kept)

    @property
    def inline(self) -> bool:
        """Whether a round is short enough for the event loop: true on the embedded default."""
        return self.database.inline and self.vault.inline and self.seal.inline


def settle(round_: Sequence[Filing | Refusal], stores: Stores, tables: Tables) -> list[Settled]:
    """Settle a round; the answers stand in the order of the round.

    Raises `VaultAway`, `DatabaseAway`, `SealAway`: then nothing was promised to anyone, and trying again
    is safe. Anything else means that one dossier of the round is poisonous.
    """
    kept = _keep(round_, stores)
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        entered = _Round(tx, turn, stores, tables, kept)
        settled = entered.enter(round_)
        journal.end_turn(tx, turn)
    stores.remember_kept(entered.ledger.kept)
    return settled


def _keep(round_: Sequence[Filing | Refusal], stores: Stores) -> dict[bytes, Kept]:
    """(9) One pack for the round; the same bytes once. What is large was kept before."""
    filings = [one for one in round_ if isinstance(one, Filing)]
    kept = {one.submission.sha256: Kept(one.kept.wrapped_key, one.kept.place, one.kept) for one in filings if one.kept}
    contents = {one.submission.sha256: one.submission.content for one in filings if one.kept is None}
    locked = {sha256: stores.cipher.lock(content, sha256) for sha256, content in contents.items()}
    if not locked:
        return kept
    places = stores.vault.put_many([Entry(sha256, one.body) for sha256, one in locked.items()])
    for (sha256, one), place in zip(locked.items(), places, strict=True):
        kept[sha256] = Kept(one.wrapped_key, place)
    return kept


class _Round:
    """(10, 11) The part of a round that happens inside its one transaction."""

    def __init__(
        self, tx: sa.Connection, turn: journal.Turn, stores: Stores, tables: Tables, kept: dict[bytes, Kept]
    ) -> None:
        self.tx, self.turn, self.stores, self.tables, self.kept = tx, turn, stores, tables, kept
        self.ledger = _Ledger()
        self.batches: dict[tuple[str, str, str], int] = {}
        self.days: list[date] = []
        self.numbers: dict[date, list[int]] = {}

    def enter(self, round_: Sequence[Filing | Refusal]) -> list[Settled]:
        """Everything of the round, in its order, and the rows in one go."""
        known = journal.accepted(self.tx, [one.submission.sha256 for one in round_])
        round_ = self._without_strangers(round_, known)
        fresh = self._fresh(round_, known)
        self.days = [one.submission.received_at.astimezone(VIETNAM).date() for one in fresh]
        settled: list[Settled] = []
        for one in round_:
            sha256 = one.submission.sha256
            earlier = known.get(sha256)
            if isinstance(one, Refusal) and not (earlier and self._is_party(one, earlier)):
                settled.append(Settled(self._refuse(one, self._number(one.submission.received_at)), fresh=True))
            elif earlier:
                # Received meanwhile, from a twin, whatever was judged of this one: these bytes have their receipt.
                settled.append(Settled(earlier, fresh=False))
            elif isinstance(one, Filing):
                known[sha256] = self._accept(one, self._number(one.submission.received_at))
                settled.append(Settled(known[sha256], fresh=True))
        ledger = self.ledger
        policy = self.tables.policy.sha256
        if policy and policy not in self.stores.proofs_kept:
            ledger.kept[policy] = proofs.Proof(sha256=policy, kind="policy", content=self.tables.policy_text)
        journal.enter(self.tx, ledger.dossiers, ledger.parts, ledger.events, ledger.leaves)
        pieces.enter(self.tx, ledger.pieces)
        work.offer(self.tx, ledger.works)
        pending.add(self.tx, ledger.waiting)
        halves.expect(self.tx, ledger.awaited)
        for filed, filing in ledger.papers:
            paper.entered(self.tx, filed, filing)
        keep_trust(self.tx, ledger.kept, ledger.signed, max((one.received_at_us for one in ledger.dossiers), default=0))
        for dossier in ledger.dossiers:
            if dossier.about is not None and dossier.state == states.State.ACCEPTED.value:
                joined(self.tx, self.turn, self.stores, self.tables, dossier, from_us(dossier.received_at_us))
        return settled

    @staticmethod
    def _fresh(round_: Sequence[Filing | Refusal], known: Mapping[bytes, journal.Dossier]) -> list[Filing | Refusal]:
        """What of the round may get a statement of its own: every refusal, and each new content once. A number that is
        not used is no harm: they are unique, not gap-free.
        """
        seen = set(known)
        fresh: list[Filing | Refusal] = []
        for one in round_:
            if isinstance(one, Refusal) or one.submission.sha256 not in seen:
                fresh.append(one)
            if isinstance(one, Filing):
                seen.add(one.submission.sha256)
        return fresh

    def _is_party(self, one: Filing | Refusal, earlier: journal.Dossier) -> bool:
        client, on = one.submission.submitter, one.submission.received_at.astimezone(VIETNAM).date()
        return journal.is_party(self.tx, client, submitter=earlier.submitter, unit=earlier.unit, on=on)

    def _without_strangers(
        self, round_: Sequence[Filing | Refusal], known: Mapping[bytes, journal.Dossier]
    ) -> list[Filing | Refusal]:
        """Refuse whoever holds the bytes of another's dossier (a first registration, which names no unit): the receipt
        is its parties' alone. Everyone else was refused in step 7.
        """
        owners = {sha256: (dossier.submitter, dossier.unit) for sha256, dossier in known.items()}
        own: list[Filing | Refusal] = []
        for one in round_:
            if isinstance(one, Filing):
                client = one.submission.submitter
                submitter, unit = owners.setdefault(one.submission.sha256, (client, one.unit))
                on = one.submission.received_at.astimezone(VIETNAM).date()
                if not (submitter == client or journal.speaks_for(self.tx, client, unit, on)):
                    one = Refusal(  # noqa: PLW2901 - what it is from here on
                        submission=one.submission,
                        code="not-your-unit",
                        findings=(not_your_unit(one.unit),),
                    )
                elif lost := once_only.lost(self.tx, one.parts, client=client, unit=one.unit, on=on):
                    # A paper that it refers to was erased since it was judged.
                    one = refused_instead(one, lost)  # noqa: PLW2901
            own.append(one)
        return own

    def _number(self, received_at: datetime) -> str:
        """The next receipt or notice number of the day of receipt; the day's series is asked once a round."""
        unit, day = self.stores.gateway_unit, received_at.astimezone(VIETNAM).date()
        if not self.numbers.get(day):
            wanted = sum(at == day for at in self.days)
            first = journal.reserve(self.tx, ids.series("statement", unit, day), wanted)
            self.numbers[day] = list(range(first + wanted - 1, first - 1, -1))
        return ids.receipt_number(unit, day, self.numbers[day].pop())

    def _accept(self, filing: Filing, number: str) -> journal.Dossier:
        filing = halves_of.by_now(self.tx, filing, self.ledger.dossiers)
        submission = filing.submission
        about = submission.about
        batch, follows = (about.batch, about.dossier) if about else self._batch(filing)
        dossier_id = ids.dossier_id(submission.sha256)
        # (10) The statement is sealed; it is not spoken before the commit.
        statement = receipt.receipt(
            filing,
            number=number,
            dossier=dossier_id,
            batch=batch,
            follows=follows,
            receiving_office=self.tables.receiving_office,
            seal=self.stores.seal.signer_at(submission.received_at),
            log=self.stores.log_origin,
        )
        kept = self.kept[submission.sha256]
        fact = "received-pending" if filing.waits else "accepted"
        seq = self.turn.next()
        dossier = journal.Dossier(
            id=dossier_id,
            seq=seq,
            state=states.after(None, fact).value,
            sha256=submission.sha256,
            size_bytes=submission.size_bytes,
            channel=submission.channel,
            procedure=filing.procedure.code,
            procedure_version=filing.procedure.version,
            unit=filing.unit,
            tax_code=filing.tax_code,
            period=filing.period,
            batch=batch,
            follows=follows,
            submitter=submission.submitter,
            received_at_us=to_us(submission.received_at),
            due_at_us=to_us(filing.due.due_at) if filing.due else None,
            competent_office=filing.route.competent_office,
            statement_number=number,
            statement=statement,
            report=keep_report(
                report_of(
                    filing.verdicts, filing.findings, policy_sha256=self.tables.policy.sha256, papers=filing.papers
                )
            ),
            pack=kept.place.pack,
            pack_offset=kept.place.offset,
            pack_length=kept.place.length,
            wrapped_key=kept.wrapped_key,
            media_type=submission.media_type,
            purpose=about.purpose if about else "",
            about=about.dossier if about else None,
        )
        return self._with(dossier, filing, fact, kept)

    def _with(self, dossier: journal.Dossier, filing: Filing, fact: str, kept: Kept) -> journal.Dossier:
        """Everything that is written beside the dossier's own row."""
        ledger, submission = self.ledger, filing.submission
        more = {"follows": dossier.follows, "purpose": dossier.purpose, "about": dossier.about}
        said = {"receipt": dossier.statement_number} | {name: value for name, value in more.items() if value}
        self._event(dossier, fact, dossier.seq, said)
        if filing.comes_in_halves and not filing.waits:
            dossier = self._first_half(dossier, submission)
        if submission.paper is not None:
            ledger.papers.append((dossier, filing))
        ledger.dossiers.append(dossier)
        if kept.pieces is not None:
            ledger.pieces.extend(kept.pieces.rows(dossier.id))
        ledger.parts.extend(journal.Part(dossier=dossier.id, **msgspec.structs.asdict(part)) for part in filing.parts)
        ledger.leaves.append(journal.LogEntry(dossier.seq, ids.leaf(dossier.statement)))
        for_trust(filing.verdicts, dossier, self.stores.proofs_kept, ledger.kept, ledger.signed)
        at_us = dossier.received_at_us
        if filing.waits:
            ledger.waiting.append(pending.Pending(dossier=dossier.id, since_us=at_us, next_try_at_us=at_us, attempts=0))
        else:
            ledger.works.append(offered(dossier, dossier.seq, at_us))
            ledger.events.extend(renewed(self.tx, self.turn, dossier, filing, at_us))
        return dossier

    def _first_half(self, dossier: journal.Dossier, submission: Submission) -> journal.Dossier:
        """Its other half is awaited from now on."""
        at = submission.paper.time_of_receipt if submission.paper else submission.received_at
        begun, said, half = halves_of.begun(
            self.turn, dossier, self.tables.post.hybrid, submission.received_at, received_at=at
        )
        self.ledger.events.append(said)
        self.ledger.awaited.append(half)
        return begun

    def _batch(self, filing: Filing) -> tuple[int, str | None]:
        """The batch (đợt): asked for, else the next; and the dossier that already stands under it, if any."""
        asked = filing.submission.batch
        if not filing.unit:
            # A first registration belongs to no unit yet, so there is nothing that it could count on from or follow.
            return asked or 1, None
        key = (filing.unit, filing.procedure.code, filing.period)
        last = self.batches.get(key)
        if last is None:
            last = journal.last_batch(self.tx, *key)
        self.batches[key] = last + 1 if asked is None else max(last, asked)
        if asked is None:
            return self.batches[key], None
        in_round = [d for d in self.ledger.dossiers if (d.unit, d.procedure, d.period, d.batch) == (*key, asked)]
        return asked, in_round[-1].id if in_round else journal.latest_of_batch(self.tx, *key, asked)

    def _refuse(self, refusal: Refusal, number: str) -> journal.Dossier:
        submission: Submission = refusal.submission
        dossier_id = ids.refusal_id()
        statement = receipt.notice(
            refusal,
            number=number,
            dossier=dossier_id,
            policy=self.tables.policy.id,
            seal=self.stores.seal.signer_at(submission.received_at),
            log=self.stores.log_origin,
        )
        seq = self.turn.next()
        dossier = journal.Dossier(
            id=dossier_id,
            seq=seq,
            state=states.after(None, "refused").value,
            sha256=submission.sha256,
            size_bytes=submission.size_bytes,
            channel=submission.channel,
            procedure=refusal.procedure,
            procedure_version="",
            # What a refused dossier says of its unit proves nothing: only its submitter sees it.
            unit="",
            tax_code="",
            period=refusal.period,
            batch=0,
            follows=None,
            submitter=submission.submitter,
            received_at_us=to_us(submission.received_at),
            due_at_us=None,
            competent_office="",
            statement_number=number,
            statement=statement,
            report=keep_report(
                report_of(refusal.verdicts, refusal.findings, refusal.code, policy_sha256=self.tables.policy.sha256)
            ),
            pack=None,
            pack_offset=None,
            pack_length=None,
            wrapped_key=None,
        )
        self.ledger.dossiers.append(dossier)
        for_trust(refusal.verdicts, dossier, self.stores.proofs_kept, self.ledger.kept, [])
        self._event(dossier, "refused", seq, {"notice": number, "code": refusal.code})
        self.ledger.leaves.append(journal.LogEntry(seq, ids.leaf(statement)))
        return dossier

    def _event(self, dossier: journal.Dossier, fact: str, seq: int, detail: dict[str, str]) -> None:
        self.ledger.events.append(
            journal.Event(
                seq=seq,
                dossier=dossier.id,
                type=fact,
                at_us=dossier.received_at_us,
                actor="gateway",
                detail=msgspec.json.encode(detail).decode(),
                unit=dossier.unit,
                submitter=dossier.submitter,
                # What is not accepted is no office's business.
                office=dossier.competent_office if fact == "accepted" else "",
            )
        )
