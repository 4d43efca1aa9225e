"""Scenarios on SQLite and a folder: kills, disk errors, power cuts, a full disk, a wrong clock."""

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from tests.crash.nursery import Born, Nursery
from tests.faults import checker, checker_reading, shim
from tests.faults.gates import Gate
from tests.faults.ledger import Ledger
from tests.faults.load import LOGGED_S, Voice
from tests.faults.shim import Shim, ToolMissing
from tests.faults.stage import Outcome, Play, Stage
from tests.faults.tape import MANNERS, Disk, Manner, Record, read_tape
from tests.lines.gateways import Home

# What a cut gateway is asked again after its restart.
ASKED_AGAIN_MAX = 25
# Every disk is looked at; a gateway is started from so many of them.
SERVED_ONE_IN = 4
CUTS_MIN = 16
HOUR_NS = 3600 * 10**9


def kill(stage: Stage, name: str, seconds: float) -> Outcome:
    """SIGKILL at random: one worker, or all processes at once, and started again."""
    play = Play(stage, name, seconds)
    home = stage.disk_home(play.work)
    gate = Gate(home, play.work, workers=2).start()
    with play.loaded(gate) as ledger:
        killing(play, gate)
    return play.conclude(gate, ledger, lambda: checker_reading.home_on_disk(home.folder))


