"""The keyring: the signer of any instant, by a file that several processes read and nobody needs to restart for."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from signing import keyring
from signing.keyring import Keyring, KeyringUnusable
from signing.seal import (
    FileSealKey,
    SealAway,
    SealKeyUnusable,
    Signer,
    create_seal_key,
    load_seal_key,
    open_jws,
    seal_jws,
)
from signing.seal_history import ChangeRefused, read_history, whole_second
from tests.softhsm import SoftHsm, softhsm

__all__ = ["softhsm"]

REPOSITORY = Path(__file__).parents[2]
HANOI = timezone(timedelta(hours=7), "+07:00")
NOW = datetime(2026, 3, 2, 8, 30, tzinfo=HANOI)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
FILE = "seal-keys.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    create_seal_key(tmp_path / "seal.pem")
    return tmp_path


def opened(home: Path, now: datetime = NOW, **more: bool) -> Keyring:
    return Keyring.open(home / FILE, home / "seal.pem", now, **more)


def made(home: Path, name: str) -> tuple[FileSealKey, Path]:
    return create_seal_key(home / name), home / name


def test_a_home_with_one_key_gets_a_history_of_one_key(home: Path) -> None:
    ring = opened(home)
    assert (home / FILE).stat().st_mode & 0o777 == 0o644
    (only,) = read_history((home / FILE).read_bytes()).keys
    assert (only.source, only.seals_from, only.published_at) == ("seal.pem", None, NOW)
    assert ring.signer_at(NOW).kid == only.kid
    assert ring.signer_at(NOW - 900 * DAY).kid == only.kid
    assert opened(home, NOW + DAY).keys(NOW) == (only,)


def test_looking_without_keeping_writes_nothing(home: Path) -> None:
    ring = opened(home, keep=False)
    assert ring.signer_at(NOW).kid
    assert [path.name for path in home.iterdir()] == ["seal.pem"]
    assert ring.troubles(NOW) == []


def test_a_rotation_is_seen_by_a_running_gateway_without_a_restart(home: Path) -> None:
    running, operator = opened(home), opened(home)
    old = running.signer_at(NOW)
    operator.rotate(*made(home, "b.pem"), now=NOW)
    begins = NOW + DAY
    assert [running.signer_at(at).kid for at in (NOW + SECOND, begins - SECOND)] == [old.kid] * 2
    new = running.signer_at(begins)
    assert new.kid == operator.signer_at(begins).kid != old.kid
    # A statement of a dossier that came in before is sealed with the key of its own instant.
    assert running.signer_at(begins - timedelta(microseconds=1)).kid == old.kid
    assert [one.kid for one in running.keys(begins)] == [new.kid, old.kid]
    assert open_jws(seal_jws(new, b"{}", "x"), new.public_jwk()) == b"{}"


def test_keys_are_shown_the_one_in_use_first(home: Path) -> None:
    ring = opened(home)
    first = ring.signer_at(NOW).kid
    second = ring.rotate(*made(home, "b.pem"), now=NOW, seals_from=NOW).kid
    third = ring.rotate(*made(home, "c.pem"), now=NOW + DAY).kid
    assert [one.kid for one in ring.keys(NOW + DAY)] == [second, third, first]


def test_the_signer_of_an_instant_costs_less_than_a_microsecond(home: Path) -> None:
    ring = opened(home)
    ring.signer_at(NOW)
    instant = NOW + timedelta(microseconds=700)
    best = min(_timed(lambda: ring.signer_at(instant)) for _ in range(7))
    assert best < 1e-6, f"{best * 1e9:.0f} ns"


def _timed(step: Callable[[], object], times: int = 20_000) -> float:
    began = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - began) / times


def test_a_compromised_key_is_dropped_within_a_second_and_another_takes_over(home: Path) -> None:
    running, operator = opened(home), opened(home)
    bad = running.signer_at(NOW)
    successor = operator.retire(bad.kid, NOW - DAY, NOW, lambda: made(home, "b.pem"))
    assert successor is not None
    assert running.signer_at(NOW + SECOND).kid == successor.kid
    assert running.signer_at(NOW + 2 * SECOND).kid == successor.kid
    with pytest.raises(SealAway):
        running.signer_at(NOW - 2 * SECOND)
    held = running.keys(NOW)[-1]
    assert (held.kid, held.retired_reason, held.compromised_at) == (bad.kid, "compromised", NOW - DAY)


def test_a_key_that_was_just_replaced_does_not_come_back_when_its_successor_is_lost(home: Path) -> None:
    ring = opened(home)
    bad = ring.rotate(*made(home, "b.pem"), now=NOW, seals_from=NOW)
    soon = NOW + 10 * SECOND
    successor = ring.retire(bad.kid, soon, soon, lambda: made(home, "c.pem"))
    assert successor is not None
    assert [ring.signer_at(at).kid for at in (soon, soon + SECOND, soon + DAY)] == [successor.kid] * 3


def test_the_last_key_is_not_retired_without_another(home: Path) -> None:
    ring = opened(home)
    before = (home / FILE).read_bytes()
    with pytest.raises(ChangeRefused, match="no key would seal"):
        ring.retire(ring.signer_at(NOW).kid, NOW, NOW)
    assert (home / FILE).read_bytes() == before
    assert ring.signer_at(NOW)


def test_a_past_key_is_retired_without_a_successor(home: Path) -> None:
    ring = opened(home)
    old = ring.signer_at(NOW).kid
    new = ring.rotate(*made(home, "b.pem"), now=NOW, seals_from=NOW).kid
    assert ring.retire(old, NOW, NOW + 9 * DAY) is None
    assert ring.signer_at(NOW + 9 * DAY).kid == new
    assert ring.keys(NOW)[-1].seals_until == NOW + timedelta(seconds=60)


def test_the_private_part_of_a_past_key_may_be_destroyed(home: Path) -> None:
    ring = opened(home)
    old = ring.signer_at(NOW)
    ring.rotate(*made(home, "b.pem"), now=NOW)
    (home / "seal.pem").unlink()
    later = opened(home, NOW + 2 * DAY)
    assert later.signer_at(NOW + 2 * DAY).kid != old.kid
    assert later.troubles(NOW + 2 * DAY) == []
    with pytest.raises(SealAway):
        later.signer_at(NOW)
    assert old.kid in [one.kid for one in later.keys(NOW + 2 * DAY)]


def test_a_history_that_lacks_the_key_in_use_stops_the_start(home: Path, tmp_path: Path) -> None:
    """A backup of before the rotation was restored; or the key was replaced by hand."""
    opened(home)
    (home / "seal.pem").rename(home / "was.pem")
    create_seal_key(home / "moved.pem")
    with pytest.raises(KeyringUnusable, match="bản cũ"):
        Keyring.open(home / FILE, home / "moved.pem", NOW)
    create_seal_key(home / "seal.pem")
    with pytest.raises(SealKeyUnusable, match="another key"):
        opened(home)


def test_a_key_that_was_moved_is_found_where_the_configuration_says(home: Path) -> None:
    kid = opened(home).signer_at(NOW).kid
    (home / "seal.pem").rename(home / "moved.pem")
    with pytest.raises(SealKeyUnusable):
        opened(home)
    assert Keyring.open(home / FILE, home / "moved.pem", NOW).signer_at(NOW).kid == kid


def test_a_home_can_be_moved_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    create_seal_key(tmp_path / "a" / "seal.pem")
    ring = opened(tmp_path / "a")
    kid = ring.rotate(*made(tmp_path / "a", "b.pem"), now=NOW).kid
    outside = ring.rotate(*made(tmp_path, "c.pem"), now=NOW, seals_from=NOW + 2 * DAY)
    assert outside.source == str(tmp_path / "c.pem")
    (tmp_path / "a").rename(tmp_path / "b")
    moved = opened(tmp_path / "b", NOW + DAY)
    assert moved.signer_at(NOW + DAY).kid == kid
    assert moved.signer_at(NOW + 2 * DAY).kid == outside.kid


def test_an_old_copy_laid_over_the_file_is_not_taken_and_is_told(home: Path) -> None:
    running, operator = opened(home), opened(home)
    before = (home / FILE).read_bytes()
    operator.rotate(*made(home, "b.pem"), now=NOW, seals_from=NOW)
    new = running.signer_at(NOW + 2 * SECOND)
    (home / FILE).write_bytes(before)
    assert running.signer_at(NOW + 5 * SECOND).kid == new.kid
    assert "bản cũ" in "".join(running.troubles(NOW + 5 * SECOND))
    with pytest.raises(KeyringUnusable, match="bản cũ"):
        running.rotate(*made(home, "c.pem"), now=NOW + 6 * SECOND)
    with pytest.raises(KeyringUnusable, match="bản cũ"):
        Keyring.open(home / FILE, home / "b.pem", NOW)


@pytest.mark.parametrize("harm", ["gone", "torn", "open", "empty"])
def test_a_file_that_cannot_be_read_changes_nothing_until_it_is_mended(home: Path, harm: str) -> None:
    running = opened(home)
    kid, path = running.signer_at(NOW).kid, home / FILE
    whole = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "open":
        path.chmod(0o664)
        path.touch()
    else:
        path.write_bytes(whole[: len(whole) // 2] if harm == "torn" else b"")
    assert running.signer_at(NOW + 5 * SECOND).kid == kid
    assert len(running.troubles(NOW + 5 * SECOND)) == 1
    with pytest.raises(KeyringUnusable):
        running.rotate(*made(home, "b.pem"), now=NOW + 5 * SECOND)
    if harm != "gone":
        with pytest.raises(KeyringUnusable):
            opened(home)
    path.unlink(missing_ok=True)
    path.write_bytes(whole)
    assert running.troubles(NOW + 9 * SECOND) == []


def test_a_planned_key_that_cannot_be_opened_is_told_before_it_is_needed(home: Path) -> None:
    running, operator = opened(home), opened(home)
    operator.rotate(*made(home, "b.pem"), now=NOW)
    (home / "b.pem").rename(home / "elsewhere.pem")
    assert "b.pem" in "".join(running.troubles(NOW + SECOND))
    with pytest.raises(SealAway):
        running.signer_at(NOW + DAY)
    (home / "elsewhere.pem").rename(home / "b.pem")
    assert running.signer_at(NOW + DAY).kid


def test_another_key_in_a_published_keys_place_does_not_seal(home: Path) -> None:
    """The forged sample: whoever can put a key file there must not thereby speak for the gateway."""
    running, operator = opened(home), opened(home)
    operator.rotate(*made(home, "b.pem"), now=NOW)
    (home / "b.pem").unlink()
    create_seal_key(home / "b.pem")
    with pytest.raises(SealAway, match="another key"):
        running.signer_at(NOW + DAY)


def test_two_gateways_that_begin_together_have_one_history(home: Path) -> None:
    barrier = threading.Barrier(6)

    def start(_: int) -> bytes:
        barrier.wait()
        opened(home)
        return (home / FILE).read_bytes()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(start, range(6)))) == 1


_ROTATING = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from signing.keyring import Keyring
from signing.seal import create_seal_key
home, number, now = Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
ring = Keyring.open(home / "seal-keys.json", home / "seal.pem", now)
for turn in range(5):
    path = home / f"{number}-{turn}.pem"
    ring.rotate(create_seal_key(path), path, now, now + timedelta(days=1 + number, hours=turn))
"""


