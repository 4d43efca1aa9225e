"""A disk that fails: what was acknowledged stays, what failed is never trusted again."""

import errno
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import pack, vault_disk
from storage.vault import ContentCorrupt, ContentMissing, Place, VaultAway, VaultFull, VaultUnfit
from storage.vault_disk import DiskVault
from tests.storage.contents import entry, some_round

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path) -> Iterator[DiskVault]:
    vault = DiskVault(folder)
    yield vault
    vault.close()


class Calls:
    """The calls that matter to durability, in their order; any of them can be told to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, int]] = []
        self.failing: dict[str, int] = {}
        self.open: set[int] = set()
        for name in ("pwritev", "fdatasync", "fsync"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real):
        def watched(descriptor: int, *arguments):
            self.made.append((name, descriptor))
            if number := self.failing.get(name):
                raise OSError(number, os.strerror(number))
            return real(descriptor, *arguments)

        return watched

    def take(self) -> list[str]:
        names = [name for name, _ in self.made]
        self.made.clear()
        return names


@pytest.fixture
def calls(vault: DiskVault, monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def test_a_round_is_one_write_and_one_sync_and_a_new_segment_syncs_its_folder(vault: DiskVault, calls: Calls) -> None:
    vault.put_many(some_round(1, *[3_000] * 32))
    assert calls.take() == ["pwritev", "fdatasync", "fsync"]
    vault.put_many(some_round(2, *[3_000] * 32))
    assert calls.take() == ["pwritev", "fdatasync"]


def test_the_folder_that_is_synced_is_the_one_that_holds_the_segment(
    vault: DiskVault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd))[1]
    )
    vault.put_many(some_round(1))
    assert synced == [str(folder.resolve())]


def test_a_new_folder_is_durable_before_anything_is_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd))[1]
    )
    DiskVault(tmp_path / "new").close()
    assert synced == [str(tmp_path.resolve())]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_folder_below_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    # It may be the mount point of a disk that is not there; filling the disk beneath it would help nobody.
    with pytest.raises(VaultAway):
        DiskVault(tmp_path / "not mounted" / "vault")
    assert not (tmp_path / "not mounted").exists()


def test_only_the_owner_reads_a_segment(vault: DiskVault, folder: Path) -> None:
    place = vault.put_many(some_round(1))[0]
    assert stat.S_IMODE((folder / place.pack).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("call", "number", "raised"),
    [
        ("pwritev", errno.EIO, VaultAway),
        ("pwritev", errno.ENOSPC, VaultFull),
        ("pwritev", errno.EDQUOT, VaultFull),
        ("fdatasync", errno.EIO, VaultAway),
        ("fdatasync", errno.ENOSPC, VaultFull),
    ],
)
def test_after_a_failure_the_segment_is_never_touched_again(
    vault: DiskVault, calls: Calls, call: str, number: int, raised: type[VaultAway]
) -> None:
    before = vault.put_many(some_round(1))
    segment = calls.made[0][1]
    calls.failing[call] = number
    with pytest.raises(VaultAway) as caught:
        vault.put_many(some_round(2))
    assert type(caught.value) is raised
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(segment)
    calls.failing.clear()
    after = vault.put_many(some_round(2))
    assert after[0].pack != before[0].pack
    assert [vault.read(place) for place in before + after] == [e.body for e in some_round(1) + some_round(2)]


def test_a_sync_that_failed_is_not_tried_again(vault: DiskVault, calls: Calls) -> None:
    vault.put_many(some_round(1))
    calls.take()
    calls.failing["fdatasync"] = errno.EIO
    with pytest.raises(VaultAway):
        vault.put_many(some_round(2))
    assert calls.take() == ["pwritev", "fdatasync"]


def test_a_new_segment_whose_folder_cannot_be_synced_is_not_acknowledged(
    vault: DiskVault, calls: Calls, folder: Path
) -> None:
    calls.failing["fsync"] = errno.EIO
    with pytest.raises(VaultAway):
        vault.put_many(some_round(1))
    calls.failing.clear()
    place = vault.put_many(some_round(1))[0]
    assert [path.name for path in folder.iterdir()] == [place.pack]
    assert calls.take().count("fsync") == 2


@pytest.mark.parametrize("call", ["pwritev", "fdatasync", "fsync"])
def test_a_disk_that_stays_full_does_not_fill_up_with_empty_segments(
    vault: DiskVault, calls: Calls, folder: Path, call: str
) -> None:
    calls.failing[call] = errno.ENOSPC
    for _ in range(20):
        with pytest.raises(VaultFull):
            vault.put_many(some_round(1))
    assert list(folder.iterdir()) == []


def test_an_interrupted_round_is_not_written_over(vault: DiskVault, monkeypatch: pytest.MonkeyPatch) -> None:
    before = vault.put_many(some_round(1))
    with monkeypatch.context() as patched:

        def interrupted(_: int) -> None:
            raise KeyboardInterrupt

        patched.setattr(os, "fdatasync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            vault.put_many(some_round(2))
    assert vault.put_many(some_round(3))[0].pack != before[0].pack
    assert vault.read(before[0]) == some_round(1)[0].body


def test_a_really_full_disk_keeps_what_it_acknowledged_and_works_again_when_there_is_room(folder: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from storage.vault import VaultFull
from storage.vault_disk import DiskVault
from tests.storage.contents import some_round
vault = DiskVault(Path(sys.argv[1]))
first = vault.put_many(some_round(1, 30_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    vault.put_many(some_round(2, 30_000))
except VaultFull:
    pass
else:
    sys.exit("the second round fitted")
small = vault.put_many(some_round(3, 5_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
third = vault.put_many(some_round(2, 30_000))
assert first[0].pack != small[0].pack == third[0].pack
for place, entry in zip(first + small + third, [*some_round(1, 30_000), *some_round(3, 5_000), *some_round(2, 30_000)]):
    assert vault.read(place) == entry.body
vault.close()
"""
    child = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    scans = [pack.scan(path.read_bytes()) for path in folder.iterdir()]
    # The round that did not fit left a torn tail, of just the bytes that fitted.
    assert sorted(len(scan.found) for scan in scans) == [1, 2]
    assert [gap.offset + gap.length for scan in scans for gap in scan.gaps] == [40_000]


