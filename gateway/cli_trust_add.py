"""What `trust add` and `trust withdraw` do: the folder and its list change together, or not at all."""

from __future__ import annotations

import argparse
import fcntl
import getpass
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli_terms import DONE, CannotWork, aside, read_file, settings
from gateway.cli_trust_rows import day_of, subject_of, unfit, weak_hash
from gateway.clock import VIETNAM, SystemClock
from signing.crl import UNREADABLE
from signing.trust import TSA_FOLDER, TrustUnusable
from signing.trust_facts import FACTS_FILE, Facts, plain_sha256, read_facts, with_facts, with_withdrawal
from signing.trust_list import is_self_signed, read_certificates, survey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from cryptography import x509

    # By SHA-256: the file it came in, and itself.
    _Given = dict[str, tuple[str, x509.Certificate]]

PREFIX_DIGITS_MIN: Final = 8
_SHA256_DIGITS: Final = 64
_YES: Final = frozenset({"c", "co", "có", "y", "yes"})
_SOON: Final = "Cổng đang chạy tự đọc lại trong vài giây · a running gateway reads it within seconds"


def add(asked: argparse.Namespace) -> int:
    """Add the certificates of all files, or none. Raises `CannotWork`."""
    now = SystemClock().now()
    if asked.since and asked.until and asked.until < asked.since:
        raise CannotWork("--until trước --from · --until is before --from")
    given: _Given = {}
    for file in asked.files:
        for one in _authorities(file, now):
            given.setdefault(one.fingerprint(hashes.SHA256()).hex(), (file, one))
    folder = settings().path("trust", "trust")
    place = folder / TSA_FOLDER if asked.tsa else folder
    place.mkdir(parents=True, exist_ok=True)
    anchors = {sha256: one for sha256, (_, one) in given.items() if is_self_signed(one)}
    _confirm(asked, anchors, _held(folder, now, for_stamps=asked.tsa))
    with _alone(folder):
        _put(asked, place, given, _held(folder, now, for_stamps=asked.tsa), now)
    if survey(folder, now).faults:
        aside("Thư mục còn tệp không dùng được, cổng chưa nhận thay đổi: motcua trust check · mend the folder first")
    else:
        print(_SOON)
    return DONE


def _put(asked: argparse.Namespace, place: Path, given: _Given, held: set[str], now: datetime) -> None:
    before = content = _list_of(place)
    listed = read_facts(content, FACTS_FILE)
    laid: list[tuple[Path, bytes]] = []
    lines: list[str] = []
    for sha256, (file, one) in given.items():
        subject = subject_of(one)
        if sha256 in listed:
            _not_withdrawn(listed[sha256], subject)
        else:
            content = _listing(content, _facts(asked, sha256, file, now))
        if sha256 not in held:
            laid.append((place / f"{sha256[:16]}.pem", one.public_bytes(Encoding.PEM)))
            words = "Đã thêm · added"
        else:
            words = "Đã có · already there" if sha256 in listed else "Đã ghi nguồn · source noted"
        lines.append(f"{words}: {_kind(one)}  {subject}\n  SHA-256 {sha256}")
    # The list first: a certificate is never trusted without the days that were told for it. Cut short in between, the
    # list names what is not there, which is noticed, and mended by running this again.
    if content != before:
        _lay(place / FACTS_FILE, content)
    for path, pem in laid:
        _lay(path, pem)
    print("\n".join(lines))


def _listing(content: bytes, facts: Facts) -> bytes:
    try:
        return with_facts(content, facts)
    except TrustUnusable as error:
        raise CannotWork(str(error)) from error


def withdraw(asked: argparse.Namespace) -> int:
    """End trust in a certificate, wherever in the folder it is. Raises `CannotWork`."""
    now = SystemClock().now()
    on = asked.on or now.astimezone(VIETNAM).date()
    if not asked.why.strip():
        raise CannotWork("--why trống · --why is empty")
    folder = settings().path("trust", "trust")
    if not folder.is_dir():
        raise CannotWork(f"{folder}: không có thư mục này · no such folder")
    with _alone(folder):
        entries = survey(folder, now).entries
        wanted = asked.sha256.lower().replace(":", "").replace(" ", "")
        if len(wanted) < PREFIX_DIGITS_MIN or set(wanted) - set("0123456789abcdef"):
            raise CannotWork(f"SHA256: ít nhất {PREFIX_DIGITS_MIN} chữ số hex đầu · at least its first hex digits")
        found = {one.sha256: one.certificate for one in entries if one.sha256.startswith(wanted)}
        if len(found) != 1:
            many = "nhiều hơn một chứng thư · more than one certificate" if found else "không có · none of that SHA-256"
            raise CannotWork(f"{wanted}: {many} (motcua trust list)")
        (sha256, certificate) = found.popitem()
        left = [one for one in entries if one.role == "anchor" and one.standing == "trusted" and one.sha256 != sha256]
        was = any(one.role == "anchor" and one.standing == "trusted" and one.sha256 == sha256 for one in entries)
        if was and not left and not asked.yes:
            raise CannotWork(
                "đây là gốc cuối cùng, rút thì mọi chữ ký bị từ chối; nếu đúng ý, thêm --yes · "
                "the last anchor: without it every signature is refused; add --yes if that is meant"
            )
        for place in {folder / TSA_FOLDER if one.for_stamps else folder for one in entries if one.sha256 == sha256}:
            _withdraw(place, sha256, on, asked.why.strip())
    print(f"Đã rút từ · withdrawn from {on:%d/%m/%Y}: {subject_of(certificate)}\n  SHA-256 {sha256}\n{_SOON}")
    if was and not left:
        aside("KHÔNG còn gốc nào: mọi chữ ký sẽ bị từ chối · NO anchor is left: every signature will be refused")
    return DONE