def test_rotations_of_several_processes_at_once_are_all_kept(home: Path) -> None:
    running = opened(home)
    working = [
        subprocess.Popen([sys.executable, "-c", _ROTATING, str(home), str(number), NOW.isoformat()], cwd=REPOSITORY)
        for number in range(3)
    ]
    while any(one.poll() is None for one in working):
        assert running.signer_at(NOW).kid
        assert running.troubles(NOW) == []
    assert [one.wait() for one in working] == [0, 0, 0]
    held = running.keys(NOW + SECOND)
    assert len(held) == 16
    for one in held:
        if one.seals_from:
            assert running.signer_at(one.seals_from).kid == one.kid
    assert sorted(path.name for path in home.iterdir() if path.suffix != ".pem") == [f".{FILE}.lock", FILE]


def test_the_signer_is_right_for_every_thread_while_keys_change(home: Path) -> None:
    ring = opened(home)
    keys = {ring.signer_at(NOW).kid}
    for number in range(1, 5):
        keys.add(ring.rotate(*made(home, f"{number}.pem"), now=NOW, seals_from=NOW + number * DAY).kid)
    history = read_history((home / FILE).read_bytes())

    def ask(number: int) -> None:
        instant = NOW + timedelta(hours=(number * 37) % 120, microseconds=number)
        held = history.at(instant)
        assert held is not None
        assert ring.signer_at(instant).kid == held.kid

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(2000)))


