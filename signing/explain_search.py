"""The search for a change that, undone, makes the digest right: bounded in work, and nothing but a match counts."""

import hashlib
from typing import Final

HASHED_BYTES_MAX: Final = 128 * 1024 * 1024
CANDIDATES_MAX: Final = 50_000
# What other work costs, said in bytes hashed, so that one number bounds it all: making a candidate, putting one piece
# into it, and looking at one piece of a document.
CANDIDATE_COSTS_BYTES: Final = 3 * 1024
EDIT_COSTS_BYTES: Final = 1024
LOOK_COSTS_BYTES: Final = 512


class Search:
    """Candidates against one signed digest, within a budget of hashed bytes and of candidates.

    A Search may be shared by the explanations of one dossier, whose documents then share its budget: `against` gives
    the same budget another digest to find. `cut_short` says that something was left untried; `proof` is the one piece
    (begin, end, new bytes) that made the content fit, if it was one piece.
    """

    def __init__(
        self,
        wanted: bytes = b"",
        hash_name: str = "sha256",
        *,
        bytes_max: int = HASHED_BYTES_MAX,
        candidates_max: int = CANDIDATES_MAX,
    ) -> None:
        self.wanted = wanted
        self.hash_name = hash_name
        self.bytes_left = bytes_max
        self.candidates_left = candidates_max
        self.cut_short = False
        self.proof: tuple[int, int, bytes] | None = None
        self._bytes_max = bytes_max
        self._candidates_max = candidates_max
        self._floor = self._candidates_floor = 0
        self._full = False

    def against(self, wanted: bytes, hash_name: str) -> "Search":
        """Search for another digest with what is left of the budget."""
        self.wanted, self.hash_name = wanted, hash_name
        self.cut_short = self._full = False
        return self

    def section(self, share: float = 1.0) -> None:
        """Let what follows spend at most that share of the whole budget, and no more than is left."""
        self._floor = max(0, self.bytes_left - int(share * self._bytes_max))
        self._candidates_floor = max(0, self.candidates_left - int(share * self._candidates_max))
        self._full = False

    @property
    def exhausted(self) -> bool:
        """Whether this section's share is spent; what is tried now never fits."""
        return self._full

    @property
    def spent(self) -> bool:
        """Whether the whole budget is spent."""
        return self.bytes_left <= 0 or self.candidates_left <= 0

    def afford(self, cost_bytes: int) -> bool:
        """Take that much off the budget, or say that it is not there."""
        cost_bytes += CANDIDATE_COSTS_BYTES
        if self.bytes_left - cost_bytes < self._floor or self.candidates_left <= self._candidates_floor:
            self.cut_short = self._full = True
            return False
        self.bytes_left -= cost_bytes
        self.candidates_left -= 1
        return True

    def charge(self, cost_bytes: int) -> None:
        """Take other work off the budget, said in bytes hashed."""
        self.bytes_left -= cost_bytes
        if self.bytes_left < self._floor:
            self.cut_short = self._full = True

    def fits(self, candidate: bytes) -> bool:
        """Whether these are the bytes that were signed."""
        if not self.afford(len(candidate)):
            return False
        return hashlib.new(self.hash_name, candidate).digest() == self.wanted

    def fits_with(self, content: bytes, edits: list[tuple[int, int, bytes]]) -> bool:
        """Whether `content` with these pieces put in (begin, end, new bytes; in order, apart) is what was signed."""
        self.charge(EDIT_COSTS_BYTES * len(edits))
        return self.fits(spliced(content, edits))


class Along:
    """One walk along the canonical bytes: what stands before a change is hashed once for all candidates there."""

    def __init__(self, search: Search, content: bytes) -> None:
        self._search = search
        self._view = memoryview(content)
        self._state = hashlib.new(search.hash_name)
        self._at = 0

    def move(self, at: int) -> None:
        """Go on to a place; changes before it can no longer be tried."""
        if at > self._at:
            self._state.update(self._view[self._at : at])
            self._at = at

    def fits(self, begin: int, end: int, new: bytes) -> bool:
        """Whether the content with `new` in the place of begin–end is what was signed."""
        view = self._view
        if begin < self._at or not self._search.afford(len(view) - self._at - (end - begin) + len(new)):
            return False
        state = self._state.copy()
        state.update(view[self._at : begin])
        state.update(new)
        state.update(view[end:])
        if state.digest() != self._search.wanted:
            return False
        self._search.proof = (begin, end, new)
        return True


def spliced(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return `content` with each piece begin–end replaced; the pieces are in order and do not overlap."""
    out: list[bytes] = []
    at = 0
    for begin, end, new in edits:
        out += (content[at:begin], new)
        at = end
    out.append(content[at:])
    return b"".join(out)
