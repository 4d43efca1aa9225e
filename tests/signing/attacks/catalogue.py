"""The whole catalogue, and the table of it that the README shows (`python -m tests.signing.attacks.catalogue`)."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tests.signing.attacks import bombs, containers, cryptography, structure, wrapping
from tests.signing.attacks.bench import Attack

COMMAND: Final = "python -m tests.signing.attacks.catalogue"
SECTION: Final = "## Attacks"
# What has to be refused, by name; each has its samples below.
KINDS: Final = (
    "signature wrapping",
    "duplicate Ids",
    "moved or second signatures",
    "unsigned additions",
    "comment tricks in text",
    "external references",
    "XPath and XSLT transforms",
    "HMAC with a public key",
    "algorithm downgrade",
    "truncated digests",
    "KeyInfo/certificate mismatch",
    "certificate substitution",
    "entity and expansion bombs",
    "depth and attribute bombs",
    "ZIP bombs",
    "slip",
    "duplicate and overlapping entries",
)
HEAD: Final = ("Attack", "Forms", "Envelopes", "Containers", "Refused as", "Described by")


def quick() -> list[Attack]:
    """What costs a judge no more than an honest document does."""
    return [*wrapping.attacks(), *structure.attacks(), *cryptography.attacks(), *containers.attacks()]


def costly() -> list[Attack]:
    """Bombs: each is judged in a process of its own, and timed."""
    return bombs.attacks()


def everything() -> list[Attack]:
    return [*quick(), *costly()]


def table(attacks: Iterable[Attack]) -> str:
    """One row a kind: how many samples of each level, and the reasons that refuse them."""
    by_kind: dict[str, list[Attack]] = {kind: [] for kind in KINDS}
    for one in attacks:
        by_kind[one.kind].append(one)
    rows = [HEAD, ("---", "--:", "--:", "--:", "---", "---")]
    for kind, found in by_kind.items():
        levels = Counter(one.level for one in found)
        reasons = Counter(one.code for one in found)
        told = ", ".join(_told(code) for code, _ in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))
        sources = "; ".join(sorted({one.source for one in found}))
        counts = (str(levels[level]) for level in ("form", "envelope", "container"))
        rows.append((kind, *counts, told, sources))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _told(code: str) -> str:
    return "in time, whatever is seen first" if code == "*" else f"`{code}`"


if __name__ == "__main__":
    print(table(everything()))
