"""Scenarios on PostgreSQL and S3: kills on both sides, a faulty store, partitions between gateway and stores."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct, structs

from tests import servers
from tests.faults import checker_reading
from tests.faults.gates import Gate, open_budgets
from tests.faults.scenarios_disk import killing
from tests.faults.shim import ToolMissing
from tests.faults.stage import Outcome, Play, Stage
from tests.faults.wires import ANY, FORGETS, GETS, PUTS, Door, Wire
from tests.lines.gateways import prepare
from tests.servers_standby import pair


def kill(stage: Stage, name: str, seconds: float) -> Outcome:
    """SIGKILL at random for the gateway's processes, on PostgreSQL and S3."""
    play = Play(stage, name, seconds)
    home, kept = stage.network_home(play.work)
    gate = Gate(home, play.work, workers=2).start()
    with play.loaded(gate) as ledger:
        killing(play, gate)
    return play.conclude(gate, ledger, kept)


def database(stage: Stage, name: str, seconds: float) -> Outcome:
    """PostgreSQL is killed by SIGKILL with all of its processes and comes back; at times its connections are cut."""
    play = Play(stage, name, seconds)
    home, kept = stage.network_home(play.work)
    gate = Gate(home, play.work, workers=2).start()
    served = stage.postgres
    with play.loaded(gate) as ledger:
        while not play.ended():
            play.pause(0.5, 2.5)
            play.faults += 1
            if play.rng.random() < 0.4:
                served.wire.cut()
                play.pause(0.0, 1.0)
                served.wire.mend()
            else:
                served.kill()
                play.pause(0.0, 1.5)
                served.start()
                play.restarts += 1
            play.keep_up(gate)
    return play.conclude(gate, ledger, kept)


def promoted(stage: Stage, name: str, seconds: float) -> Outcome:
    """The primary dies with all of its processes, and its synchronous standby is promoted."""
    play = Play(stage, name, seconds)
    with servers.short_folder() as folder, pair(folder) as both:
        home = prepare(play.work / "home", stage.pki, database_url=both.url)
        open_budgets(home)
        gate = Gate(home, play.work, workers=2).start()
        with play.loaded(gate) as ledger:
            play.pause(0.2 * seconds, 0.5 * seconds)
            both.kill_primary()
            play.pause(0.0, 2.0)
            both.promote()
            play.faults += 1
            while not play.ended():
                play.pause(0.5, 1.0)
                play.keep_up(gate)
        rows = checker_reading.postgres_rows(f"postgresql://motcua:{both.password}@127.0.0.1:{both.ports[1]}/postgres")
        read = checker_reading.disk_read(home.folder / "vault")
        return play.conclude(gate, ledger, lambda: checker_reading.kept_in(home.folder, rows, read))


_QUICK = tuple(fault for fault in (*ANY, *PUTS, *GETS) if fault != "hangs")
STORE_FAULTS = (_QUICK, _QUICK, PUTS, PUTS, GETS, ("away",), ("late", "silent"), ("slow", "busy"), ("hangs",))


def store(stage: Stage, name: str, seconds: float) -> Outcome:
    """The S3 store is slow, busy, away, loses answers, keeps late, spoils bodies, gives other bytes back."""
    play = Play(stage, name, seconds)
    door = Door(stage.store_address(), play.rng.randrange(2**31))
    try:
        home, kept = stage.network_home(play.work, door=door)
        gate = Gate(home, play.work, workers=2).start()
        with play.loaded(gate) as ledger:
            while not play.ended():
                play.pause(0.3, 0.8)
                faults = play.rng.choice(STORE_FAULTS)
                # A store that hangs holds everything up: little of that goes a long way.
                door.fail(100 if faults == ("hangs",) else play.rng.choice([200, 500, 1000]), *faults)
                play.pause(0.8, 2.5)
                door.heal()
                play.keep_up(gate)
        door.wait_for_late_ones()
        outcome = play.conclude(gate, ledger, kept)
        seen = ", ".join(f"{fault} {count}" for fault, count in sorted(door.struck.items()))
        return structs.replace(outcome, faults=door.struck.total(), told=seen)
    finally:
        door.close()


