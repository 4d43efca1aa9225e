"""A process apart for what strangers send: it is told the bytes, is held to limits, and answers with lines.

It gets no secret, no settings and no open file; it may write nothing to disk, and ends with its parent. Should a
scan take it over, there is nothing to be had in it but that scan.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES_MAX: Final = 300
SIZE_BYTES_MAX: Final = 256 * 1024 * 1024
# The longest that a scan may keep a process; a page that has no code takes the longest.
TIME_S_MAX: Final = 900.0
LINE_BYTES_MAX: Final = 64 * 1024
ANSWER_BYTES_MAX: Final = 384 * 1024 * 1024
MEDIA_TYPES: Final = frozenset({"application/pdf", "image/tiff", "image/jpeg"})

_MODULE: Final = "gateway.mailroom.reading_apart"
# The process's own word for why it refuses, in its exit status: it may be unable to say more.
REFUSED: Final[dict[int, str]] = {
    64: "damaged",
    65: "locked",
    66: "too-many-pages",
    67: "too-large",
    68: "no-such-page",
}
STATUSES: Final[dict[str, int]] = {word: status for status, word in REFUSED.items()}
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "damaged": ("Tệp quét bị hỏng hoặc không đúng định dạng đã khai.", "The scan is damaged, or not of its type."),
    "locked": ("Tệp quét bị khoá bằng mật khẩu.", "The scan is locked by a password."),
    "too-many-pages": (f"Tệp quét có quá {PAGES_MAX} trang.", f"The scan has more than {PAGES_MAX} pages."),
    "too-large": (
        "Tệp quét, hoặc một trang trong tệp, lớn quá mức đọc được.",
        "The scan, or a page of it, is larger than can be read.",
    ),
    "too-long": ("Đọc tệp quét mất quá nhiều thời gian.", "Reading the scan takes too long."),
    "no-such-page": ("Tệp quét không có trang được hỏi.", "The scan has no such page."),
    "media-type": (
        "Chỉ đọc được tệp quét PDF, TIFF hoặc JPEG.",
        "Only scans in PDF, TIFF or JPEG can be read.",
    ),
    "empty": ("Tệp quét trống.", "The scan is empty."),
    "broken-off": ("Việc đọc tệp quét bị ngắt giữa chừng.", "Reading the scan was broken off."),
}


class ScanUnreadable(Exception):
    """A scan that cannot be read: `code` says why in a word, `vi` and `en` in a sentence.

    Trying again with the same bytes helps only where `may_retry` says so.
    """

    def __init__(self, vi: str, en: str, *, code: str = "damaged", may_retry: bool = False) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en
        self.code = code
        self.may_retry = may_retry

    @classmethod
    def by(cls, code: str) -> ScanUnreadable:
        """The refusal of that name."""
        vi, en = _WORDS[code]
        return cls(vi, en, code=code, may_retry=code in ("too-long", "broken-off"))

    @classmethod
    def damaged(cls) -> ScanUnreadable:
        """The bytes are not what they should be."""
        return cls.by("damaged")


def lines(task: Literal["read"], content: bytes, media_type: str) -> Iterator[bytes]:
    """The lines of a task's answer, as they come. Raises `ScanUnreadable`, also in the middle of them."""
    with _process(task, content, media_type, ()) as told:
        while line := told.readline(LINE_BYTES_MAX):
            if not line.endswith(b"\n"):
                raise ScanUnreadable.damaged()
            yield line


def answer(
    task: Literal["extract", "join", "picture"], content: bytes, media_type: str, numbers: tuple[int, ...]
) -> bytes:
    """The whole answer of a task about some of the pages. Raises `ScanUnreadable`."""
    with _process(task, content, media_type, numbers) as told:
        found = told.read(ANSWER_BYTES_MAX + 1)
    if len(found) > ANSWER_BYTES_MAX:
        raise ScanUnreadable.by("too-large")
    return found


@contextlib.contextmanager
def _process(task: str, content: bytes, media_type: str, numbers: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """The process at work, its answer to be read within the block; afterwards it has ended, one way or the other."""
    if media_type not in MEDIA_TYPES:
        raise ScanUnreadable.by("media-type")
    if not content:
        raise ScanUnreadable.by("empty")
    if len(content) > SIZE_BYTES_MAX:
        raise ScanUnreadable.by("too-large")
    late = threading.Event()
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-m", _MODULE, task, media_type, *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
        cwd="/",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def stop() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(TIME_S_MAX, stop)
        watch.daemon = True
        watch.start()
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(content)
            yield process.stdout
            status = process.wait()
        finally:
            watch.cancel()
            process.kill()
    if late.is_set():
        raise ScanUnreadable.by("too-long")
    if status:
        raise ScanUnreadable.by(_why(status))


def _why(status: int) -> str:
    """What an end with that status means: its own word, or by which limit it ended."""
    if status in REFUSED:
        return REFUSED[status]
    # Killed by what it was given: SIGXCPU, or (with no more memory to be had) an abort in a library.
    return {-24: "too-long", -6: "too-large", -5: "too-large", -4: "too-large"}.get(
        status, "broken-off" if status in (-9, -15) else "damaged"
    )
