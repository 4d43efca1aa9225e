"""The vault: write-once bytes, known by their SHA-256, kept a round at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Mark = Literal[
    "overwrites-by-version",  # lays a newer version over an object that must not be there yet; the older stays
    "several-winners",  # tells several writers of one name that they won
    "checksums-ignored",  # takes bytes that are not what their checksums say: every round is read back
    "lists-late",
    "lists-refused",  # then the index cannot be rebuilt from the packs
    "lock-can-be-lifted",  # by whoever has the right to bypass governance
]


class Entry(Struct, frozen=True):
    """One content on its way into the vault.

    `sha256` is the digest (32 bytes) of the plain content: its name. `body` is the content as it is kept, locked.
    """

    sha256: bytes
    body: bytes


class Place(Struct, frozen=True):
    """Where an entry lies: `length` bytes from `offset` of a pack, the entry's frame included."""

    pack: str
    offset: int
    length: int


class Standing(Struct, frozen=True):
    """What a store was seen to do when `Vault.probe` tried it. It says nothing of what the store will do tomorrow.

    `store` is its kind (`disk`, `s3`). `minds` are the wrong checksums it refused. `winners` is how many of those who
    put one name at once were told that they alone did. `lists` says whether a list showed what was just put. `lock` is
    the retention that every pack is put with and that the store was seen to keep (`COMPLIANCE 3650`, in days), or ''.
    `marks` are the ways in which it falls short that the contract makes harmless; whoever runs it should know them.
    """

    store: Literal["disk", "s3"]
    minds: tuple[str, ...] = ()
    winners: int = 1
    lists: Literal["at once", "late", "refused"] = "at once"
    lock: str = ""
    marks: tuple[Mark, ...] = ()


class VaultAway(Exception):
    """The vault could not do its work now; nothing is promised. Trying again is safe, and may succeed."""


class VaultFull(VaultAway):
    """No room is left. Trying again is safe, but somebody must make room first."""


class VaultUnfit(Exception):
    """The store breaks the contract, so nothing may be entrusted to it. Trying again does not help."""


class ContentMissing(Exception):
    """The vault answered, and has no such pack. Trying again does not help: it must come from a backup."""


class ContentCorrupt(Exception):
    """The bytes are there and are not the ones that were put. Trying again does not help: restore from a backup."""


class Vault(Protocol):
    """Keeps rounds of entries in packs that are written once.

    Putting
    1. `put_many` returns only when every entry of the round would survive a power cut.
    2. It returns one place for each entry, in the order of the entries; an empty round gives none and writes nothing.
    3. When it raises, nothing of the round is promised; `VaultAway` means that trying again is safe, now or later.
    4. Putting the same entries again harms nothing: every place ever given stays good.
    5. What was acknowledged is never overwritten, by this vault or by another on the same store.
    6. Many threads may put and read at once, and many vaults on the same store, in one process or in several.

    Reading
    7. `read` gives the very body that was put, at once after `put_many` returned and in every later process.
    8. Bytes that were damaged where they lie are never given out: `ContentCorrupt`.
    9. A place in a pack that is not there: `ContentMissing`.
    10. Neither putting nor reading asks the store for a list: it may lag, or be forbidden.

    Rebuilding
    11. `packs` names the packs and `raw` gives a pack's bytes (`raw_chunks` piece by piece), so that names and places
        can be found again without the journal (see `pack.scan`). A store may list late: `packs` is for disasters and
        backups, not for daily work.

    Proving
    12. `probe` tries, on throw-away names, whether the store keeps the contract, and raises `VaultUnfit` if not.
    13. What a store does wrong and does no harm by, `probe` marks. A lock is proved where it is asked for, or the store
        is unfit: that a store says yes to a lock proves nothing.

    Restoring
    14. `put_raw` keeps a whole pack as `raw` gave it, whichever vault gave it; when it returns the pack would survive a
        power cut, and every offset in it is good under the name that is returned.
    15. That is the pack's own name where this vault gives such names. Putting a pack again changes nothing; one of that
        name that holds other bytes is not overwritten: `ContentCorrupt`.

    Whoever can write to the store can make reads fail. That they cannot make a read lie is the work of the cipher,
    whose tag covers content and name; the vault itself guards against accident.
    """

    inline: bool
    """True when `put_many` is short enough for the event loop (a local disk), False when it waits for a network."""

    def put_many(self, entries: Sequence[Entry]) -> list[Place]:
        """Keep a round. Raises `VaultAway`, `VaultFull`."""
        ...

    def read(self, place: Place) -> bytes:
        """Return the body at `place`. Raises `ContentMissing`, `ContentCorrupt`, `VaultAway`."""
        ...

    def packs(self) -> Iterator[str]:
        """Name the packs, in no particular order. Raises `VaultAway`."""
        ...

    def raw(self, pack: str) -> bytes:
        """Return a whole pack as it lies. Raises `ContentMissing`, `VaultAway`."""
        ...

    def raw_chunks(self, pack: str) -> Iterator[bytes]:
        """Give a whole pack as it lies, piece by piece, for packs larger than memory should hold. Raises as `raw`."""
        ...

    def probe(self) -> Standing:
        """Try the store, once, at the start, and tell what it did. Raises `VaultUnfit`, `VaultAway`."""
        ...

    def put_raw(self, pack: str, content: bytes) -> str:
        """Put a whole pack back, and return the name that it has here. Raises `ContentCorrupt`, `VaultAway`."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Closing again does nothing; putting afterwards raises `VaultAway`."""
        ...
