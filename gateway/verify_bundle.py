"""An evidence bundle, verified offline in eight steps against keys that its reader pinned."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

import msgspec
from msgspec import Struct

from gateway.clock import for_people
from gateway.erasure import Tombstone
from gateway.office_statement import Reported
from gateway.receipt import Handover, Judgement, Notice, Receipt, kept_as
from gateway.verify_log import Proved, announced, is_origin_file, prove, stamped, stamped_words
from gateway.verify_statement import SCANS_FILE, Statement, Untrue, check_period, check_scans, fact_of, open_statement
from signing.asic import AsicContainer, open_container
from signing.indication import Refusal
from signing.jwks import JwksUnusable, PublishedKey, read_jwks
from signing.reasons_asic import REASONS
from signing.seal_asic import SIGNATURE_FILE, ContainerSeal, read_seal
from signing.signer import SealBroken, thumbprint
from signing.zip_container import Entry
from signing.zip_names import shown
from signing.zip_records import STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from signing.trust import TrustStore

SMALL_BYTES_MAX: Final = 32 * 1024 * 1024
CONTAINER, SEAL, RECEIPT, RECEIVED, STATEMENTS, LOG, STAMPS = range(1, 8)
_KEYS_FILE: Final = "keys.jwks"
_EVENTS_FILE: Final = "events.json"
_RECEIVED: Final = "received/"
_RESULTS: Final = "results/"
T = TypeVar("T")


class Step(Struct, frozen=True):
    """One step that holds: its number, and what was found, in Vietnamese and English."""

    number: int
    vi: str
    en: str


class _Event(Struct, frozen=True):
    seq: int
    type: str
    at: str
    dossier: str


class _Events(Struct, frozen=True):
    events: tuple[_Event, ...]


class BundleVerification:
    """One bundle. `pinned` are the gateway's keys, or the thumbprint of one; `tsa` are the authorities whose
    time-stamps are believed, if any; `existed_at` is when the whole bundle was there, by a proof from elsewhere.
    """

    def __init__(
        self,
        file: BinaryIO,
        pinned: Mapping[str, PublishedKey] | str,
        *,
        now: datetime,
        tsa: TrustStore | None = None,
        existed_at: datetime | None = None,
    ) -> None:
        self._file, self._pinned, self._now, self._tsa, self._existed_at = file, pinned, now, tsa, existed_at
        self._names: dict[str, Entry] = {}
        self._proved: dict[str, Proved | None] = {}
        self.said: dict[str, Statement] = {}

    def steps(self) -> Iterator[Step]:
        """Each step as it is found to hold. Raises `Untrue` at the first thing that is wrong, and says where."""
        first = (self._container, self._seal, self._receipt, self._received)
        for number, step in enumerate((*first, self._statements, self._log, self._stamps, self._erasure), CONTAINER):
            vi, en = step()
            yield Step(number, vi, en)

    def _container(self) -> tuple[str, str]:
        """(1) The container is whole, and every file is listed."""
        opened = open_container(self._file)
        if isinstance(opened, Refusal):
            reason = REASONS[opened.code]
            what = opened.fields.get("entry") or ("mimetype" if opened.code == "container-mimetype" else "")
            vi, en = (told.format(**opened.fields) for told in (reason.vi, reason.en))
            raise Untrue(vi, en, step=CONTAINER, what=what)
        # We compress nothing: what a reader finds there is what was sealed, byte for byte.
        odd = next((one.name for one in opened.zip.entries if one.extra or one.folder or one.method != STORED), None)
        if odd is not None or opened.zip.directory.comment:
            raise Untrue(
                "Có phần nằm ngoài niêm phong, hoặc bị nén.",
                "There is something that no seal covers, or that is compressed.",
                step=CONTAINER,
                what=odd or "",
            )
        self._opened: AsicContainer = opened
        self._names = {entry.name: entry for entry in opened.data_objects}
        count = len(self._names)
        return f"Tệp nguyên vẹn: {count} thành phần.", f"The file is whole: {count} files."

    def _seal(self) -> tuple[str, str]:
        """(2) The seal is by a pinned key, and over every file."""
        at = partial(Untrue, step=SEAL, what=SIGNATURE_FILE)
        inside = self._keys_inside()
        signature = self._opened.signature_files.get(SIGNATURE_FILE)
        if signature is None or len(self._opened.signature_files) != 1:
            raise at("Không có đúng một niêm phong.", "There is not exactly one seal.")
        try:
            seal = read_seal(signature)
        except SealBroken as error:
            raise at(f"Niêm phong đã vỡ ({error}).", f"The seal is broken: {error}.") from error
        kid = thumbprint(seal.jwk)
        if isinstance(self._pinned, str):
            self._pinned = {self._pinned: inside[self._pinned]} if self._pinned in inside else {}
        key = self._pinned.get(kid)
        if key is None:
            raise at(
                f"Niêm phong bằng khóa {kid}, không phải khóa đã ghim.",
                f"Sealed by the key {kid}, which is not pinned.",
            )
        self._compare(seal)
        stamped_at = self._seal_stamp(seal)
        self._located(SEAL, SIGNATURE_FILE, lambda: check_period(key, seal.signed_at, lambda: stamped_at))
        # What the pinned key sealed vouches for the gateway's other keys; a pinned one is taken as it was pinned.
        self._keys = {**inside, **self._pinned}
        when = for_people(seal.signed_at)
        stamp = stamped_words(stamped_at, has_any=bool(seal.timestamps))
        return (
            f"Niêm phong XAdES trên mọi tệp, bằng khóa đã ghim {kid[:12]}, lúc {when}; {stamp[0]}.",
            f"The XAdES seal is over every file, by the pinned key {kid[:12]}, at {when}; {stamp[1]}.",
        )

    def _keys_inside(self) -> dict[str, PublishedKey]:
        try:
            return read_jwks(self._read(_KEYS_FILE, SEAL))
        except JwksUnusable as error:
            raise Untrue(f"Không đọc được: {error}.", f"Unreadable: {error}.", step=SEAL, what=_KEYS_FILE) from error

    def _compare(self, seal: ContainerSeal) -> None:
        for name in sorted({*seal.digests, *self._names}):
            if name not in self._names:
                raise Untrue("Thiếu tệp đã niêm phong.", "A sealed file is missing.", step=SEAL, what=shown(name))
            if name not in seal.digests:
                raise Untrue(
                    "Tệp nằm ngoài niêm phong.", "The file is not under the seal.", step=SEAL, what=shown(name)
                )
            if self._digest(name) != seal.digests[name]:
                raise Untrue(
                    "Tệp đã bị sửa: mã băm khác mã đã niêm phong.",
                    "The file was changed: its digest is not the sealed one.",
                    step=SEAL,
                    what=shown(name),
                )

    def _seal_stamp(self, seal: ContainerSeal) -> datetime | None:
        """When the seal was there at the latest, by a time-stamp of an authority that is believed."""
        if self._tsa is None or not seal.timestamps:
            return self._existed_at
        tsa, one = self._tsa, seal.timestamps[0]
        return self._located(SEAL, SIGNATURE_FILE, lambda: stamped(one.token_der, one.covered, tsa, self._now))

    def _receipt(self) -> tuple[str, str]:
        """(3) The receipt, or the notice, is the gateway's; or the tombstone that stands for an erased notice."""
        found = [name for name in ("receipt.jws", "notice.jws") if name in self._names]
        tombstones = [name for name in self._statement_names() if name.endswith("-erasure.jws")]
        if len(found) > 1 or not (found or tombstones):
            raise Untrue(
                "Phải có đúng một biên nhận hoặc thông báo.",
                "There must be one receipt or one notice.",
                step=RECEIPT,
                what="receipt.jws",
            )
        said = self._open(found[0] if found else tombstones[0], RECEIPT)
        self._erased = self._open(tombstones[0], RECEIPT) if tombstones else None
        if not isinstance(said, Receipt | Notice | Tombstone) or not isinstance(self._erased, Tombstone | None):
            raise Untrue("Loại văn bản không đúng chỗ.", "Another kind of statement.", step=RECEIPT, what="receipt.jws")
        self._base = said
        self._number = said.notice if isinstance(said, Notice) else said.receipt
        self._record = said.statement_sha256 if isinstance(said, Tombstone) else self._digest(found[0]).hex()
        at = for_people(datetime.fromisoformat(said.received_at))
        if isinstance(said, Notice):
            return (
                f"Thông báo {said.notice} của cổng: hồ sơ nhận lúc {at} KHÔNG được tiếp nhận.",
                f"The gateway's notice {said.notice}: what came at {at} was NOT accepted.",
            )
        if isinstance(said, Tombstone):
            return (
                f"Thông báo {self._number} đã xóa; văn bản xóa nêu mã băm của nó.",
                f"The notice {self._number} was erased; the tombstone names its digest.",
            )
        return (
            f"Biên nhận {said.receipt} của cổng: hồ sơ {said.dossier} nhận lúc {at}.",
            f"The gateway's receipt {said.receipt}: dossier {said.dossier}, received at {at}.",
        )

    def _received(self) -> tuple[str, str]:
        """(4) The bytes are those that the receipt names."""
        found = [name for name in self._names if name.startswith(_RECEIVED)]
        what = found[0] if found else _RECEIVED
        if not isinstance(self._base, Receipt) or self._erased is not None:
            if found:
                raise Untrue("Lẽ ra không có nội dung.", "There should be no content.", step=RECEIVED, what=what)
            return "Không có nội dung: bị từ chối, hoặc đã xóa.", "No content: it was refused, or erased."
        if len(found) != 1:
            raise Untrue("Thiếu các byte đã nhận.", "The received bytes are missing.", step=RECEIVED, what=what)
        size_bytes, digest = self._names[what].size_bytes, self._digest(what).hex()
        if (digest, size_bytes) != (self._base.sha256, self._base.size_bytes):
            raise Untrue(
                f"Nội dung ({size_bytes} byte, SHA-256 {digest}) không phải nội dung mà biên nhận nêu.",
                f"The content ({size_bytes} bytes, SHA-256 {digest}) is not what the receipt names.",
                step=RECEIVED,
                what=what,
            )
        check_scans(self._base, {name: self._digest(name) for name in self._names if name == SCANS_FILE}, RECEIVED)
        return (
            f"Nội dung đúng từng byte: {size_bytes} byte, SHA-256 {digest}.",
            f"The content is the receipt's, byte for byte: {size_bytes} bytes, SHA-256 {digest}.",
        )

    def _statements(self) -> tuple[str, str]:
        """(5) Later statements name this one; the events agree with them all."""
        events = self._events()
        told = {(one.type, one.at) for one in events}
        names = self._statement_names()
        for name in names:
            said = self._open(name, STATEMENTS)
            if not self._is_about_this(said):
                raise Untrue("Văn bản của hồ sơ khác.", "It is about another dossier.", step=STATEMENTS, what=name)
            fact = fact_of(said)
            if fact is not None and fact not in told:
                raise Untrue(
                    f"Không nêu việc {fact[0]} lúc {fact[1]} mà {name} xác nhận.",
                    f"Does not tell {fact[0]} at {fact[1]}, which {name} states.",
                    step=STATEMENTS,
                    what=_EVENTS_FILE,
                )
            if isinstance(said, Reported) and self._erased is None:
                self._results(said, name)
        if self._erased is None and any(one.type == "erased" for one in events):
            raise Untrue(
                "Nêu việc xóa mà không có văn bản xóa.",
                "Tells an erasure without its tombstone.",
                step=STATEMENTS,
                what=_EVENTS_FILE,
            )
        return (
            f"{len(names)} văn bản nêu đúng biên nhận; {len(events)} sự kiện khớp với các văn bản.",
            f"{len(names)} statements name this receipt; {len(events)} events agree with them.",
        )

    def _results(self, said: Reported, name: str) -> None:
        """Every file of a result that a report names is here."""
        held = {self._digest(one).hex() for one in self._names if one.startswith(_RESULTS)}
        for one in said.results:
            if one.sha256 not in held:
                vi, en = f"Thiếu kết quả số {one.number}.", f"Result {one.number} is missing."
                raise Untrue(vi, en, step=STATEMENTS, what=name)

    def _events(self) -> tuple[_Event, ...]:
        at = partial(Untrue, step=STATEMENTS, what=_EVENTS_FILE)
        try:
            events = msgspec.json.decode(self._read(_EVENTS_FILE, STATEMENTS), type=_Events).events
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise at(f"Không đọc được: {error}.", f"Unreadable: {error}.") from error
        numbers = [one.seq for one in events]
        if not events or numbers != sorted(set(numbers)):
            raise at("Các sự kiện không theo thứ tự.", "The events are not in order.")
        if any(one.dossier != kept_as(self._base) for one in events):
            raise at("Có sự kiện của hồ sơ khác.", "There are events of another dossier.")
        if events[0].at != self._base.received_at:
            raise at("Sự kiện đầu khác lúc nhận.", "The first event is not at the time of receipt.")
        return events

    def _is_about_this(self, said: Statement) -> bool:
        base = self._base
        match said:
            case Receipt() | Notice():
                return said == base
            case Tombstone():
                named, digest = said.receipt, said.statement_sha256
            case Judgement() | Handover() | Reported():
                named, digest = said.receipt, said.receipt_sha256
            case _:
                return False
        return (named, digest, said.dossier, said.sha256) == (self._number, self._record, kept_as(base), base.sha256)

    def _log(self) -> tuple[str, str]:
        """(6) Every statement is in a log that the gateway announced."""
        names = self._statement_names()
        if isinstance(self._base, Tombstone):
            names.append("notice.jws")
        found = {name: self._prove(name) for name in names}
        known = {f"log/{_stem(name)}" for name in names}
        for name in self._names:
            if name.startswith("log/") and name.rpartition(".")[0] not in known and not is_origin_file(name):
                raise Untrue("Không thuộc văn bản nào.", "It belongs to no statement.", step=LOG, what=shown(name))
        lacking = [name for name, one in found.items() if one is None]
        vi = f"{len(found) - len(lacking)}/{len(found)} văn bản có bằng chứng nằm trong nhật ký minh bạch"
        en = f"{len(found) - len(lacking)} of {len(found)} statements are proved to be in the transparency log"
        if not lacking:
            origins = ", ".join(sorted({one.origin for one in found.values() if one}))
            return f"{vi} ({origins}).", f"{en} ({origins})."
        listed = ", ".join(f"{name}{self._promise(name)}" for name in lacking)
        return f"{vi}; CHƯA có: {listed}.", f"{en}; NOT yet: {listed}."

    def _promise(self, name: str) -> str:
        """Until when the gateway had promised to log a statement."""
        log_by = getattr(self.said.get(name), "log_by", None)
        return f" (log_by {log_by})" if log_by else ""

    def _stamps(self) -> tuple[str, str]:
        """(7) Since when, by authorities that the gateway does not own."""
        tokens = [name for name in self._names if name.startswith("log/") and name.endswith(".tst")]
        found = [at for name in self._statement_names() if (at := self._stamped(name))]
        words = stamped_words(min(found, default=None), has_any=bool(tokens))
        return f"Nhật ký: {words[0]}.", f"The log: {words[1]}."

    def _erasure(self) -> tuple[str, str]:
        """(8) Whether the content was erased."""
        if isinstance(self._erased, Tombstone):
            at = for_people(datetime.fromisoformat(self._erased.erased_at))
            return (
                f"Nội dung đã xóa lúc {at}; văn bản xóa còn đây, biên nhận vẫn chứng minh được.",
                f"The content was erased at {at}; the tombstone is here, and the receipt can still be proved.",
            )
        return "Nội dung không bị xóa.", "The content was not erased."

    def _statement_names(self) -> list[str]:
        return [name for name in self._names if name.endswith(".jws") and not name.startswith("log/")]

    def _open(self, name: str, step: int) -> Statement:
        """A statement under the pinned keys and those that the sealed keys.jwks vouches for."""
        if name not in self.said:
            text = self._read(name, step).decode("ascii", "replace")

            def existed() -> datetime | None:
                return self._existed_at or self._stamped(name)

            self.said[name] = self._located(step, name, lambda: open_statement(text, self._keys, existed)[0])
        return self.said[name]

    def _prove(self, name: str) -> Proved | None:
        if name not in self._proved:
            where = f"log/{_stem(name)}.tlog-proof"
            self._proved[name] = None
            if where in self._names:
                origins = announced(
                    {
                        one: self._read(one, LOG).decode("ascii", "replace")
                        for one in self._names
                        if is_origin_file(one)
                    },
                    self._keys,
                )
                record = self._digest(name) if name in self._names else bytes.fromhex(self._record)
                proof = self._read(where, LOG).decode("utf-8", "replace")
                self._proved[name] = self._located(LOG, where, lambda: prove(proof, record, origins))
        return self._proved[name]

    def _stamped(self, name: str) -> datetime | None:
        """When a statement was in the log at the latest, by the token beside its proof; None where nobody says so."""
        proved, where, tsa = self._prove(name), f"log/{_stem(name)}.tst", self._tsa
        if proved is None or where not in self._names or tsa is None:
            return None
        body, token = proved.body, self._read(where, STAMPS)
        return self._located(STAMPS, where, lambda: stamped(token, body, tsa, self._now))

    def _read(self, name: str, step: int) -> bytes:
        entry = self._names.get(name)
        content = self._opened.zip.read(entry, SMALL_BYTES_MAX) if entry else None
        if not isinstance(content, bytes):
            raise Untrue("Thiếu tệp, hoặc quá lớn.", "The file is missing, or too large.", step=step, what=name)
        return content

    def _digest(self, name: str) -> bytes:
        digest = self._opened.zip.digest(self._names[name], "sha256")
        if isinstance(digest, Refusal):
            raise Untrue("Tệp đổi khi đang đọc.", "The file changed under us.", step=CONTAINER, what=name)
        return digest

    @staticmethod
    def _located(step: int, what: str, check: Callable[[], T]) -> T:
        """What `check` gives; what it finds wrong is wrong with this file at this step."""
        try:
            return check()
        except Untrue as wrong:
            raise Untrue(wrong.vi, wrong.en, step=wrong.step or step, what=wrong.what or what) from wrong


def _stem(name: str) -> str:
    """statements/001-handover.jws → 001-handover."""
    return name.rpartition("/")[2].rpartition(".")[0]
