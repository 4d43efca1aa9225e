"""Whatever comes in whichever order: a certificate once known to be revoked is never good again."""

from datetime import datetime, timedelta

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.revocation import RevocationStore
from tests.signing.revocation_workshop import FLAGS, HOUR, POLICY, Town, add_crl, add_ocsp, code_of
from tests.signing.workshop import NOW

TOWN = Town()
CHAIN = TOWN.chain()
HOLD, REMOVED = FLAGS.certificate_hold, FLAGS.remove_from_crl
REASONS = [None, FLAGS.key_compromise, FLAGS.superseded, HOLD, REMOVED]

hours = st.integers(-48, 48)
moments = st.integers(-100, 100).map(
    lambda half_hours: NOW + half_hours * timedelta(minutes=30) + (half_hours % 3 - 1) * timedelta(microseconds=1)
)
words = st.tuples(
    st.sampled_from(["crl", "ocsp"]),
    hours,  # thisUpdate
    st.integers(0, 72),  # for how long
    st.none() | st.tuples(hours, st.sampled_from(REASONS)),
)


def said(
    word: tuple[str, int, int, tuple[int, x509.ReasonFlags | None] | None],
) -> bytes:
    kind, begin, length, revoked = word
    at = NOW + begin * HOUR
    more = {"at": at, "until": at + length * HOUR}
    entry = None if revoked is None else (NOW + revoked[0] * HOUR, revoked[1])
    if kind == "ocsp":
        return TOWN.ocsp(revoked=entry, **more)
    return TOWN.crl({} if entry is None else {TOWN.serial: entry}, **more)


@settings(max_examples=120, deadline=None)
@given(st.lists(words, max_size=6), st.lists(hours, min_size=1, max_size=6))
def test_once_revoked_before_is_known_nothing_later_is_good(history: list, instants: list[int]) -> None:
    store = TOWN.store()
    revoked_since = None
    for word in history:
        kind, _, _, revoked = word
        der = said(word)
        add = add_crl if kind == "crl" else add_ocsp
        code = add(store, der, fetched_at=NOW + 48 * HOUR)
        assert code in ("", "revocation-older", "revocation-contradicts")
        if code == "" and revoked is not None and revoked[1] not in (HOLD, REMOVED):
            at = NOW + revoked[0] * HOUR
            revoked_since = at if revoked_since is None else min(at, revoked_since)
        for hour in instants:
            at = NOW + hour * HOUR
            found = code_of(store.status(CHAIN, POLICY, at))
            if revoked_since is not None and at >= revoked_since:
                assert found == "revoked"
            else:
                assert found in ("good", "on-hold", "revocation-missing", "revocation-stale")
            # What is remembered is what a store that never remembered would say.
            assert store.status(CHAIN, POLICY, at) == afresh(store, at)


def afresh(store: RevocationStore, at: datetime, now: datetime | None = None) -> object:
    store._known = {}
    return store.status(CHAIN, POLICY, at, now)


@settings(max_examples=120, deadline=None)
@given(st.lists(words, max_size=5), st.lists(st.tuples(moments, st.none() | moments), min_size=2, max_size=12))
def test_what_is_remembered_never_differs_from_what_would_be_worked_out(history: list, pairs: list) -> None:
    store = TOWN.store()
    for word in history:
        (add_crl if word[0] == "crl" else add_ocsp)(store, said(word), fetched_at=NOW)
    for at, now in pairs:
        remembered = store.status(CHAIN, POLICY, at, now)
        kept = store._known
        assert remembered == afresh(store, at, now)
        store._known = kept
