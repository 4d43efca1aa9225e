"""The command of an employer that submits: many files at once, safe to run again, receipts laid beside the files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.cli_proof import proof_of
from gateway.cli_terms import (
    COULD_NOT,
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    aside,
    command,
    settings,
    thousands,
    whole,
)
from gateway.client import (
    PATIENCE_S,
    Accepted,
    Gateway,
    GatewayAway,
    NotAllowed,
    RefusedDossier,
    Unexpected,
)
from gateway.clock import SystemClock
from gateway.findings_text import finding_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.client import Proof

BATCH_MAX = 9999
CONNECTIONS_MAX = 64
FINDINGS_SHOWN_MAX = 3
_PROGRESS_EVERY_S = 0.5


class _Told(Struct):
    """What became of the files so far."""

    fresh: int = 0
    known: int = 0
    refused: int = 0
    failed: int = 0

    @property
    def files(self) -> int:
        return self.fresh + self.known + self.refused + self.failed


class _Line(Struct, frozen=True, omit_defaults=True):
    """One file's outcome for a program."""

    file: str
    outcome: str
    sha256: str = ""
    dossier: str = ""
    receipt_number: str = ""
    code: str = ""
    problem: dict[str, object] = {}
    why: str = ""


def declare(commands: Commands[Parser]) -> None:
    """Declare `submit`."""
    submit = command(
        commands,
        "submit",
        _submit,
        says="Nộp hồ sơ; biên nhận được ghi cạnh tệp (FILE.receipt.jws). Chạy lại bao nhiêu lần cũng được.",
        tells="Submit dossiers; receipts are written beside the files. Safe to run again: one dossier, one receipt.",
        example="""
            motcua submit hoso.signed.xml --client employer-abc12345 --secret-file secret.txt
            motcua submit thang-11/ --url http://127.0.0.1:8080 --client employer-abc12345 --key client.key.pem
            motcua submit bo-sung.signed.xml --supplement-to d-… --client employer-abc12345
            motcua submit rut.signed.xml --withdraws d-… --client employer-abc12345
        """,
    )
    submit.add_argument("files", nargs="+", metavar="FILE", help="hồ sơ đã ký, hoặc thư mục có *.xml · or a folder")
    submit.add_argument("--url", help="địa chỉ cổng (mặc định: cổng trên máy này) · the gateway's address")
    submit.add_argument("--client", required=True, metavar="ID", help="mã tài khoản kết nối · client id")
    proof = submit.add_mutually_exclusive_group()
    proof.add_argument("--secret-file", type=Path, metavar="PATH", help="tệp chứa client_secret; không có thì hỏi")
    proof.add_argument(
        "--key", type=Path, metavar="PATH", help="khóa của tài khoản (private_key_jwt) · the client's key"
    )
    submit.add_argument("--batch", type=whole(1, BATCH_MAX), metavar="N", help="đợt (mặc định: đợt kế tiếp) · batch")
    about = submit.add_mutually_exclusive_group()
    about.add_argument("--supplement-to", metavar="DOSSIER", help="nộp bổ sung cho hồ sơ này · as its supplement")
    about.add_argument("--withdraws", metavar="DOSSIER", help="rút hồ sơ này · withdraws this dossier")
    submit.add_argument(
        "--connections",
        type=whole(1, CONNECTIONS_MAX),
        default=8,
        metavar="N",
        help="số kết nối cùng lúc (%(default)s)",
    )
    submit.add_argument(
        "--patience",
        type=whole(0, 86_400),
        default=int(PATIENCE_S),
        metavar="SECONDS",
        help="chờ cổng bao lâu rồi mới thôi (mặc định %(default)s) · how long to wait for the gateway",
    )
    add_json(submit)


def _submit(asked: argparse.Namespace) -> int:
    files = _files(asked.files)
    if asked.withdraws and len(files) > 1:
        raise CannotWork("--withdraws đi với một tệp · --withdraws goes with one file")
    told = settings()
    url = asked.url or f"http://{told.host}:{told.port}"
    sending = _Sending(asked, len(files))
    asyncio.run(sending.send(files, url, proof_of(asked)))
    return sending.tell()