def test_a_clock_that_is_set_back_finds_the_key_of_its_instant(home: Path) -> None:
    ring = opened(home)
    old = ring.signer_at(NOW).kid
    new = ring.rotate(*made(home, "b.pem"), now=NOW, seals_from=NOW + DAY).kid
    told = [ring.signer_at(NOW + DAY + shift).kid for shift in (SECOND, -SECOND, SECOND, -2 * DAY)]
    assert told == [new, old, new, old]


def test_a_power_cut_while_writing_leaves_the_history_whole(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, key = opened(home), made(home, "b.pem")
    before = (home / FILE).read_bytes()
    fsync, rename = keyring.os.fsync, keyring.os.replace
    order: list[str] = []
    fails = [True]

    def synced(descriptor: int) -> None:
        order.append("fsync")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        order.append("rename")
        if fails.pop():
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(keyring.os, "fsync", synced)
    monkeypatch.setattr(keyring.os, "replace", renamed)
    with pytest.raises(KeyringUnusable, match="Input/output"):
        ring.rotate(*key, now=NOW)
    assert order == ["fsync", "rename"]
    assert (home / FILE).read_bytes() == before
    order.clear()
    fails.append(False)
    assert ring.rotate(*key, now=NOW).kid in (home / FILE).read_text()
    assert order == ["fsync", "rename", "fsync"]


def test_a_rotation_from_a_file_to_a_token_and_back(home: Path, softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    running, operator = opened(home), opened(home)
    assert running.inline
    uri = token.uri("seal", "01")
    signer: Signer = load_seal_key(uri)
    held = operator.rotate(signer, uri, NOW)
    assert held.source == uri
    sealed = seal_jws(running.signer_at(NOW + DAY), b"{}", "x")
    assert open_jws(sealed, held.jwk) == b"{}"
    assert not running.inline
    with softhsm.away(), pytest.raises(SealAway):
        running.signer_at(NOW + DAY).sign(b"x")
    assert running.signer_at(NOW + DAY).sign(b"x")
    back = operator.rotate(*made(home, "b.pem"), now=NOW + DAY, seals_from=NOW + 2 * DAY)
    assert running.signer_at(NOW + 2 * DAY).kid == back.kid
    assert opened(home, whole_second(NOW + 3 * DAY)).inline
