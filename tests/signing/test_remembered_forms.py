"""What is remembered of forms of signatures: bounded in bytes, and never deciding what is read."""

import threading
from collections.abc import Iterator

import pytest
from lxml import etree

from signing import signature
from signing.demo_pki import Holder
from signing.signature import KNOWN_FORM_BYTES_MAX
from signing.trust import TrustStore
from tests.signing.workshop import forge, judge

TIME = "<SigningTime>2026-03-02T01:30:00</SigningTime>"


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    signature._known.clear()
    yield
    signature._known.clear()


def padded(holder: Holder, length: int) -> bytes:
    return forge(holder, objects=f"<Object>{'A' * length}</Object>")


def test_a_large_form_is_read_and_not_remembered(holder: Holder, trust: TrustStore) -> None:
    for _ in range(2):
        assert judge(padded(holder, KNOWN_FORM_BYTES_MAX), trust).passed
        assert not signature._known
    assert judge(padded(holder, KNOWN_FORM_BYTES_MAX // 2), trust).passed
    assert len(signature._known) == 1


def test_all_forms_together_are_bounded_in_bytes(
    holder: Holder, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature, "KNOWN_BYTES_MAX", 64 * 1024)
    for more in range(24):
        assert judge(padded(holder, 8000 + more), trust).passed
        assert judge(padded(holder, 8000 + more), trust).passed
        assert 0 < sum(one.size_bytes for one in signature._known.values()) <= 64 * 1024
    assert 3 < len(signature._known) < 24


@pytest.mark.parametrize(
    ("hidden", "other"),
    [
        (
            f"{TIME}<!-->2026-03-02T01:30:00<SigningTime>-->",
            f"{TIME}<!-->1999-12-31T23:59:59<SigningTime>-->",
        ),
        (
            f"{TIME}<?p >2026-03-02T01:30:00<SigningTime>?>",
            f"{TIME}<?p >1999-12-31T23:59:59<SigningTime>?>",
        ),
    ],
)
def test_a_time_in_a_comment_or_instruction_is_claimed_by_nobody(
    hidden: str, other: str, holder: Holder, trust: TrustStore
) -> None:
    first, second = (forge(holder, objects=f"<Object>{one}</Object>") for one in (hidden, other))
    cold = judge(second, trust).signing_time_claimed
    signature._known.clear()
    assert judge(first, trust).passed
    assert judge(second, trust).signing_time_claimed == cold
    assert not signature._known


def test_several_threads_may_remember_at_once(
    holder: Holder, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature, "KNOWN_MAX", 3)
    contents = [padded(holder, length) for length in range(12)]
    failed: list[BaseException] = []

    def work(step: int) -> None:
        try:
            for turn in range(300):
                root = etree.fromstring(contents[turn * step % 12])
                found = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature"))
                assert signature.recognise(found) or signature.read_signature(found)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert 0 < len(signature._known) <= 3
    assert judge(contents[0], trust).passed