def killing(play: Play, gate: Gate) -> None:
    """Kill until the time is up."""
    while not play.ended():
        play.pause(0.3, 2.0)
        play.faults += 1
        if play.rng.random() < 0.5 and (workers := gate.workers()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(play.rng.choice(workers), signal.SIGKILL)
            play.restarts += 1
            play.pause(0.5, 1.5)
        else:
            gate.restart()
        play.keep_up(gate)


def errors(stage: Stage, name: str, seconds: float) -> Outcome:
    """Writes and syncs fail in the vault, in SQLite's files, in folders; writes are short; then the power is cut."""
    play = Play(stage, name, seconds)
    home = stage.disk_home(play.work)
    before = _copy(home, play.work)
    faulty = Shim(home.folder, play.work, seed=stage.seed, tape=True)
    gate = Gate(home, play.work, shim=faulty, workers=2).start()
    began_ns = time.monotonic_ns()
    with play.loaded(gate, employers=4) as ledger:
        while not play.ended(0.6):
            play.pause(0.3, 0.8)
            sync, write, short = play.rng.choice([(300, 0, 0), (0, 40, 0), (0, 0, 300), (150, 20, 100), (1000, 0, 0)])
            target = play.rng.choice([shim.VAULT, shim.SQLITE, shim.FOLDER, shim.VAULT | shim.SQLITE | shim.FOLDER])
            number = play.rng.choice([errno.EIO, errno.EIO, errno.ENOSPC])
            faulty.fail(target=target, sync=sync, write=write, short=short, error=number)
            play.pause(0.4, 1.0)
            faulty.heal()
            play.keep_up(gate)
    ended_ns = time.monotonic_ns()
    play.faults = faulty.injected
    outcome = play.conclude(gate, ledger, lambda: checker_reading.home_on_disk(home.folder))
    assert faulty.tape is not None
    cuts = Cuts(play, home, before, faulty, ledger, read_tape(faulty.tape), (began_ns, ended_ns))
    while not play.ended() or cuts.count < 4:
        cuts.one()
    outcome.verdict.add(cuts.verdict, "after a power cut: ")
    return structs.replace(
        outcome, faults=play.faults + cuts.count, told=f"{play.faults} failed calls, then {cuts.count} cuts"
    )


def power(stage: Stage, name: str, seconds: float, *, broken: int = 0) -> Outcome:
    """The power is cut at random instants: the disk is rebuilt from what was synced, and the gateway starts from it.

    `broken` names the files whose syncs the shim forgets: a gateway that would be built like that.
    """
    play = Play(stage, name, seconds)
    home = stage.disk_home(play.work)
    before = _copy(home, play.work)
    faulty = Shim(home.folder, play.work, seed=stage.seed, tape=True)
    gate = Gate(home, play.work, shim=faulty, workers=2).start()
    faulty.set(shim.SWALLOW, broken)
    began_ns = time.monotonic_ns()
    with play.loaded(gate, employers=4) as ledger:
        while not play.ended(0.25):
            play.pause(1.5, 4.0)
            if play.rng.random() < 0.3:
                gate.restart()
    ended_ns = time.monotonic_ns()
    gate.stop()
    assert faulty.tape is not None
    cuts = Cuts(play, home, before, faulty, ledger, read_tape(faulty.tape), (began_ns, ended_ns))
    nursery = None if broken else Nursery()
    try:
        while not play.ended() or cuts.count < CUTS_MIN:
            cuts.one(nursery if cuts.count % SERVED_ONE_IN == 0 else None)
    finally:
        if nursery is not None:
            nursery.close()
    play.faults = cuts.count
    cuts.verdict.looked_at += len(ledger.told)
    told = f"{cuts.count} cuts, {cuts.restarts} started again; {cuts.at_risk} writes and names at risk"
    return play.outcome(ledger, cuts.verdict, gate.restarts + cuts.restarts, told)


class Cuts:
    """Power cuts along one tape."""

    def __init__(
        self,
        play: Play,
        home: Home,
        before: Path,
        faulty: Shim,
        ledger: Ledger,
        tape: list[Record],
        between_ns: tuple[int, int],
    ) -> None:
        self._play, self._home, self._before, self._root = play, home, before, faulty.root
        self._ledger, self._tape = ledger, tape
        first, last = between_ns
        self._instants = [n for n, record in enumerate(tape) if first < record.at_ns < last]
        self.count = self.restarts = self.at_risk = 0
        self.verdict = checker.Verdict()

    def one(self, nursery: Nursery | None = None) -> None:
        """Cut the power at a random instant, rebuild the disk, look; and serve from it, if there is a nursery."""
        rng = random.Random(f"{self._play.stage.seed}/{self._play.name}/{self.count}")
        cut, manner = rng.choice(self._instants), MANNERS[self.count % len(MANNERS)]
        told = Ledger()
        told.sent, told.bad = dict(self._ledger.sent), set(self._ledger.bad)
        for one in self._ledger.until(self._tape[cut].at_ns):
            told.retell(one)
        folder = self._play.work / f"disk-{self.count}"
        where = f"cut {self.count} at {cut}, {manner.name}: "
        self.count += 1
        try:
            self._look(cut, manner, rng, folder, told, where, serve=nursery is not None)
            if nursery is not None:
                self._serve(nursery, folder, told, rng, where)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _look(
        self, cut: int, manner: Manner, rng: random.Random, folder: Path, told: Ledger, where: str, *, serve: bool
    ) -> None:
        disk = Disk(self._before, self._root, self._tape, cut)
        self.at_risk += disk.uncertain
        disk.leave(folder, manner, rng)
        if not serve:
            self._add(checker_reading.home_on_disk(folder), told, where)
            return
        # The checker reads a copy: the gateway is to find the disk as the cut left it.
        looked_at = folder.with_name(folder.name + "-looked-at")
        shutil.copytree(folder, looked_at)
        try:
            self._add(checker_reading.home_on_disk(looked_at), told, where)
        finally:
            shutil.rmtree(looked_at)

    def _add(self, kept: checker_reading.Kept, told: Ledger, where: str) -> None:
        try:
            self.verdict.add(checker.check(kept, told, settled=False), where)
        except Exception as fault:  # a database that cannot be opened holds nothing of what was told
            self.verdict.find("lost", f"{where}everything: {type(fault).__name__}: {fault}")

    def _serve(self, nursery: Nursery, folder: Path, told: Ledger, rng: random.Random, where: str) -> None:
        """Start a real gateway on the disk: what was told is told again, what was not answered is accepted once."""
        self.restarts += 1
        home = structs.replace(self._home, folder=folder)
        try:
            again = Born(nursery, home)
        except AssertionError as fault:
            self.verdict.find("lost", f"{where}the gateway does not start again: {str(fault)[-400:]}")
            return
        voice = Voice(again.url, home.employer, told)
        try:
            held, waiting = told.held(), told.unanswered()
            chosen = rng.sample(held, min(ASKED_AGAIN_MAX, len(held)))
            chosen += rng.sample(waiting, min(ASKED_AGAIN_MAX, len(waiting)))
            known = set(held)
            for sha256 in chosen:
                if not voice.submit(told.sent[sha256]) or (sha256 in known and told.told[-1].status != 200):
                    self.verdict.find("lost", f"{where}{sha256[:12]}: not told 200 again after the restart")
            time.sleep(LOGGED_S)
            if voice.look_at_log() < 0:
                self.verdict.find("lost", f"{where}the log shows no checkpoint after the restart")
        finally:
            voice.close()
            again.stop()
        self._add(checker_reading.home_on_disk(folder), told, where + "restarted: ")


def _copy(home: Home, work: Path) -> Path:
    before = work / "before"
    shutil.copytree(home.folder, before)
    return before


def full(stage: Stage, name: str, seconds: float) -> Outcome:
    """A small disk of its own runs full and has room again, over and over."""
    play = Play(stage, name, seconds)
    with _small_disk(play.work) as disk:
        made = stage.disk_home(play.work)
        shutil.move(made.folder, disk / "home")
        home = structs.replace(made, folder=disk / "home")
        gate = Gate(home, play.work, workers=2).start()
        with play.loaded(gate) as ledger:
            while not play.ended():
                play.pause(0.5, 1.2)
                _fill(disk / "ballast", play.rng.randrange(0, 400_000))
                play.faults += 1
                play.pause(0.5, 1.5)
                if play.rng.random() < 0.25:
                    # A full disk is also when somebody tries a restart.
                    gate.kill()
                    with contextlib.suppress(AssertionError):
                        gate.start(wait=False)
                    play.pause(0.5, 1.5)
                (disk / "ballast").unlink()
                play.keep_up(gate)
        return play.conclude(gate, ledger, lambda: checker_reading.home_on_disk(home.folder))


@contextmanager
def _small_disk(work: Path) -> Iterator[Path]:
    disk = work / "disk"
    disk.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        raise ToolMissing("root is needed, to mount a small disk")
    told = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise ToolMissing(f"a small disk cannot be mounted: {told.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run([umount, "-l", str(disk)], check=True)


def _fill(ballast: Path, leave_bytes: int) -> None:
    """Take all the room but so much."""
    state = os.statvfs(ballast.parent)
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - leave_bytes))


