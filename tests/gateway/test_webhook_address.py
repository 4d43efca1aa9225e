"""Where the gateway may be sent: every way of naming a place inside is refused, each with its forged sample."""

import asyncio
import threading
import time
from ipaddress import ip_address

import pytest

from gateway.outgoing import (
    URL_CHARACTERS_MAX,
    AddressAway,
    AddressRefused,
    Allowed,
    Checked,
    checked,
    is_public,
    listed_hosts,
    named,
)

NOTHING = Allowed()
PUBLIC = "93.184.215.14"


def look(url: str, *answers: str, allowed: Allowed = NOTHING) -> Checked:
    async def resolve(_host: str, _port: int) -> list[str]:
        if not answers:
            raise OSError("no such name")
        return list(answers)

    return asyncio.run(checked(url, allowed, resolve))


def test_a_public_host_is_connected_to_at_the_address_that_was_looked_at() -> None:
    assert look("https://Hook.Example.vn/a/b?c=d", PUBLIC) == Checked(
        url=f"https://{PUBLIC}:443/a/b?c=d", host_header="hook.example.vn", tls_name="hook.example.vn"
    )
    assert look("https://hook.example.vn:8443", "2a02:4780::5").url == "https://[2a02:4780::5]:8443/"
    both = look("https://hook.example.vn", "2a02:4780::5", PUBLIC)
    assert both.url == f"https://{PUBLIC}:443/", "the older protocol first"
    assert look("https://hook.example.vn:8443/", PUBLIC).host_header == "hook.example.vn:8443"


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example.vn/",
        "ftp://hook.example.vn/",
        "file:///etc/passwd",
        "gopher://hook.example.vn/",
        "//hook.example.vn/",
        "hook.example.vn",
        "",
        "https://",
        "https:///path",
        "https://user@hook.example.vn/",
        "https://user:word@hook.example.vn/",
        "https://@hook.example.vn/",
        "https://hook.example.vn@127.0.0.1/",
        "https://hook.example.vn\\@127.0.0.1/",
        "https://127.0.0.1\\.hook.example.vn/",
        "https://hook.example.vn/#fragment",
        "https://hook.example.vn:22/",
        "https://hook.example.vn:80/",
        "https://hook.example.vn:6379/",
        "https://hook.example.vn:0/",
        "https://hook.example.vn:65536/",
        "https://hook.example.vn:x/",
        "https://hook.example.vn:-1/",
        # What inet_aton and old libraries read as 127.0.0.1 or another address of one's own.
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.1./",
        "https://127.0.0.0x1/",
        "https://127.0.0.01/",
        "https://localhost./",
        # Addresses in their usual notation that are inside.
        "https://127.0.0.1/",
        "https://127.255.255.254/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://192.0.0.192/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://240.0.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
        "https://[100::1]/",
        "https://[2001:db8::1]/",
        "https://[::1/",
        # What is no name.
        "https://hook_.example.vn%00.x/",
        "https://%6c%6f%63alhost/",
        "https://hook..example.vn/",
        "https://-hook.example.vn/",
        "https://hook.example.vn-/",
        "https://hóok.example.vn/",
        "https://ⓛocalhost/",
        "https://hook.example.vn /",
        "https://hook.example.vn/a b",
        "https://hook.example.vn/\r\nx: y",
        "https://hook.example.vn/\x00",
        "https://" + "a" * 64 + ".example.vn/",
        "https://" + "a." * 127 + "vn/",
        "https://hook.example.vn/" + "a" * URL_CHARACTERS_MAX,
    ],
)
def test_what_is_no_public_https_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        look(url, PUBLIC)


