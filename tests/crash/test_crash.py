"""Wherever the process is killed, a retry gives one dossier, one receipt, one piece of work."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from signing.demo_pki import DemoPki
from tests.crash.conftest import Row, in_order
from tests.crash.nursery import Born, Nursery, Step, Trace, trace_of
from tests.lines.gateways import NONE_OF_ANY, ONE_OF_EACH, Home, dossier, prepare

SIGKILLED = -9


class Kill:
    """One kill at one step, the restart, and the retry."""

    def __init__(self, nursery: Nursery, home: Home, content: bytes, step: Step, when: str) -> None:
        self.nursery, self.home, self.content, self.step, self.when = nursery, home, content, step, when

    def run(self, stores: str) -> Row:
        spoken = self._die()
        again = Born(self.nursery, self.home)
        try:
            found, retry = self._retry(again, spoken)
        finally:
            again.stop()
        counts = self.home.kept(self.content)
        assert counts == ONE_OF_EACH, self._named(counts)
        return Row(
            stores=stores,
            number=self.step.number,
            step=f"{self.step.kind} {self.step.call}" if self.step.call != self.step.kind else self.step.kind,
            where=self.step.where,
            when=self.when,
            client_saw="201" if spoken is not None else "nothing",
            after_restart="dossier" if found else "nothing",
            retry=str(retry.status_code),
            counts="/".join(map(str, counts.values())),
        )

    def _die(self) -> bytes | None:
        """Submit and be cut off; what the client had heard by then."""
        trace = self.home.folder / "trace"
        dying = Born(self.nursery, self.home, trace=trace, number=self.step.number, when=self.when)
        spoken = None
        try:
            answer = dying.submit(self.content)
            assert answer.status_code == 201, self._named(answer.text)
            spoken = answer.content
        except httpx.TransportError:
            pass
        assert dying.end() == SIGKILLED, self._named("it was not killed")
        met = trace_of(trace).steps[-1]
        assert met == self.step, self._named(f"died at {met}")
        return spoken

    def _retry(self, again: Born, spoken: bytes | None) -> tuple[bool, httpx.Response]:
        before = again.receipt_of(self.content)
        assert before.status_code in (200, 404), self._named(before.text)
        found = before.status_code == 200
        assert self.home.kept(self.content) == (ONE_OF_EACH if found else NONE_OF_ANY), self._named(before.text)
        retry = again.submit(self.content)
        assert retry.status_code == (200 if found else 201), self._named(retry.text)
        answer = retry.json()
        again.check_receipt(answer, self.content)
        if spoken is not None:
            assert found, self._named("an answer was spoken of what is not there")
            assert retry.content == spoken, self._named("another receipt than the one spoken")
        if found:
            assert before.content == retry.content
        assert again.receipt_of(self.content).content == retry.content
        assert again.submit(self.content).content == retry.content
        assert again.get(f"/v1/dossiers/{answer['dossier']}/content").content == self.content
        assert again.get(f"/v1/dossiers/{answer['dossier']}/receipt").text == answer["receipt"]
        events = again.get(f"/v1/dossiers/{answer['dossier']}/events").json()["events"]
        assert [event["type"] for event in events] == ["accepted"]
        return found, retry

    def _named(self, what: object) -> str:
        return f"killed {self.when} {self.step}: {what}"


def moments(step: Step) -> list[str]:
    """When a process can die at a step. What is sent leaves only once the loop has turned."""
    between = {"send": ["after", "on the wire"], "write": ["halfway", "after"]}.get(step.kind, ["after"])
    return ["before", *between]


def dry_run(nursery: Nursery, home: Home, content: bytes) -> Trace:
    """List the steps of one submission that nobody kills."""
    trace = home.folder / "trace"
    living = Born(nursery, home, trace=trace)
    answer = living.submit(content)
    living.stop()
    assert answer.status_code == 201, answer.text
    return trace_of(trace)


def kill_everywhere(
    nurseries: list[Nursery], steps: list[Step], content: bytes, stores: str, new_home: Callable[[str], Home]
) -> list[Row]:
    """Kill one process at every moment of every step, and see what a retry makes of it."""
    kills = [(step, when) for step in steps for when in moments(step)]

    def share(number: int) -> list[Row]:
        return [
            Kill(nurseries[number], new_home(f"{number}-{turn}"), content, step, when).run(stores)
            for turn, (step, when) in enumerate(kills[number :: len(nurseries)])
        ]

    with ThreadPoolExecutor(len(nurseries)) as threads:
        rows = [row for shared in threads.map(share, range(len(nurseries))) for row in shared]
    assert len(rows) == len(kills)
    return rows


def keep_seal_commit_speak(steps: list[Step]) -> None:
    """The order that makes a receipt a promise. A killed process loses nothing that it wrote, synced or not: that every
    write is synced before the commit can only be seen here.
    """
    at = {
        name: [s.number for s in steps if name in (s.kind, s.call)] for name in ("seal", "send", "fdatasync", "fsync")
    }
    made = [step.number for step in steps if step.kind == "make"]
    kept = [step.number for step in steps if step.kind in ("write", "put")]
    (committed,) = [step.number for step in steps if step.kind == "commit" and "settle" in step.where]
    for number in kept:
        assert number < at["seal"][0]
        synced = any(number < sync < at["seal"][0] for sync in at["fdatasync"])
        assert synced or steps[number - 1].kind == "put", "a write that is not synced"
    for number in made:
        assert any(number < sync < at["seal"][0] for sync in at["fsync"]), "a name that is not synced"
    assert at["seal"][-1] < committed < at["send"][0]


def the_commit_decides(rows: list[Row]) -> None:
    """Before the commit of the round nothing is there, from it on the dossier is; nothing else decides."""
    ordered = sorted(rows, key=in_order)
    there = [row.after_restart == "dossier" for row in ordered]
    first = there.index(True)
    assert all(there[first:])
    assert (ordered[first].step, ordered[first].when) == ("commit", "after")
    assert "settle" in ordered[first].where


def test_wherever_it_is_killed_a_retry_gives_one_dossier_and_one_receipt(
    nurseries: list[Nursery], fresh_home: Home, tmp_path: Path, crash_rows: list[Row]
) -> None:
    content = dossier(fresh_home, 1)
    trace = dry_run(nurseries[0], fresh_home.copy(tmp_path / "dry"), content)
    steps = trace.steps
    kinds = {step.kind for step in steps}
    assert {"receive", "make", "write", "sync", "seal", "commit", "send"} <= kinds, kinds
    assert {"start", "body"} <= {step.call for step in steps}
    # Whatever opened a file for writing, or committed, did so by a counted call.
    assert len(trace.opened) == sum(step.kind == "make" for step in steps), trace.opened
    assert len(trace.committed) == sum(step.kind == "commit" for step in steps), trace.committed
    keep_seal_commit_speak(steps)

    rows = kill_everywhere(nurseries, steps, content, "SQLite, disk", lambda name: fresh_home.copy(tmp_path / name))
    the_commit_decides(rows)
    crash_rows.extend(rows)


def test_the_same_holds_on_postgresql_and_s3(
    nurseries: list[Nursery],
    crash_pki: DemoPki,
    postgres_server: str,
    s3_vault_url: str,
    tmp_path: Path,
    crash_rows: list[Row],
) -> None:
    databases = Databases(postgres_server)
    home = prepare(
        tmp_path / "home", crash_pki, database_url=databases.new("crash_fresh"), vault_url=_under(s3_vault_url, "fresh")
    )

    def new_home(name: str) -> Home:
        database_url = databases.new(f"crash_{name.replace('-', '_')}", template="crash_fresh")
        return home.copy(tmp_path / name, database_url=database_url, vault_url=_under(s3_vault_url, name))

    content = dossier(home, 1)
    trace = dry_run(nurseries[0], new_home("dry"), content)
    steps = trace.steps
    kinds = {step.kind for step in steps}
    assert {"receive", "put", "seal", "commit", "send"} <= kinds, kinds
    assert not trace.opened
    keep_seal_commit_speak(steps)

    rows = kill_everywhere(nurseries, steps, content, "PostgreSQL, S3", new_home)
    the_commit_decides(rows)
    crash_rows.extend(rows)


class Databases:
    """Makes databases on the run's server, empty or as a template has it."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._lock = threading.Lock()

    def new(self, name: str, *, template: str = "template0") -> str:
        asked = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        # A template must not be in use by anybody, not even by another copy.
        with self._lock, psycopg.connect(self._server.replace("+psycopg", "", 1), autocommit=True) as admin:
            admin.execute(asked)
        return urlsplit(self._server)._replace(path=f"/{name}").geturl()


def _under(vault_url: str, prefix: str) -> str:
    return urlsplit(vault_url)._replace(path=f"/{prefix}").geturl()