def forgetful(stage: Stage, name: str, seconds: float) -> Outcome:
    """The S3 store says 200 and keeps nothing: always, when the gateway starts; now and then, while it serves."""
    play = Play(stage, name, seconds)
    door = Door(stage.store_address(), play.rng.randrange(2**31))
    try:
        home, kept = stage.network_home(play.work, door=door)
        gate = Gate(home, play.work, workers=2)
        door.fail(1000, FORGETS)
        began = True
        try:
            gate.start()
        except AssertionError:
            began = False
            gate.kill()
        door.heal()
        if not began:
            gate.start()
        with play.loaded(gate) as ledger:
            while not play.ended():
                play.pause(0.3, 0.8)
                door.fail(play.rng.choice([50, 300]), FORGETS)
                play.pause(0.5, 1.0)
                door.heal()
                play.keep_up(gate)
        outcome = play.conclude(gate, ledger, kept)
        if began:
            outcome.verdict.find("lost", "the gateway entrusted itself to a store that keeps nothing")
        return structs.replace(outcome, faults=door.struck.total(), told="start refused" if not began else "")
    finally:
        door.close()


# ---- partitions


class Link(Struct, frozen=True):
    """One wire of the partitioned gateway: the device on our side, and the two addresses."""

    device: str
    ours: str
    theirs: str


@contextmanager
def _apart(links: list[Link], space: str) -> Iterator[None]:
    """A network namespace that is tied to us by these wires alone."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("iptables") is None:
        raise ToolMissing("root, iproute2 and iptables are needed, to make a network namespace")
    try:
        _ip("netns", "add", space)
        _ip("-n", space, "link", "set", "lo", "up")
        for link in links:
            _ip("link", "add", link.device, "type", "veth", "peer", "name", link.device + "x")
            _ip("link", "set", link.device + "x", "netns", space)
            _ip("addr", "add", f"{link.ours}/30", "dev", link.device)
            _ip("link", "set", link.device, "up")
            _ip("-n", space, "addr", "add", f"{link.theirs}/30", "dev", link.device + "x")
            _ip("-n", space, "link", "set", link.device + "x", "up")
        yield
    finally:
        for link in links:
            _ip("link", "del", link.device, must=False)
        _ip("netns", "del", space, must=False)


def _ip(*words: str, must: bool = True) -> None:
    told = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if must and told.returncode:
        raise ToolMissing(f"ip {' '.join(words)}: {told.stderr.strip()}")


# The link is down; nothing arrives; nothing leaves; whatever leaves is answered by a reset.
PARTITIONS = ("down", "deaf", "mute", "reset")
_RULES = {
    "deaf": ["INPUT", "-i"],
    "mute": ["OUTPUT", "-o"],
    "reset": ["OUTPUT", "-p", "tcp", "-o"],
}


def _part(space: str, link: Link, how: str, *, again: bool = False) -> None:
    """Part gateway and store in that way, or bring them together again."""
    if how == "down":
        _ip("link", "set", link.device, "up" if again else "down")
        return
    chain, *which = _RULES[how]
    does = ["REJECT", "--reject-with", "tcp-reset"] if how == "reset" else ["DROP"]
    rule = ["-D" if again else "-A", chain, *which, link.device + "x", "-j", *does]
    _ip("netns", "exec", space, "iptables", "-w", *rule)


def partition(stage: Stage, name: str, seconds: float) -> Outcome:
    """Packets between the gateway and PostgreSQL, S3 or both vanish for a while: nobody is told that they do."""
    play = Play(stage, name, seconds)
    tag = f"mq{os.getpid() % 100_000}"
    net = f"10.{97 + os.getpid() % 3}.{os.getpid() % 200}"
    clients, data, things = (
        Link(f"{tag}{letter}", f"{net}.{4 * n + 1}", f"{net}.{4 * n + 2}") for n, letter in enumerate("cds")
    )
    with _apart([clients, data, things], tag):
        home, kept = stage.network_home(play.work)
        to_database = Wire(stage.postgres.wire.target, data.ours)
        to_store = Wire(stage.store_address(), things.ours)
        bucket = home.vault_url.removeprefix("s3://").partition("?")[0]
        home = structs.replace(
            home,
            database_url=stage.postgres.through(home.database_url, data.ours, to_database.port),
            vault_url=stage.s3_url(play.work, bucket, things.ours, to_store.port),
        )
        gate = Gate(home, play.work, workers=2, host=clients.theirs, within=["ip", "netns", "exec", tag])
        try:
            gate.start()
            with play.loaded(gate) as ledger:
                while not play.ended():
                    play.pause(0.8, 2.0)
                    cut = play.rng.choice([[data], [things], [data, things]])
                    how = play.rng.choice(PARTITIONS)
                    for link in cut:
                        _part(tag, link, how)
                    play.faults += 1
                    # From below every limit of the gateway to above them all.
                    play.pause(0.5, play.rng.choice([1.5, 5.0, 12.0, 20.0]))
                    for link in cut:
                        _part(tag, link, how, again=True)
                    play.keep_up(gate)
            time.sleep(1)
            return play.conclude(gate, ledger, kept)
        finally:
            gate.kill()
            for wire in (to_database, to_store):
                with contextlib.suppress(Exception):
                    wire.close()