@pytest.mark.parametrize(
    "answers",
    [
        ("127.0.0.1",), ("10.1.2.3",), ("169.254.169.254",), ("100.100.100.200",), ("168.63.129.16",), ("0.0.0.0",),
        ("::1",), ("::ffff:10.0.0.1",), ("fd00:ec2::254",), ("fe80::1%eth0",), ("64:ff9b::a9fe:a9fe",),
        ("192.88.99.1",), ("2002:a00:1::1",), (PUBLIC, "10.1.2.3"), ("10.1.2.3", PUBLIC), (PUBLIC, "::1"),
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_even_if_it_leads_outside_as_well(answers: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused):
        look("https://hook.example.vn/", *answers)


def test_the_name_is_asked_once_and_what_it_says_a_moment_later_changes_nothing() -> None:
    asked = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    told = asyncio.run(checked("https://hook.example.vn/", NOTHING, rebinding))
    assert told.url.startswith(f"https://{PUBLIC}:443")
    assert asked == ["hook.example.vn"]


def test_a_name_server_that_never_answers_holds_up_nothing_but_names(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        answered.wait(5)
        return []

    monkeypatch.setattr("socket.getaddrinfo", silent)
    monkeypatch.setattr("gateway.outgoing.RESOLVE_S_MAX", 0.2)

    async def together() -> float:
        looks = [asyncio.create_task(checked(f"https://h{n}.example.vn/", NOTHING)) for n in range(40)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.to_thread(str)
        took = time.monotonic() - began
        assert all(isinstance(one, AddressAway) for one in await asyncio.gather(*looks, return_exceptions=True))
        answered.set()
        return took

    assert asyncio.run(together()) < 0.15


def test_a_name_without_an_address_may_be_tried_again() -> None:
    with pytest.raises(AddressAway):
        look("https://hook.example.vn/")


def test_what_the_operator_listed_is_allowed_and_nothing_beside_it() -> None:
    allowed = Allowed(
        http=listed_hosts("hook.trong.vn, 127.0.0.1:8080"),
        private=listed_hosts("hook.trong.vn, 127.0.0.1, [fd00::5]:443, 10.9.8.7:9443"),
    )
    assert look("http://hook.trong.vn/x", "10.1.2.3", allowed=allowed).url == "http://10.1.2.3:80/x"
    assert look("https://hook.trong.vn:9443/", "10.1.2.3", allowed=allowed).url == "https://10.1.2.3:9443/"
    assert look("http://127.0.0.1:8080/", allowed=allowed).url == "http://127.0.0.1:8080/"
    assert look("https://[fd00::5]/", allowed=allowed).url == "https://[fd00::5]:443/"
    assert look("https://10.9.8.7:9443/", allowed=allowed).url == "https://10.9.8.7:9443/"
    refused = [
        ("http://127.0.0.1:8081/", ()),
        ("http://hook.example.vn/", (PUBLIC,)),
        ("https://hook.example.vn/", ("10.1.2.3",)),
        ("https://10.9.8.7/", ()),
        ("https://10.9.8.6:9443/", ()),
        ("https://[fd00::6]/", ()),
        # A name that was listed leads to the operator's network, not to this machine or its link.
        ("https://hook.trong.vn/", ("169.254.169.254",)),
        ("https://hook.trong.vn/", ("::1",)),
        ("https://hook.trong.vn/", ("0.0.0.0",)),
        ("https://hook.trong.vn/", ("fd00:ec2::254",)),
        ("https://hook.trong.vn/", ("::ffff:169.254.169.254",)),
    ]
    for url, answers in refused:
        with pytest.raises(AddressRefused):
            look(url, *answers, allowed=allowed)
    # The address itself was listed: a name that leads there is the operator's business.
    assert look("https://hook.example.vn/", "127.0.0.1", allowed=allowed).url == "https://127.0.0.1:443/"


def test_looking_asks_nobody() -> None:
    assert named("https://hook.example.vn/x?y", NOTHING).target == "/x?y"


@pytest.mark.parametrize("listed", ["a b", "host:0", "host:70000", "host:x", "http://host", "*.vn", "127.1", "[::1"])
def test_a_list_that_cannot_be_read_stops_the_start(listed: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        listed_hosts(listed)


def test_public_is_what_the_registries_say_but_for_ways_back_in() -> None:
    for told in (PUBLIC, "1.1.1.1", "2a02:4780::5", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"):
        assert is_public(ip_address(told)), told
