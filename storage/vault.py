"""The vault: write-once bytes, known by their SHA-256, kept a round at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
    11. `packs` names the packs and `raw` gives a pack's bytes, so that names and places can be found again without
        the journal (see `pack.scan`). A store may list late: `packs` is for disasters, not for daily work.

    Proving
    12. `probe` tries, on a throw-away name, whether the store keeps the contract, and raises `VaultUnfit` if not.

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

    def probe(self) -> None:
        """Try the store, once, at the start. Raises `VaultUnfit`, `VaultAway`."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Closing again does nothing; putting afterwards raises `VaultAway`."""
        ...