@given(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=8), step=st.integers(1, 700))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_short_writes_go_on_where_they_stopped(
    vault: DiskVault, monkeypatch: pytest.MonkeyPatch, sizes: list[int], step: int
) -> None:
    real = os.pwritev

    def short(descriptor: int, buffers: list[bytes], offset: int) -> int:
        return real(descriptor, [b"".join(buffers)[:step]], offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", short)
        places = vault.put_many(some_round(1, *sizes))
    assert [vault.read(place) for place in places] == [e.body for e in some_round(1, *sizes)]


def test_a_segment_that_is_large_enough_is_followed_by_another(
    vault: DiskVault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_disk, "SEGMENT_BYTES_MAX", 10_000)
    places = [vault.put_many(some_round(number, 3_000))[0] for number in range(7)]
    assert len({place.pack for place in places}) == 3
    assert max(path.stat().st_size for path in folder.iterdir()) <= 10_000
    large = vault.put_many(some_round(9, 50_000))[0]
    assert [vault.read(place) for place in places] == [some_round(number, 3_000)[0].body for number in range(7)]
    assert vault.read(large) == some_round(9, 50_000)[0].body
    assert len(list(folder.iterdir())) == 4


def test_a_segment_never_takes_the_place_of_a_file(
    vault: DiskVault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0" * 32)
    place = vault.put_many(some_round(1))[0]
    second = DiskVault(folder)
    with pytest.raises(VaultAway):
        second.put_many(some_round(2))
    second.close()
    assert vault.read(place) == some_round(1)[0].body


def test_a_segment_is_closed_once_even_if_the_next_cannot_be_made(
    vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Closed twice, its number could meanwhile belong to another thread's file.
    monkeypatch.setattr(vault_disk, "SEGMENT_BYTES_MAX", 10_000)
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0" * 32)
    closed: list[int] = []
    real = os.close
    vault.put_many(some_round(1, 9_000))
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", lambda descriptor: (closed.append(descriptor), real(descriptor))[1])
        with pytest.raises(VaultAway):
            vault.put_many(some_round(2, 9_000))
    assert len(closed) == 1


def test_a_forked_child_begins_a_segment_of_its_own(folder: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from storage.vault_disk import DiskVault
from tests.storage.contents import some_round
vault = DiskVault(Path(sys.argv[1]))
before = vault.put_many(some_round(1))
if (child := os.fork()) == 0:
    os._exit(0 if vault.put_many(some_round(2))[0].pack != before[0].pack else 1)
after = vault.put_many(some_round(3))
assert os.waitpid(child, 0)[1] == 0
assert [vault.read(p) for p in before + after] == [e.body for e in some_round(1) + some_round(3)]
vault.close()
"""
    child = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    assert len(list(folder.iterdir())) == 2


def test_a_round_is_found_again_behind_the_torn_tail_of_another_process(vault: DiskVault, folder: Path) -> None:
    place = vault.put_many(some_round(1))[0]
    torn = folder / f"{'0' * 32}.pack"
    torn.write_bytes((folder / place.pack).read_bytes()[:-100])
    names = {one.sha256 for name in vault.packs() for one in pack.scan(vault.raw(name)).found}
    assert names == {e.sha256 for e in some_round(1)}
    assert pack.scan(vault.raw(torn.name)).gaps != ()


def test_a_symbolic_link_is_not_a_pack(vault: DiskVault, folder: Path, tmp_path: Path) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    (folder / place.pack).rename(tmp_path / "elsewhere")
    (folder / place.pack).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultAway):
        vault.read(place)


def test_other_files_in_the_folder_are_not_packs(vault: DiskVault, folder: Path) -> None:
    (folder / "lost+found").mkdir()
    (folder / "notes.txt").write_text("not ours")
    assert list(vault.packs()) == []
    with pytest.raises(ContentMissing):
        vault.raw("notes.txt")


def test_a_read_error_of_the_disk_may_be_tried_again(vault: DiskVault, monkeypatch: pytest.MonkeyPatch) -> None:
    place = vault.put_many([entry(b"locked")])[0]

    def failing(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", failing)
        with pytest.raises(VaultAway):
            vault.read(place)
    assert vault.read(place) == b"locked"


def test_a_disk_that_gives_back_other_bytes_is_unfit(
    vault: DiskVault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pread", lambda _, length, __: bytes(length))
    with pytest.raises(VaultUnfit):
        vault.probe()
    assert list(folder.iterdir()) == []


def test_a_disk_that_makes_a_file_twice_is_unfit(vault: DiskVault, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forgetful(path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return real(path, flags & ~os.O_EXCL, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", forgetful)
    with pytest.raises(VaultUnfit, match="exists already"):
        vault.probe()


@pytest.mark.parametrize(("call", "raised"), [("fdatasync", VaultAway), ("fsync", VaultAway), ("pwritev", VaultAway)])
def test_a_disk_that_cannot_sync_does_not_pass_the_probe(
    vault: DiskVault, calls: Calls, folder: Path, call: str, raised: type[Exception]
) -> None:
    calls.failing[call] = errno.EIO
    with pytest.raises(raised):
        vault.probe()
    assert list(folder.iterdir()) == []


def test_a_place_beyond_the_end_is_corrupt(vault: DiskVault) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    with pytest.raises(ContentCorrupt):
        vault.read(Place(place.pack, place.offset + 1_000_000, place.length))


def test_a_closed_vault_reads_nothing(vault: DiskVault) -> None:
    place = vault.put_many([entry(b"locked")])[0]
    vault.close()
    for asked in (lambda: vault.read(place), lambda: list(vault.packs()), vault.probe):
        with pytest.raises(VaultAway):
            asked()


def test_a_segment_that_was_removed_under_our_hands_acknowledges_nothing(tmp_path: Path) -> None:
    vault = DiskVault(tmp_path / "vault")
    (place,) = vault.put_many([entry(b"first")])
    (tmp_path / "vault" / place.pack).unlink()
    with pytest.raises(VaultAway):
        vault.put_many([entry(b"second")])
    (after,) = vault.put_many([entry(b"third")])
    assert vault.read(after) == entry(b"third").body
    vault.close()
