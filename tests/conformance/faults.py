"""What real stores were seen to do wrong, and how each of it is met: by construction, by a mark, or by a refusal."""

from typing import Literal

import msgspec

from tests.adversary import Fault


class Met(msgspec.Struct, frozen=True):
    """A fault, where it was seen, and what comes of it; `says` is the mark, or a word of the refusal."""

    faults: tuple[Fault, ...]
    wrong: str
    seen_in: str
    how: Literal["harmless", "marked", "refused"]
    says: str
    why: str
    lock: bool = False  # it matters only to whoever asks for a lock


MET = (
    Met(
        (Fault.SEVERAL_WINNERS,),
        "several writers of one name are told that they won",
        "Swift",
        "marked",
        "several-winners",
        "the name follows from the bytes: whoever won wrote the same",
    ),
    Met(
        (Fault.VERSIONS, Fault.OVERWRITES_BY_VERSION),
        "a newer version is laid over what a condition should have kept",
        "Ceph 16, in a bucket with versions",
        "marked",
        "overwrites-by-version",
        "the newer version has the same bytes, and the older stays",
    ),
    Met((Fault.LATE_LISTING,), "listings lag", "Swift", "marked", "lists-late", "nothing is listed but to rebuild"),
    Met((Fault.NO_LISTING,), "listings are forbidden", "any", "marked", "lists-refused", "the same"),
    Met(
        (Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256),
        "no checksum is looked at",
        "moto",
        "marked",
        "checksums-ignored",
        "every round is read back before it is acknowledged",
    ),
    Met(
        (Fault.TAKES_WRONG_SHA256,),
        "x-amz-checksum-sha256 is not looked at",
        "Ceph, JuiceFS",
        "harmless",
        "",
        "Content-MD5 goes along until a wrong SHA-256 was seen refused",
    ),
    Met(
        (Fault.TAKES_OTHER_PAYLOAD,),
        "the hash in the signature is not looked at",
        "SeaweedFS",
        "harmless",
        "",
        "two more checksums go along",
    ),
    Met(
        (Fault.KEEPS_IN_SILENCE,),
        "a put is kept, and its answer is lost",
        "any",
        "harmless",
        "",
        "the object is read and hashed: it is there, so it is kept",
    ),
    Met(
        (Fault.APPEARS_LATE,),
        "a put times out, and the object appears later",
        "Ceph, SeaweedFS",
        "harmless",
        "",
        "nothing was promised; put again, the same bytes are found under the same name",
    ),
    Met((Fault.OVERWRITES,), "a condition is ignored", "JuiceFS", "refused", "overwrites", "it may lose what it took"),
    Met((Fault.NO_CONDITIONS,), "conditions are not known", "any", "refused", "conditional", "the same"),
    Met((Fault.LOSES,), "what was acknowledged is not there", "any", "refused", "does not give back", "it is no store"),
    Met(
        (Fault.SPOILS, Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256),
        "other bytes are kept than were sent",
        "any",
        "refused",
        "overwrites",
        "it is no store",
    ),
    Met(
        (Fault.SEVERAL_WINNERS, Fault.SPOILS_IN_A_CROWD),
        "when several write one name, what is kept is what none of them wrote",
        "any",
        "refused",
        "none of them wrote",
        "it is no store",
    ),
    Met(
        (Fault.SHIFTS_RANGES,), "another range is given", "any", "refused", "another range", "entries are read by range"
    ),
    Met((Fault.IGNORES_RANGE,), "a range is ignored", "any", "refused", "more of", "entries are read by range"),
    Met(
        (Fault.LOCK_CALL_REPLACES, Fault.VERSIONS),
        "a lock call puts its own text in the place of the object",
        "Swift",
        "refused",
        "shortens a lock",
        "the lock goes with the put; no such call is ever made but on the probe's own object",
        lock=True,
    ),
    Met(
        (Fault.LOCKS_IN_WORD,),
        "a lock is answered with 200 and the bucket has no versions",
        "Swift",
        "refused",
        "no version",
        "a yes proves nothing",
        lock=True,
    ),
    Met(
        (Fault.LOCKS_IN_WORD, Fault.VERSIONS),
        "a lock is answered with 200 and not kept",
        "any",
        "refused",
        "does not tell the lock",
        "a yes proves nothing",
        lock=True,
    ),
    Met(
        (Fault.TELLS_OTHER_LOCK, Fault.VERSIONS),
        "another lock is kept than was asked for",
        "any",
        "refused",
        "another lock",
        "the lock is read back",
        lock=True,
    ),
    Met(
        (Fault.DELETES_LOCKED, Fault.VERSIONS),
        "what is locked can be deleted",
        "any",
        "refused",
        "deletes what is locked",
        "a delete is tried",
        lock=True,
    ),
    Met(
        (Fault.SHORTENS_LOCKS, Fault.VERSIONS),
        "a lock can be shortened",
        "moto",
        "refused",
        "shortens a lock",
        "it is tried",
        lock=True,
    ),
    Met(
        (Fault.LETS_LOCKS_BE_BYPASSED, Fault.VERSIONS),
        "a lock in compliance mode can be bypassed",
        "any",
        "refused",
        "bypassed",
        "it is tried",
        lock=True,
    ),
)
