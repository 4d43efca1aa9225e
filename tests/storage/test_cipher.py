"""What is locked opens with its own key under its own name, and with nothing else."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.cipher import Cipher, FileKeyWrapper, Locked, MasterKeyUnknown, MasterKeyUnusable, create_master_key
from storage.secret import SecretExposed
from storage.vault import ContentCorrupt

MASTER = bytes(range(32))
CONTENT = "hồ sơ điện tử".encode()
NAME = hashlib.sha256(CONTENT).digest()


@pytest.fixture
def cipher() -> Cipher:
    return Cipher(FileKeyWrapper(MASTER))


@given(st.binary(max_size=5000))
def test_what_was_locked_opens_again(content: bytes) -> None:
    cipher = Cipher(FileKeyWrapper(MASTER))
    name = hashlib.sha256(content).digest()
    locked = cipher.lock(content, name)
    assert cipher.open(locked.body, locked.wrapped_key, name) == content
    assert len(locked.body) == len(content) + 16
    assert len(locked.wrapped_key) == 69


def test_the_same_content_is_locked_differently_every_time(cipher: Cipher) -> None:
    first, second = cipher.lock(CONTENT, NAME), cipher.lock(CONTENT, NAME)
    assert first.body != second.body
    assert first.wrapped_key != second.wrapped_key
    with pytest.raises(ContentCorrupt):
        cipher.open(first.body, second.wrapped_key, NAME)


def test_neither_content_nor_key_shows_in_what_is_kept(cipher: Cipher) -> None:
    content = b"0101234567" * 20
    locked = cipher.lock(content, hashlib.sha256(content).digest())
    assert b"0101234567" not in locked.body
    assert MASTER not in locked.wrapped_key


@pytest.mark.parametrize("part", ["body", "wrapped_key"])
def test_not_one_changed_byte_is_overlooked(cipher: Cipher, part: str) -> None:
    locked = cipher.lock(CONTENT, NAME)
    for position in range(len(getattr(locked, part))):
        changed = bytearray(getattr(locked, part))
        changed[position] ^= 0x40
        kept = {"body": locked.body, "wrapped_key": locked.wrapped_key, part: bytes(changed)}
        # A changed key id names a master key that nobody has; everything else is told by a tag.
        with pytest.raises((ContentCorrupt, MasterKeyUnknown)):
            cipher.open(**kept, sha256=NAME)


@pytest.mark.parametrize("length", [0, 1, 8, 68, 70])
def test_a_wrapped_key_of_another_length_is_refused(cipher: Cipher, length: int) -> None:
    locked = cipher.lock(CONTENT, NAME)
    with pytest.raises(ContentCorrupt):
        cipher.open(locked.body, (locked.wrapped_key + b"\0")[:length], NAME)


def test_a_dossier_cannot_pass_for_another(cipher: Cipher) -> None:
    other = b"another dossier"
    mine, theirs = cipher.lock(CONTENT, NAME), cipher.lock(other, hashlib.sha256(other).digest())
    for body, key, name in [
        (theirs.body, theirs.wrapped_key, NAME),  # whole, under a strange name
        (theirs.body, mine.wrapped_key, NAME),
        (mine.body, theirs.wrapped_key, NAME),
    ]:
        with pytest.raises(ContentCorrupt):
            cipher.open(body, key, name)


def test_a_key_locked_under_a_false_name_opens_to_nothing(cipher: Cipher) -> None:
    false_name = hashlib.sha256(b"what it claims to be").digest()
    locked = cipher.lock(CONTENT, false_name)
    with pytest.raises(ContentCorrupt, match="not the one its name says"):
        cipher.open(locked.body, locked.wrapped_key, false_name)


def test_another_master_key_opens_nothing(cipher: Cipher) -> None:
    locked = cipher.lock(CONTENT, NAME)
    with pytest.raises(MasterKeyUnknown):
        Cipher(FileKeyWrapper(os.urandom(32))).open(locked.body, locked.wrapped_key, NAME)


def test_a_retired_master_key_opens_what_it_wrapped_and_wraps_no_more(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    create_master_key(old)
    before = Cipher.load(old).lock(CONTENT, NAME)
    create_master_key(new)
    rotated = Cipher.load(new, old)
    assert rotated.open(before.body, before.wrapped_key, NAME) == CONTENT
    after = rotated.lock(CONTENT, NAME)
    assert Cipher.load(new).open(after.body, after.wrapped_key, NAME) == CONTENT
    with pytest.raises(MasterKeyUnknown):
        Cipher.load(old).open(after.body, after.wrapped_key, NAME)


def test_a_wrapped_key_moved_to_a_new_master_key_opens_the_old_body() -> None:
    old, new = FileKeyWrapper(MASTER), FileKeyWrapper(os.urandom(32))
    locked = Cipher(old).lock(CONTENT, NAME)
    rewrapped = new.wrap(old.unwrap(locked.wrapped_key, NAME), NAME)
    assert Cipher(new).open(locked.body, rewrapped, NAME) == CONTENT


def test_a_master_key_is_made_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_master_key(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert len((tmp_path / "key").read_bytes()) == 32


def test_a_master_key_is_never_replaced(tmp_path: Path) -> None:
    create_master_key(tmp_path / "key")
    kept = (tmp_path / "key").read_bytes()
    with pytest.raises(FileExistsError):
        create_master_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == kept


def test_a_master_key_is_never_made_by_looking_for_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Cipher.load(tmp_path / "key")
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o666])
def test_a_master_key_that_others_could_read_or_change_is_not_used(tmp_path: Path, mode: int) -> None:
    create_master_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(SecretExposed, match=f"{mode:04o}"):
        Cipher.load(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_master_key_may_be_mounted_for_a_group(tmp_path: Path, mode: int) -> None:
    create_master_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    assert isinstance(Cipher.load(tmp_path / "key").lock(CONTENT, NAME), Locked)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_file_of_another_length_is_no_master_key(tmp_path: Path, length: int) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(length))
    with pytest.raises(MasterKeyUnusable, match=f"{length} bytes"):
        Cipher.load(path)


def test_what_was_locked_yesterday_still_opens(cipher: Cipher) -> None:
    # Made once with this format: a change that cannot open it would lose every dossier kept so far.
    body = bytes.fromhex("79dda4a967a0e9e283422714203c9abee3d858c1f161901ff1220d64cdebc7f4466537cfb8")
    wrapped_key = bytes.fromhex(
        "01523444be80c87bcf8679a97f7322c67f58b62fa6945a778e38dfa85760bac0c2cbf9"
        "d804c48e015ebd3fc445004a820d1f100902c6ea8ea3c9680c4f7141c8cc25d369c5"
    )
    assert cipher.open(body, wrapped_key, NAME) == CONTENT
