"""Workers of one gateway, and the process from which they are forked: how they end, all together or one of them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.gateway.test_cli_submit import serving

ENDED_S = 20


def children(pid: int) -> list[int]:
    """The processes that this one started and that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(told[1]) == pid and told[0] != "Z":
            found.append(int(folder.name))
    return found


def forking(pid: int) -> int:
    """The process from which the workers of the gateway `pid` are forked."""
    (found,) = [one for one in children(pid) if children(one)]
    return found


def in_time(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + ENDED_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def test_a_gateway_all_of_whose_processes_are_told_to_stop_ends_well(tmp_path: Path) -> None:
    """As a service manager tells them: the parent waits for its workers all the same."""
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home", workers=2) as (_, process):
        server = forking(process.pid)
        workers = children(server)
        # First the one that would take the news of the workers' end with it.
        for one in (server, *workers, process.pid):
            os.kill(one, signal.SIGTERM)
        assert process.wait(30) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in workers)


def test_workers_end_with_the_process_that_they_were_forked_from(tmp_path: Path) -> None:
    """Others take their place; nobody would tell these to stop any more."""
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home", workers=2) as (_, process):
        server = forking(process.pid)
        workers = children(server)
        assert len(workers) == 2
        os.kill(server, signal.SIGKILL)
        assert in_time(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
        assert in_time(lambda: any(len(children(one)) == 2 for one in children(process.pid)))
