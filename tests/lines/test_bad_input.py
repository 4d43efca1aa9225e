"""Whatever is sent, the answer says what is wrong and what to do, and nothing stays behind."""

import hashlib
import itertools
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.callers import Callers
from signing.demo_pki import DemoPki
from signing.placing import SigningImpossible
from storage.database import open_database
from tests.lines.gateways import (
    NONE_OF_ANY,
    OFFICE,
    Gateway,
    Home,
    bearer,
    content_digest,
    dossier,
    serving,
    signed,
    unsigned,
)
from tests.lines.problems import in_both_languages, problem
from tests.schemas import broken

_seeds = itertools.count(1000)


def junk_in_base64(good: bytes) -> bytes:
    """A star stands in the middle of the base64 text of D02-TS."""
    start = good.index(b"<NoiDungFile>") + 60
    return good[:start] + b"*" + good[start + 1 :]


# What is wrong with a dossier, and the finding that says so.
DOSSIERS: list[tuple[Callable[[bytes], bytes], str]] = [
    (broken.unescaped_less_than, "xml-unescaped-less-than"),
    (broken.wrong_casing, "element-misspelt"),
    (broken.impossible_date, "date-impossible"),
    (broken.doubled_date, "date-malformed"),
    (broken.missing_mandatory_form, "mandatory-form-missing"),
    (broken.unexpected_form, "form-not-allowed"),
    (broken.truncated_base64, "file-base64-broken"),
    (junk_in_base64, "file-base64-broken"),
    (broken.wrong_file_count, "file-count-mismatch"),
    (broken.png_called_pdf, "attachment-content-mismatch"),
    (broken.unknown_procedure, "procedure-unknown"),
    (broken.negative_wage, "amount-not-positive"),
    (broken.unknown_reason, "value-not-listed"),
    (broken.wrong_check_digit, "tax-code-differs"),
    (broken.portal_period, "month-malformed"),
]


def signed_although_broken(break_: Callable[[bytes], bytes], pki: DemoPki) -> bytes:
    """A broken dossier whose signatures hold, so that nothing but the break is wrong."""
    good = unsigned(next(_seeds))
    try:
        return signed(break_(good), pki)
    except SigningImpossible:
        # The form can be read no more: it was signed before it broke, the envelope after.
        return signed(break_(signed(good, pki, level="forms")), pki, level="envelope")


@pytest.mark.parametrize(("break_", "code"), DOSSIERS, ids=[f"{code}-{n}" for n, (_, code) in enumerate(DOSSIERS)])
def test_a_broken_dossier_is_told_what_is_wrong_and_not_accepted(
    gateway: Gateway, pki: DemoPki, break_: Callable[[bytes], bytes], code: str
) -> None:
    content = signed_although_broken(break_, pki)
    told = in_both_languages(lambda language: gateway.submit(content, accept_language=language), 422, "findings")
    errors = [found for found in told["findings"] if found["severity"] == "error"]  # type: ignore[attr-defined]
    assert [found["code"] for found in errors] == [code]
    assert errors[0]["message"]
    assert errors[0]["fix"]
    assert told["verdict"]["indication"] == "TOTAL-PASSED"  # type: ignore[index]
    assert told["notice"]
    assert gateway.home.kept(content) == NONE_OF_ANY
    assert gateway.receipt_of(content).status_code == 404


BILLION_LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">%s]><l>&i;</l>' % b"".join(
    b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 10) for name in range(ord("b"), ord("j"))
)
OUTSIDE = b'<!DOCTYPE Hoso [<!ENTITY x SYSTEM "file:///etc/passwd">]><Hoso>&x;</Hoso>'

BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "xml-empty"),
    "no XML": (lambda _: b"PK\3\4 not XML", "xml-not-xml"),
    "JSON": (lambda _: b'{"Hoso": {}}', "xml-not-xml"),
    "cut off": (broken.cut_off, "xml-truncated"),
    "a tag that never closes": (lambda good: good.replace(b"</ThongTinDonVi>", b"", 1), "xml-tag-mismatch"),
    "a bare ampersand": (lambda good: good.replace(b"<NoiDung>", b"<NoiDung>A & B", 1), "xml-unescaped-ampersand"),
    "an entity that HTML knows": (lambda good: good.replace(b"<NoiDung>", b"<NoiDung>&nbsp;", 1), "xml-unknown-entity"),
    "a control character": (lambda good: good.replace(b"<NoiDung>", b"<NoiDung>\x07", 1), "xml-control-character"),
    "a NUL": (lambda good: good.replace(b"<NoiDung>", b"<NoiDung>\0", 1), "xml-nul"),
    "a billion laughs": (lambda _: BILLION_LAUGHS, "xml-dtd"),
    "an entity from outside": (lambda _: OUTSIDE, "xml-dtd"),
    "a DTD": (lambda good: good.replace(b"<Hoso ", b"<!DOCTYPE Hoso>\n<Hoso ", 1), "xml-dtd"),
    "UTF-16": (lambda good: good.decode().replace("utf-8", "utf-16").encode("utf-16"), "xml-encoding-other"),
    "Windows-1258": (
        lambda good: good.replace(b'encoding="utf-8"', b'encoding="windows-1258"', 1),
        "xml-encoding-other",
    ),
    "bytes that are no UTF-8": (lambda good: good.replace(b"<NoiDung>", b"<NoiDung>\xc3\x28", 1), "xml-encoding-bytes"),
    "a thousand levels": (lambda _: b"<a>" * 1000 + b"</a>" * 1000, "xml-too-deep"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_xml_are_told_where_and_why(gateway: Gateway, name: str) -> None:
    spoil, code = BYTES[name]
    content = spoil(dossier(gateway.home, next(_seeds)))
    began = time.monotonic()
    told = in_both_languages(lambda language: gateway.submit(content, accept_language=language), 422, "malformed")
    assert time.monotonic() - began < 5
    (found,) = told["findings"]  # type: ignore[misc]
    assert found["code"] == code
    assert "root:" not in str(told)
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_an_agency_code_that_lost_its_zeros_is_accepted_with_a_warning(home: Home) -> None:
    """903: the unit's registered office is what counts, and the dossier says what was put right."""
    content = signed(broken.mangled_agency(unsigned(1)), home.pki)
    with serving(home) as gateway:
        answer = gateway.submit(content)
        assert answer.status_code == 201
        assert answer.json()["competent_office"] == OFFICE
        assert gateway.check_receipt(answer.json(), content)["competent_office"] == OFFICE
        shown = gateway.get(f"/v1/dossiers/{answer.json()['dossier']}").json()
        warned = [found for found in shown["findings"] if found["value"] == "903"]
        assert {found["severity"] for found in warned} == {"warning"}
        assert OFFICE in " ".join(found["message"] + found["fix"] for found in warned)


def test_a_signature_over_other_bytes_is_refused_with_its_indication(gateway: Gateway) -> None:
    good = dossier(gateway.home, next(_seeds))
    content = good.replace(b"<SoLuongFile>2", b"<SoLuongFile>3", 1)
    assert content != good
    told = in_both_languages(
        lambda language: gateway.submit(content, accept_language=language), 422, "signature-refused"
    )
    assert told["verdict"]["indication"] == "TOTAL-FAILED"  # type: ignore[index]
    assert told["verdict"]["sub_indication"] == "HASH_FAILURE"  # type: ignore[index]


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        (content_digest(b"other bytes"), 400, "digest-differs"),
        (f"sha-512=:{b64encode(bytes(64)).decode()}:", 400, "digest-differs"),
        (f"sha-256=:{b64encode(bytes(31)).decode()}:", 400, "digest-differs"),
        ("sha-256=deadbeef", 400, "bad-request"),
        ("sha-256=:not base64!:", 400, "bad-request"),
        ("sha-256=:abc:", 400, "bad-request"),
        ("nonsense", 400, "bad-request"),
        (",", 400, "bad-request"),
    ],
)
def test_a_content_digest_that_does_not_hold_is_refused(gateway: Gateway, told: str, status: int, code: str) -> None:
    content = dossier(gateway.home, next(_seeds))
    in_both_languages(
        lambda language: gateway.submit(content, content_digest=told, accept_language=language), status, code
    )
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_content_digest_that_holds_is_no_hindrance(home: Home) -> None:
    with serving(home) as gateway:
        for seed, told in enumerate(("{}", "sha-512=:{}:, {}", "unixsum=:AAAA:, {}")):
            content = dossier(home, seed)
            sha512 = b64encode(hashlib.sha512(content).digest()).decode()
            parts = [sha512, content_digest(content)] if told.count("{}") == 2 else [content_digest(content)]
            assert gateway.submit(content, content_digest=told.format(*parts)).status_code == 201