def _withdraw(place: Path, sha256: str, on: date, why: str) -> None:
    content = _list_of(place)
    known = read_facts(content, FACTS_FILE).get(sha256)
    if known is not None and known.withdrawn_on is not None:
        raise CannotWork(f"đã rút từ {known.withdrawn_on:%d/%m/%Y} · withdrawn already ({FACTS_FILE})")
    try:
        if known is None:
            content = with_facts(content, Facts(sha256=sha256, withdrawn_on=on, why=why))
        else:
            content = with_withdrawal(content, sha256, on, why)
    except TrustUnusable as error:
        raise CannotWork(str(error)) from error
    _lay(place / FACTS_FILE, content)


def _held(folder: Path, now: datetime, *, for_stamps: bool) -> set[str]:
    return {one.sha256 for one in survey(folder, now).entries if one.for_stamps is for_stamps}


def _authorities(file: str, now: datetime) -> list[x509.Certificate]:
    """The certificates of a file, each fit to be trusted or to be a link. Raises `CannotWork`."""
    content = read_file(file)
    if b"PRIVATE KEY" in content:
        raise CannotWork(f"{file}: có khóa riêng bên trong, không phải chỗ này · holds a private key, keep it away")
    try:
        found = read_certificates(content)
    except UNREADABLE as error:
        raise CannotWork(f"{file}: không phải chứng thư số · not a certificate") from error
    for one in found:
        if wrong := unfit(one, now):
            raise CannotWork(f"{file}: {subject_of(one)}: {wrong.vi} · {wrong.en}")
        if not is_self_signed(one) and (weak := weak_hash(one)):
            raise CannotWork(f"{file}: {subject_of(one)}: được ký bằng {weak} · signed with {weak}: no chain passes it")
    return found


def _confirm(asked: argparse.Namespace, anchors: dict[str, x509.Certificate], held: set[str]) -> None:
    """Show every anchor, and go on only when somebody says that it is the right one. Raises `CannotWork`."""
    expected = {plain_sha256(one) for one in asked.sha256}
    if "" in expected:
        raise CannotWork("--sha256: không phải 64 chữ số hex · not 64 hexadecimal digits")
    if expected and expected != set(anchors):
        odd = " ".join(sorted(expected ^ set(anchors)))
        raise CannotWork(f"SHA-256 KHÔNG khớp, không thêm gì · does NOT match, nothing was added: {odd}")
    new = {sha256: one for sha256, one in anchors.items() if sha256 not in held}
    for sha256, one in new.items():
        colons = ":".join(sha256[at : at + 2] for at in range(0, _SHA256_DIGITS, 2)).upper()
        print(f"Gốc mới · new anchor: {subject_of(one)}")
        print(f"  hiệu lực · valid {day_of(one.not_valid_before_utc)} – {day_of(one.not_valid_after_utc)}")
        print(f"  SHA-256 {colons}")
        if weak := weak_hash(one):
            print(f"  tự ký bằng {weak}, chỉ có thể tin nhờ SHA-256 · it signs itself with {weak}")
    if not new or expected or asked.yes:
        return
    if not sys.stdin.isatty():
        aside("CHƯA ai đối chiếu SHA-256 (--sha256 hoặc --yes) · nobody has compared the SHA-256 yet")
        return
    print("SHA-256 trên đúng với bản công bố ở nguồn khác? (c/k) · as published elsewhere? (y/n) ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        raise CannotWork("không thêm gì · nothing was added")


def _facts(asked: argparse.Namespace, sha256: str, file: str, now: datetime) -> Facts:
    return Facts(
        sha256=sha256,
        source=asked.source or f"tệp {file}",
        obtained_on=asked.obtained or now.astimezone(VIETNAM).date(),
        added_by=asked.by or _user(),
        trusted_from=asked.since,
        trusted_until=asked.until,
        note=asked.note,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


def _not_withdrawn(facts: Facts, subject: str) -> None:
    if facts.withdrawn_on is not None:
        raise CannotWork(
            f"{subject}: đã rút từ {facts.withdrawn_on:%d/%m/%Y} ({facts.why}); muốn tin lại thì sửa {FACTS_FILE} · "
            f"was withdrawn; to trust it again edit {FACTS_FILE}"
        )


def _kind(certificate: x509.Certificate) -> str:
    return "gốc · anchor" if is_self_signed(certificate) else "trung gian · intermediate"


def _list_of(place: Path) -> bytes:
    path = place / FACTS_FILE
    content = path.read_bytes() if path.exists() else b""
    try:
        read_facts(content, str(path))
    except TrustUnusable as error:
        raise CannotWork(f"sửa danh sách trước · mend the list first: {error}") from error
    return content


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else changes the folder by these commands meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lay(path: Path, content: bytes) -> None:
    """Write whole or not at all, so that it survives a power cut: nobody must read half a certificate."""
    before = path.with_name(path.name + ".new")
    with before.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    before.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
