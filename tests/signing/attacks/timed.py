"""A judge in a process of its own, which is ended when it takes too long: a bomb must not take the tests with it."""

import pickle
import select
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO, Literal

from msgspec import Struct

KILLED_AFTER_S = 6.0
_LENGTH = struct.Struct("<Q")


class Timed(Struct, frozen=True):
    """What the judge said and the processor time that it took; no codes when it had to be ended."""

    accepted: bool
    codes: tuple[str, ...]
    sub_indications: tuple[str, ...]
    cpu_s: float
    ended: bool = False


class TimedJudge:
    """Judges one document after another, in a process that is started again whenever one has to be ended."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, content: bytes, how: Literal["form", "envelope", "whole", "container"]) -> Timed:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        _write(process.stdin, (how, content))
        ready, _, _ = select.select([process.stdout], [], [], KILLED_AFTER_S)
        if not ready:
            self.close()
            return Timed(False, (), (), KILLED_AFTER_S, ended=True)
        accepted, codes, subs, cpu_s = _read(process.stdout)  # type: ignore[misc]
        return Timed(accepted, codes, subs, cpu_s)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.signing.attacks.timed", str(self._home)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
        )
        assert self._process.stdout is not None
        if _read(self._process.stdout) != "ready":
            raise RuntimeError("the judge did not start")
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _write(to: BinaryIO, what: object) -> None:
    raw = pickle.dumps(what)
    to.write(_LENGTH.pack(len(raw)) + raw)
    to.flush()


def _read(source: BinaryIO) -> object:
    head = source.read(_LENGTH.size)
    return pickle.loads(source.read(_LENGTH.unpack(head)[0])) if head else None


def main() -> None:
    from tests.signing.attacks.bench import ENVELOPE, FORM, Bench

    bench = Bench.opened(Path(sys.argv[1]))
    _write(sys.stdout.buffer, "ready")
    while (job := _read(sys.stdin.buffer)) is not None:
        how, content = job  # type: ignore[misc]
        begun = time.process_time()
        if how in ("form", "envelope"):
            outcome = bench.room(content, FORM if how == "form" else ENVELOPE)
        else:
            outcome = bench.whole(content, container=how == "container")
        cpu_s = time.process_time() - begun
        subs = tuple(str(one or "") for one in outcome.sub_indications)
        _write(sys.stdout.buffer, (outcome.accepted, outcome.codes, subs, cpu_s))


if __name__ == "__main__":
    main()