def _files(named: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for name in named:
        path = Path(name)
        inside = sorted(path.glob("*.xml")) if path.is_dir() else [path]
        if not inside:
            raise CannotWork(f"{name}: không có tệp *.xml nào · holds no *.xml")
        found += inside
    if missing := [str(path) for path in found if not path.is_file()]:
        raise CannotWork(f"không có tệp · no such file: {', '.join(missing[:5])}")
    return found


class _Sending:
    """A run over many files: a few connections side by side, a line of progress, an outcome for each file."""

    def __init__(self, asked: argparse.Namespace, total: int) -> None:
        self.asked, self.total = asked, total
        self.told = _Told()
        self.bytes = 0
        self.began_s = self.drawn_s = monotonic()
        self.stopped: Exception | None = None

    async def send(self, files: Sequence[Path], url: str, proof: Proof) -> None:
        """Send every file; a gateway that stays away, or refuses the client, ends the run."""
        waiting = iter(files)
        count = min(self.asked.connections, len(files))
        patience_s = self.asked.patience
        async with Gateway(url, proof, SystemClock(), connections=count, patience_s=patience_s) as gateway:
            await asyncio.gather(*(self._work(gateway, waiting) for _ in range(count)))

    async def _work(self, gateway: Gateway, waiting: object) -> None:
        for path in waiting:  # type: ignore[attr-defined]
            if self.stopped:
                return
            try:
                content = path.read_bytes()
                outcome = await gateway.submit(content, batch=self.asked.batch, path=_door(self.asked))
                self.bytes += len(content)
                self._keep(path, outcome)
            except (GatewayAway, NotAllowed) as away:
                self.stopped = away
                return
            except (Unexpected, OSError) as error:
                self.told.failed += 1
                self._say(_Line(str(path), "failed", why=str(error)), [f"✗ {path}: {error}"])
            self._draw()

    def _keep(self, path: Path, outcome: Accepted | RefusedDossier) -> None:
        if isinstance(outcome, Accepted):
            _lay(path.with_name(path.name + ".receipt.jws"), outcome.receipt)
            self.told.fresh += outcome.fresh
            self.told.known += not outcome.fresh
            how = "accepted" if outcome.fresh else "already-accepted"
            line = _Line(str(path), how, outcome.sha256, outcome.dossier, outcome.receipt_number)
            shown = "đã tiếp nhận" if outcome.fresh else "đã có từ trước"
            few = [f"✓ {path}: {shown} · {outcome.receipt_number}"] if self.total <= FINDINGS_SHOWN_MAX else []
            self._say(line, few)
            return
        _lay(path.with_name(path.name + ".notice.jws"), outcome.notice)
        self.told.refused += 1
        problem = outcome.problem
        number = problem.get("notice_number", "")
        line = _Line(str(path), "refused", outcome.sha256, problem["dossier"], number, outcome.code, problem)
        findings = problem.get("findings", [])
        verdict = problem.get("verdict") or {}
        told = [f"✗ {path}: KHÔNG tiếp nhận · refused ({outcome.code}) · {number}"]
        if verdict and verdict["indication"] != "TOTAL-PASSED":
            why = next((s["message"] for s in verdict["signatures"] if s["indication"] != "TOTAL-PASSED"), "")
            told.append(f"    {verdict['indication']} {verdict.get('sub_indication') or ''}: {why}")
        for one in findings[:FINDINGS_SHOWN_MAX]:
            told += [f"    {text}" for text in finding_lines(one)]
        if more := len(findings) - FINDINGS_SHOWN_MAX:
            told += [f"    … và {more} lỗi nữa: motcua check {path}"] if more > 0 else []
        self._say(line, told)

    def _say(self, line: _Line, shown: Sequence[str]) -> None:
        if self.asked.json:
            print(msgspec.json.encode(line).decode(), flush=True)
            return
        if sys.stderr.isatty() and shown:
            print("\r\x1b[K", end="", file=sys.stderr)
        for text in shown:
            print(text, flush=True)

    def _draw(self) -> None:
        """A line of progress on a terminal, now and then."""
        now_s = monotonic()
        if not sys.stderr.isatty() or now_s - self.drawn_s < _PROGRESS_EVERY_S:
            return
        self.drawn_s = now_s
        print(f"\r\x1b[K{self._counted(now_s)}", end="", file=sys.stderr, flush=True)

    def _counted(self, now_s: float) -> str:
        told, seconds = self.told, max(now_s - self.began_s, 0.001)
        return (
            f"{thousands(told.files)}/{thousands(self.total)} hồ sơ · {told.fresh} mới · {told.known} đã có"
            f" · {told.refused} không tiếp nhận · {told.files / seconds:.0f}/s · {self.bytes / seconds / 1e6:.1f} MB/s"
        )

    def tell(self) -> int:
        """The last line, and the exit status."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
        aside(self._counted(monotonic()))
        if self.stopped:
            raise CannotWork(f"{self.stopped}; còn {self.total - self.told.files} hồ sơ chưa nộp: chạy lại lệnh này")
        if self.told.failed:
            return COULD_NOT
        return JUDGED_BAD if self.told.refused else DONE


def _door(asked: argparse.Namespace) -> str:
    """Where the files go: each a dossier of its own, or about an earlier one."""
    if asked.supplement_to:
        return f"/v1/dossiers/{asked.supplement_to}/supplements"
    return f"/v1/dossiers/{asked.withdraws}/withdrawal" if asked.withdraws else "/v1/dossiers"


def _lay(path: Path, statement: str) -> None:
    """Write a statement beside its dossier; the same statement again changes nothing."""
    path.write_text(statement + "\n", "ascii")
