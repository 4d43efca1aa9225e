"""The demonstration: a month-end through real HTTP against a gateway of its own, each step timed and checked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx

from gateway.cli_terms import DONE, JUDGED_BAD, thousands, wrapped
from gateway.client import Accepted, BySecret, Gateway, LeaseLost, RefusedDossier
from gateway.client_course import EmployerGateway
from gateway.client_office import OfficeGateway
from gateway.clock import SystemClock, for_people
from gateway.demo_course import Course, Filed, limit_of
from gateway.demo_dossiers import EMPLOYEES, MANY_EMPLOYEES, Bench, bench, with_another_time
from gateway.demo_gateway import STOP_S, WORKERS, Unplayable, a_gateway, free_port, make_afresh, settings_of
from gateway.demo_office import BackOffice, office_signer
from gateway.demo_post import PaperAct
from gateway.demo_told import outcome_told, reasons
from gateway.first_start import DEMO_FOLDER, DEMO_OFFICES, read_secrets
from schemas.catalogue import Catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.client import Proof, Work

DOSSIERS = 40
CONNECTIONS = 8
START_S = 40.0
LEASE_S = 1
SILENT_S = 1.2
# The Vietnamese column; the English one stands beside it.
_COLUMN = 51
_LOST, _LARGE, _BROKEN, _FORGED, _CONTESTED, _PAPER = 100, 101, 102, 103, 104, 106


def play(home: Path) -> int:
    """Play it all in the folder `home`, which is made afresh. Returns 0 only if every check held."""
    make_afresh(home)
    port = free_port()
    play_ = _Play(home, f"http://127.0.0.1:{port}")
    print("motcua demo — một kỳ nộp hồ sơ BHXH qua HTTP thật · a month-end through real HTTP")
    try:
        with a_gateway(home, port) as process:
            asyncio.run(play_.through(process))
        play_.afterwards()
    except Exception as error:
        print(f"✗ {type(error).__name__}: {error}\n  nhật ký · log: {home / 'gateway.log'}")
        return JUDGED_BAD
    return play_.sum_up()


class _Play:
    """The acts, and what was checked in them."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.began_s = perf_counter()
        self.held = self.failed = 0
        self.contents: dict[str, bytes] = {}
        self.filed: list[Accepted] = []
        self.pinned = home / "out" / "gateway.jwks"

    def say(self, vi: str, en: str, *, check: bool | None = None) -> None:
        """A line of the play, under its time; with a check, whether it held."""
        mark = " " if check is None else "✓" if check else "✗"
        if check is not None:
            self.held += check
            self.failed += not check
        print(f"{perf_counter() - self.began_s:5.1f} s {mark} {vi:<{_COLUMN}}  {en}", flush=True)

    async def through(self, process: subprocess.Popen[bytes]) -> None:
        """Everything that happens while the gateway runs."""
        await self._ready(process)
        held = {name: BySecret(client, secret) for name, client, secret in read_secrets(self.home / DEMO_FOLDER)}
        clock = SystemClock()
        catalogue = Catalogue.load()
        desk = bench(self.home / DEMO_FOLDER, catalogue, clock.now())
        async with EmployerGateway(self.url, held["employer"], clock, connections=CONNECTIONS) as employer:
            self.pinned.write_text(json.dumps(await employer.keys()))
            print("Phần mềm của đơn vị · the employer's software")
            await self._month_end(employer, desk)
            await self._large(employer, desk)
            await self._lost_answer(employer, desk)
            await self._twice(employer)
            print("Hồ sơ không được tiếp nhận · what is refused, and why")
            await self._broken(employer, desk)
            await self._forged(employer, desk)
            print("Cơ quan BHXH · the offices")
            await self._offices({office: held[f"office-{office}"] for office in DEMO_OFFICES})
            binding = asyncio.create_task(asyncio.to_thread(self._bind, DEMO_OFFICES[0]))
            await self._late(employer, desk, held[f"office-{DEMO_OFFICES[0]}"])
            print("Từ yêu cầu bổ sung đến kết quả · from the supplement to the result")
            await self._course(employer, desk, held, limit_of(catalogue, clock.now().date()), binding)
            print("Hồ sơ giấy qua bưu chính · paper by post")
            await self._paper(employer, desk, held)
        process.send_signal(signal.SIGTERM)
        stopped = await asyncio.to_thread(process.wait, STOP_S)
        print("Sau khi cổng đã dừng, không mạng · the gateway is stopped; offline")
        self.say("Cổng dừng êm theo SIGTERM", f"stopped in good order: exit status {stopped}", check=stopped == 0)

    async def _ready(self, process: subprocess.Popen[bytes]) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            while perf_counter() - self.began_s < START_S:
                if process.poll() is not None:
                    raise Unplayable("cổng không khởi động được · the gateway did not start")
                try:
                    if (await http.get("/ready")).status_code == httpx.codes.OK:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
            else:
                raise Unplayable("cổng khởi động quá lâu · the gateway took too long to start")
        port = self.url.rpartition(":")[2]
        self.say(f"Cổng đã mở: {WORKERS} tiến trình, SQLite, PKI mẫu", f"{WORKERS} workers, port {port}", check=True)

    async def _month_end(self, employer: Gateway, desk: Bench) -> None:
        made_s = perf_counter()
        contents = [desk.good(number) for number in range(DOSSIERS)]
        made_s = perf_counter() - made_s
        self.say(f"Tạo và ký {DOSSIERS} hồ sơ × {EMPLOYEES} lao động", f"made and signed in {_ms(made_s)}")
        times: list[float] = []
        free = asyncio.Semaphore(CONNECTIONS)

        async def send(content: bytes) -> Accepted | RefusedDossier:
            async with free:
                began_s = perf_counter()
                outcome = await employer.submit(content)
                times.append(perf_counter() - began_s)
            return outcome

        sent_s = perf_counter()
        outcomes = await asyncio.gather(*map(send, contents))
        sent_s = perf_counter() - sent_s
        for content, outcome in zip(contents, outcomes, strict=True):
            self._keep(content, outcome)
        self.filed = [one for one in outcomes if isinstance(one, Accepted)]
        fresh = sum(isinstance(one, Accepted) and one.fresh for one in outcomes)
        numbers = {one.receipt_number for one in outcomes if isinstance(one, Accepted)}
        median_s = sorted(times)[len(times) // 2]
        self.say(
            f"Nộp {DOSSIERS} hồ sơ qua {CONNECTIONS} kết nối: {fresh} biên nhận",
            f"in {_ms(sent_s)}, median {_ms(median_s)}, slowest {_ms(max(times))}",
            check=fresh == len(numbers) == DOSSIERS,
        )

    async def _large(self, employer: Gateway, desk: Bench) -> None:
        content = desk.good(_LARGE, employees=MANY_EMPLOYEES, attachments=1)
        began_s = perf_counter()
        outcome = await employer.submit(content)
        took_s = perf_counter() - began_s
        self._keep(content, outcome)
        people = thousands(MANY_EMPLOYEES)
        self.say(
            f"1 hồ sơ {people} lao động kèm PDF, {len(content) / 1e6:.1f} MB",
            f"a large one with a PDF: {outcome_told(outcome)} in {_ms(took_s)}",
            check=isinstance(outcome, Accepted),
        )

    async def _lost_answer(self, employer: Gateway, desk: Bench) -> None:
        """The whole dossier goes out, and the line goes dead before the answer comes."""
        content = desk.good(_LOST)
        digest = hashlib.sha256(content).hexdigest()
        token = await employer.token()
        await asyncio.to_thread(self._send_and_hang_up, content, token)
        held = None
        for _ in range(50):
            if held := await employer.receipt_of(digest):
                break
            await asyncio.sleep(0.02)
        self.say(
            "Mất câu trả lời, hỏi lại theo SHA-256: có biên nhận",
            "answer lost, asked by digest: here it is",
            check=held is not None,
        )
        if held is not None:
            self._keep(content, held)
            again = await employer.submit(content)
            same = isinstance(again, Accepted) and not again.fresh and again.receipt == held.receipt
            self.say("Gửi lại hồ sơ ấy: đúng biên nhận ấy", "sent again: 200, the identical receipt", check=same)

    def _send_and_hang_up(self, content: bytes, token: str) -> None:
        host, _, port = self.url.removeprefix("http://").partition(":")
        head = (
            f"POST /v1/dossiers HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(head.encode() + content)

    async def _twice(self, employer: Gateway) -> None:
        digest, content = next(iter(self.contents.items()))
        first = (self.home / "out" / f"{digest}.receipt.jws").read_text("ascii").strip()
        outcomes = await asyncio.gather(*(employer.submit(content) for _ in range(CONNECTIONS)))
        same = all(isinstance(one, Accepted) and not one.fresh and one.receipt == first for one in outcomes)
        self.say(
            f"Một hồ sơ nộp lại {CONNECTIONS} lần cùng lúc: một biên nhận",
            f"the same bytes {CONNECTIONS} times at once: one receipt",
            check=same,
        )

    async def _broken(self, employer: Gateway, desk: Bench) -> None:
        outcome = await employer.submit(desk.with_mistakes(_BROKEN))
        refused = isinstance(outcome, RefusedDossier) and outcome.code == "findings"
        findings: list[dict[str, Any]] = outcome.problem["findings"] if isinstance(outcome, RefusedDossier) else []
        rows = {one["row"] for one in findings}
        self.say(
            f"Hồ sơ có lỗi: 422, báo cả {len(findings)} lỗi trong một lần",
            "all its mistakes at once, in a signed notice",
            check=refused and {2, 3, 5} <= rows,
        )
        for one in findings[:1]:
            for line in (*wrapped("– ", one["message"], 10), *wrapped("→ ", one["fix"], 12)):
                print(line)
        others = "; ".join(f"dòng {one['row']}, {one['column']}: “{one['value']}”" for one in findings[1:3])
        print("\n".join(wrapped("– ", others, 10)))

    async def _forged(self, employer: Gateway, desk: Bench) -> None:
        forged = (
            (desk.altered(_FORGED), "Sửa lương sau khi ký", "wage changed after signing", "HASH_FAILURE"),
            (desk.by_nobody_known(_FORGED), "CA mạo tên", "forged CA", "CERTIFICATE_CHAIN_GENERAL_FAILURE"),
            (
                desk.by_another_unit(_FORGED),
                "Ký bằng chứng thư đơn vị khác",
                "another unit's",
                "signer-tax-code-differs",
            ),
        )
        for content, vi, en, expected in forged:
            outcome = await employer.submit(content)
            told = reasons(outcome)
            found = told[0] if told else ("", outcome_told(outcome))
            self.say(f"{vi}: {found[0] or 422}", f"{en}: {found[1]}", check=expected in [code for _, code in told])

    async def _offices(self, offices: dict[str, Proof]) -> None:
        began_s = perf_counter()
        took = dict(zip(offices, await asyncio.gather(*(self._office(*one) for one in offices.items())), strict=True))
        took_s = perf_counter() - began_s
        for office, (count, complete) in took.items():
            self.say(
                f"Cơ quan {office}: nhận, so SHA-256, xác nhận {count} hồ sơ",
                f"took, compared, acknowledged, up to fact {complete}",
                check=count > 0,
            )
        total = sum(count for count, _ in took.values())
        self.say(
            f"Hai cơ quan giữ đủ {total}/{len(self.contents)} hồ sơ",
            f"nothing missing, nothing twice, in {_ms(took_s)}",
            check=total == len(self.contents),
        )

    async def _office(self, office: str, proof: Proof) -> tuple[int, int]:
        """One office's software: take, fetch, compare, acknowledge, until nothing is left."""
        count = 0
        async with Gateway(self.url, proof, SystemClock()) as gateway:
            while True:
                page = await gateway.lease(office, 10, 60)
                if not page.work:
                    return count, page.complete_until
                await asyncio.gather(*(self._take(gateway, one) for one in page.work))
                count += len(page.work)

    async def _take(self, gateway: Gateway, work: Work) -> None:
        content = await gateway.content(work)
        if content != self.contents.get(work.sha256):
            raise Unplayable(f"{work.receipt_number}: không phải byte đã nộp · not the bytes that were submitted")
        await gateway.acknowledge(work)

    async def _late(self, employer: Gateway, desk: Bench, proof: Proof) -> None:
        """A holder falls silent; the work goes to another, and the first comes back too late."""
        content = desk.good(_CONTESTED)
        self._keep(content, await employer.submit(content))
        office = DEMO_OFFICES[_CONTESTED % len(DEMO_OFFICES)]
        async with Gateway(self.url, proof, SystemClock()) as gateway:
            (silent,) = (await gateway.lease(office, 1, LEASE_S)).work
            await asyncio.sleep(SILENT_S)
            second = await gateway.lease(office, 1, 60)
            try:
                await gateway.acknowledge(silent)
            except LeaseLost:
                lost = True
            else:
                lost = False
            for work in second.work:
                await self._take(gateway, work)
        same = [one.dossier for one in second.work] == [silent.dossier]
        self.say(
            "Giữ việc im lặng: giao lại, xác nhận muộn bị 409",
            "silent holder: handed on, too late gets 409",
            check=lost and same and second.work[0].attempt == silent.attempt + 1,
        )

    async def _course(
        self,
        employer: EmployerGateway,
        desk: Bench,
        held: dict[str, BySecret],
        limit_working_days: int,
        binding: asyncio.Task[bool],
    ) -> None:
        """What becomes of three of the first office's dossiers."""
        clock, folder = SystemClock(), self.home / DEMO_FOLDER
        async with AsyncExitStack() as stack:
            offices = []
            for code in DEMO_OFFICES:
                gateway = await stack.enter_async_context(OfficeGateway(self.url, held[f"office-{code}"], clock))
                offices.append(BackOffice(gateway, code, office_signer(folder, code, clock.now()), clock))
            theirs = [Filed(number, self.filed[number]) for number in range(0, 3 * len(offices), len(offices))]
            first, other = offices
            act = Course(employer, (first, other), desk, limit_working_days, folder, self.say, self._keep)
            await act.play(*theirs, bound=binding)

    async def _paper(self, employer: Gateway, desk: Bench, held: dict[str, BySecret]) -> None:
        office, content = desk.unit(_PAPER).office, desk.made(_PAPER)
        async with AsyncExitStack() as stack:
            others = [Gateway(self.url, held[name], SystemClock()) for name in (f"office-{office}", "post")]
            clerk, post = [await stack.enter_async_context(one) for one in others]
            filed = await PaperAct(employer, clerk, post, office, SystemClock(), self.say).play(content)
        self.contents[filed["sha256"]] = content

    def _bind(self, office: str) -> bool:
        """Tell the gateway with which certificate the office signs."""
        folder = self.home / DEMO_FOLDER
        office_signer(folder, office, SystemClock().now())
        return (
            self._motcua("office", "bind", "--office", office, "--cert", str(folder / f"office-{office}.pem"))[0]
            == DONE
        )

    def afterwards(self) -> None:
        """What can be checked when the gateway is gone: the receipts, and the house itself."""
        digest = next(iter(self.contents))
        receipt, content = self.home / "out" / f"{digest}.receipt.jws", self.home / "out" / f"{digest}.xml"
        content.write_bytes(self.contents[digest])
        proof = ("--key", str(self.pinned), "--content", str(content), "--json")
        done, told = self._motcua("verify", str(receipt), *proof)
        says = told.get("says", {})
        at = for_people(datetime.fromisoformat(says["received_at"])) if says else "?"
        self.say(f"Biên nhận {says.get('receipt')} đúng", f"verified offline: received {at}", check=done == DONE)
        changed = self.home / "out" / "changed.receipt.jws"
        changed.write_text(with_another_time(receipt.read_text("ascii")), "ascii")
        done, told = self._motcua("verify", str(changed), *proof)
        wrong = str(told.get("wrong")).partition(":")[0]
        self.say("Biên nhận bị sửa giờ: phát hiện được", f"one with an altered time: {wrong}", check=done == JUDGED_BAD)
        done, told = self._motcua("audit", "--json")
        self.say(
            f"Kiểm toán: đọc lại từng byte {told.get('accepted')} hồ sơ",
            f"audit: {told.get('events')} facts gap-free, {told.get('faults_count')} faults",
            check=done == DONE and told.get("accepted") == len(self.contents),
        )

    def _motcua(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Another command, as a person would run it."""
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "gateway.cli", *words], env=settings_of(self.home), capture_output=True, check=False
        )
        try:
            return ran.returncode, json.loads(ran.stdout)
        except ValueError:
            return ran.returncode, {"wrong": ran.stderr.decode("utf-8", "replace").strip()}

    def sum_up(self) -> int:
        """The last line."""
        total, took = self.held + self.failed, f"{perf_counter() - self.began_s:.1f} s"
        if self.failed:
            print(f"✗ {self.failed}/{total} kiểm tra KHÔNG đạt · checks did NOT hold ({took}); {self.home}")
            return JUDGED_BAD
        print(f"✓ {total}/{total} kiểm tra đạt · every check held ({took}). Xem · see {self.home}")
        return DONE

    def _keep(self, content: bytes, outcome: Accepted | RefusedDossier) -> None:
        """The employer keeps what it sent and what it was told."""
        if isinstance(outcome, Accepted):
            self.contents[outcome.sha256] = content
            (self.home / "out" / f"{outcome.sha256}.receipt.jws").write_text(outcome.receipt + "\n", "ascii")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