def expired(home: Home) -> str:
    """A token that ended an hour ago."""
    database = open_database(f"sqlite:///{home.folder / 'motcua.sqlite'}")
    try:
        callers = Callers(database, token_life_s=3600, lookups_per_minute_max=100)
        two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
        return callers.by_secret(home.employer.id, home.employer.secret, two_hours_ago).token
    finally:
        database.close()


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer garbage", "Basic dTpw", "Bearer \xff\xfe", "expired"])
def test_without_a_good_token_nothing_is_received(gateway: Gateway, shown: str) -> None:
    content = dossier(gateway.home, next(_seeds))
    authorization = (f"Bearer {expired(gateway.home)}" if shown == "expired" else shown).encode("latin-1")

    def ask(language: str) -> httpx.Response:
        headers = {b"content-type": b"application/xml", b"accept-language": language.encode()}
        headers |= {b"authorization": authorization} if authorization else {}
        return gateway.http.post("/v1/dossiers", content=content, headers=headers)

    in_both_languages(ask, 401, "unauthorized")
    assert ask("vi").headers["www-authenticate"].startswith("Bearer")
    answer = gateway.http.get("/v1/dossiers", headers={b"authorization": authorization} if authorization else {})
    problem(answer, 401, "unauthorized")
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_an_office_cannot_submit(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    ask = lambda language: gateway.submit(content, gateway.home.office, accept_language=language)  # noqa: E731
    in_both_languages(ask, 403, "forbidden")
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_unit_that_is_not_the_callers_is_refused(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    ask = lambda language: gateway.submit(content, gateway.home.stranger, accept_language=language)  # noqa: E731
    in_both_languages(ask, 403, "not-your-unit")
    assert gateway.home.kept(content) == NONE_OF_ANY


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "", "application/xmlx"])
def test_another_media_type_is_refused(gateway: Gateway, kind: str) -> None:
    content = dossier(gateway.home, next(_seeds))
    ask = lambda language: gateway.submit(content, content_type=kind, accept_language=language)  # noqa: E731
    in_both_languages(ask, 415, "media-type")
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_packed_body_is_refused(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    problem(gateway.submit(content, content_encoding="gzip"), 415, "media-type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("GET", "/v1/dossiers/d-nothing", 404, "not-found"),
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/dossiers/../../etc/passwd", 404, "not-found"),
        ("GET", "/problems/none", 404, "not-found"),
        ("PUT", "/v1/dossiers", 405, "method-not-allowed"),
        ("DELETE", "/v1/dossiers/d-nothing", 405, "method-not-allowed"),
        ("POST", "/v1/receipts", 405, "method-not-allowed"),
    ],
)
def test_an_unknown_path_or_a_wrong_method_is_a_problem(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    def ask(language: str) -> httpx.Response:
        headers = {**bearer(gateway.home.employer), "accept-language": language}
        return gateway.http.request(method, path, headers=headers)

    in_both_languages(ask, status, code)


def test_a_wrong_method_is_told_which_are_right(gateway: Gateway) -> None:
    answer = gateway.http.put("/v1/dossiers", headers=bearer(gateway.home.employer))
    allowed = {method.strip() for method in answer.headers["allow"].split(",")}
    assert {"GET", "POST"} <= allowed


ODD = [
    "/v1/dossiers?after=99999999999999999999999",
    "/v1/dossiers?after=-1",
    "/v1/dossiers?unit=%00",
    "/v1/dossiers?state=%F0%9F%98%80&period=%E2%80%AE",
    "/v1/dossiers/%00",
    "/v1/dossiers/d-%FF%FE/receipt",
    "/v1/events?after=99999999999999999999999",
    "/v1/events?wait_s=nan",
    "/v1/events?wait_s=-1",
    "/v1/receipts?sha256=%00",
]


def test_odd_questions_are_answered_without_a_fault(home_on_either: Home) -> None:
    with serving(home_on_either) as gateway:
        told = {path: gateway.get(path).status_code for path in ODD}
        assert {path: status for path, status in told.items() if status not in (200, 400, 404)} == {}


def test_a_question_with_a_wrong_value_is_told_in_plain_words(gateway: Gateway) -> None:
    told = problem(gateway.get("/v1/dossiers?after=x"), 400, "bad-request")
    assert "after" in str(told["detail"])
    assert "ParamType" not in str(told["detail"])


BATCHES = ["0", "", "-1", "x", "1.0", "10000", "٣", "1&batch=2", "0000000019999", "000000001" + "9" * 30, "9" * 5000]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch[:24])
def test_a_batch_that_is_no_number_from_1_to_9999_is_refused(gateway: Gateway, batch: str) -> None:
    content = dossier(gateway.home, next(_seeds), period="01/2026")
    ask = lambda language: gateway.submit(content, query=f"?batch={batch}", accept_language=language)  # noqa: E731
    in_both_languages(ask, 400, "bad-request")
    assert gateway.home.kept(content) == NONE_OF_ANY
