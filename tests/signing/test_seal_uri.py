"""A PKCS#11 URI is read strictly, and no PIN gets into it or out of it."""

import string
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signing.pkcs11_uri import Pkcs11Uri, UriRefused, is_pkcs11, read_uri
from signing.seal import SealKeyUnusable, load_seal_key

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
GOOD = f"pkcs11:token=receipts;object=seal-2026?module-path={LIBRARY}&pin-source=file:/etc/motcua/pin"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=20)
paths = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).map(
    lambda text: "/" + text.lstrip("/")
)
uris = st.builds(
    Pkcs11Uri,
    module_path=paths,
    token=texts.filter(bool),
    serial=texts,
    manufacturer=texts,
    model=texts,
    object=texts.filter(bool),
    id=st.binary(max_size=12),
    pin_file=st.one_of(st.just(""), paths),
)


def test_a_uri_names_library_token_key_and_the_file_with_the_pin() -> None:
    assert read_uri(GOOD) == Pkcs11Uri(
        module_path=LIBRARY, token="receipts", object="seal-2026", pin_file="/etc/motcua/pin"
    )
    other = read_uri(
        f"pkcs11:serial=0a1b;id=%01%ff%3b;type=private?module-path={LIBRARY}&pin-source=file:///run/p%20in"
    )
    assert other == Pkcs11Uri(module_path=LIBRARY, serial="0a1b", id=b"\x01\xff;", pin_file="/run/p in")


@given(uris)
def test_what_is_written_is_read_again(uri: Pkcs11Uri) -> None:
    written = str(uri)
    assert written.isascii()
    assert is_pkcs11(written)
    assert read_uri(written) == uri


@given(st.text(max_size=80), st.sampled_from(["", "pkcs11:", "pkcs11:token=a;object=b?", GOOD, GOOD + "&"]))
def test_any_text_is_read_or_refused_and_nothing_else(text: str, before: str) -> None:
    try:
        found = read_uri(before + text)
    except UriRefused:
        return
    assert read_uri(str(found)) == found


@given(st.text(string.ascii_letters + string.digits, min_size=6, max_size=12), st.integers(0, 4))
def test_a_pin_in_the_uri_is_refused_wherever_it_stands_and_never_repeated(pin: str, where: int) -> None:
    assume(pin.lower() not in GOOD.lower() + "nottheneitherattributeotherthan")
    spoilt = [
        GOOD + f"&pin-value={pin}",
        GOOD.replace("?", f"?pin-value={pin}&"),
        GOOD.replace("pkcs11:", f"pkcs11:pin-value={pin};"),
        GOOD.replace("pin-source=file:/etc/motcua/pin", f"pin-source={pin}"),
        GOOD + f"&{pin}",
    ][where]
    with pytest.raises(UriRefused) as refused:
        read_uri(spoilt)
    assert pin not in str(refused.value)
    with pytest.raises(SealKeyUnusable) as unusable:
        load_seal_key(spoilt)
    assert pin not in str(unusable.value)


@pytest.mark.parametrize(
    "spoilt",
    [
        GOOD.replace("token=receipts;", ""),
        GOOD.replace("object=seal-2026", "type=private"),
        GOOD.replace("object=seal-2026", "object=seal-2026;type=public"),
        GOOD.replace("object=seal-2026", "object=a;object=b"),
        GOOD.replace("object=seal-2026", "object=a;colour=red"),
        GOOD.replace("object=seal-2026", "object=a;slot-id=1"),
        GOOD.replace("object=seal-2026", "object="),
        GOOD.replace("object=seal-2026", "object"),
        GOOD.replace("object=seal-2026", "object=a b"),
        GOOD.replace("object=seal-2026", "object=a/b"),
        GOOD.replace("object=seal-2026", "object=%c3%28"),
        GOOD.replace("object=seal-2026", "object=%00"),
        GOOD.replace("object=seal-2026", "object=%4"),
        GOOD.replace("object=seal-2026", "object=Mẫu"),
        GOOD.replace(LIBRARY, "libsofthsm2.so"),
        GOOD.replace("module-path", "module-name"),
        GOOD.replace("file:/etc", "/etc"),
        GOOD.replace("file:/etc", "file:etc"),
        GOOD.replace("file:/etc", "file://host/etc"),
        GOOD.replace("file:/etc/motcua/pin", "%7c/usr/bin/pin"),
        GOOD.replace("file:/etc/motcua/pin", "|/usr/bin/pin"),
        GOOD + "#fragment",
        GOOD + "&",
        GOOD + "&module-path=/other.so",
        GOOD.replace("?", ";?"),
        GOOD.replace("pkcs11:", "pkcs12:"),
        GOOD + "&x=" + "a" * 3000,
        "",
    ],
)
def test_what_is_not_whole_or_says_more_than_we_look_at_is_refused(spoilt: str) -> None:
    with pytest.raises(UriRefused):
        read_uri(spoilt)


def test_a_path_is_no_uri() -> None:
    assert not is_pkcs11("/etc/pkcs11:key.pem")
    assert not is_pkcs11("seal.pem")
    assert is_pkcs11("PKCS11:token=a")
    with pytest.raises(SealKeyUnusable, match="not there"):
        load_seal_key(Path("pkcs11:token=a;object=b?module-path=/no/such/library.so"))
