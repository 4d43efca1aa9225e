"""Base64 is read strictly: nothing but whole groups, XML blanks between them and padding at the end."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base64text import Base64Error, decode


@given(st.binary(max_size=300))
def test_what_was_encoded_is_decoded(content):
    text = base64.b64encode(content).decode()
    assert decode(text) == content


@given(st.binary(max_size=300), st.integers(1, 20), st.sampled_from(["\n", "\r\n", " ", "\t"]))
def test_blanks_between_groups_do_not_matter(content, groups, blank):
    text = base64.b64encode(content).decode()
    step = groups * 4
    folded = blank.join(text[at : at + step] for at in range(0, len(text), step))
    assert decode(blank + folded + blank) == content


@given(st.text(max_size=60) | st.text(alphabet="AQgw=+/ \n\t-_\u00a0é", max_size=24))
def test_any_text_is_decoded_to_its_one_spelling_or_refused(text):
    try:
        content = decode(text)
    except Base64Error as error:
        refused = error
    else:
        refused = None
        stripped = text.translate({ord(blank): None for blank in " \t\r\n"})
        assert base64.b64encode(content).decode() == stripped
    assert refused is None or all(refused.words())


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("QUJD!", "character", 5),
        ("QUJD\u00a0QUJD", "character", 5),
        ("QUJD\x0bQUJD", "character", 5),
        ("QUJ_", "character", 4),
        ("QUJDQ", "truncated", 5),
        ("QUJD QUJ", "truncated", 7),
        ("QU JD", "blank-in-group", 2),
        ("QQ=", "truncated", 3),
        ("QQ==QUJD", "padding", 3),
        ("=QUJ", "padding", 1),
        ("QQ====", "truncated", 6),
        ("QR==", "spare-bits", 4),
        ("QUI=QUI=", "padding", 4),
        ("QUJD====", "padding", 5),
        ("QUJD=", "truncated", 5),
        ("QUJD\ud800", "character", 5),
    ],
)
def test_each_way_of_being_broken_is_named_with_its_place(text, reason, position):
    with pytest.raises(Base64Error) as caught:
        decode(text)
    assert (caught.value.reason, caught.value.position) == (reason, position)


def test_nothing_is_nothing():
    assert decode("") == decode(" \r\n") == b""