def clock(stage: Stage, name: str, seconds: float) -> Outcome:
    """The machine's clock jumps by hours, forward and back, across midnight and back again, while dossiers come in."""
    play = Play(stage, name, seconds)
    home = stage.disk_home(play.work)
    faulty = Shim(home.folder, play.work)
    gate = Gate(home, play.work, shim=faulty, workers=2).start()
    with play.loaded(gate) as ledger:
        while not play.ended():
            for offset_ns in _jumps(play.rng):
                faulty.set(shim.CLOCK_NS, offset_ns)
                play.faults += 1
                play.pause(0.8, 2.0)
                play.keep_up(gate)
            if play.rng.random() < 0.3:
                gate.restart()
    faulty.set(shim.CLOCK_NS, 0)
    return play.conclude(gate, ledger, lambda: checker_reading.home_on_disk(home.folder))


def _jumps(rng: random.Random) -> list[int]:
    """A few jumps in random order; one of them is to a second before midnight in Vietnam, and one straight back."""
    of_day_ns = (time.time_ns() + 7 * HOUR_NS) % (24 * HOUR_NS)
    to_midnight_ns = 24 * HOUR_NS - of_day_ns - 10**9
    jumps = [rng.choice([1, 3, 26]) * HOUR_NS, -rng.choice([1, 2, 30]) * HOUR_NS, 0, to_midnight_ns]
    rng.shuffle(jumps)
    at = jumps.index(to_midnight_ns)
    # Across midnight, then back to the day before, then across again.
    return [*jumps[: at + 1], to_midnight_ns - 60 * 10**9, to_midnight_ns + 2 * 10**9, *jumps[at + 1 :]]
