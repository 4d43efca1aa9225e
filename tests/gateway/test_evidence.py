"""The evidence bundle: what is in it, who gets it, and that both verifiers and strangers' software accept it."""

import asyncio
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from litestar.exceptions import LitestarException
from lxml import etree

from gateway.api import evidence as door
from gateway.contents import Content
from gateway.erasure import Order, erase
from signing.asic import AsicContainer, judge_container, open_container
from signing.policy import Policy, RevocationRule
from signing.seal_asic import SIGNATURE_FILE, read_seal
from signing.trust import TrustStore
from tests.gateway.bundles import Verifiers, apart, bundle, filed, publish_and_stamp, stamped_gateway
from tests.gateway.ended import finished
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_logbook_outside import Authority
from tests.signing import stock_validator
from tests.signing.test_seal_asic import issued_by_an_authority


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


@pytest.fixture
def stamped(tmp_path: Path) -> Iterator[tuple[Inhouse, Authority]]:
    with stamped_gateway(tmp_path / "home") as made:
        yield made


def verifiers(gateway: Inhouse, folder: Path, one: Authority | None = None) -> Verifiers:
    root = one.tsa.root.certificate if one else None
    return Verifiers(folder, gateway("GET", "/v1/keys").json(), root, gateway.clock.now())


def test_a_bundle_holds_everything_and_both_verifiers_accept_it(
    stamped: tuple[Inhouse, Authority], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, one = stamped
    made = filed(gateway, 1)
    publish_and_stamp(gateway)
    content = bundle(gateway, made.dossier, made.token, seal_level="XAdES-B-T")
    files = apart(content)
    proofs = [name for name in files if name.startswith("proofs/")]
    assert [name for name in files if name not in proofs] == [
        "mimetype",
        "DOC-TRUOC.txt",
        "READ-ME.txt",
        "received/dossier.xml",
        "receipt.jws",
        "statements/001-handover.jws",
        "report/validation-report.xml",
        "report/findings.json",
        "events.json",
        "due-date.json",
        "readings.json",
        "log/receipt.tlog-proof",
        "log/receipt.tst",
        "log/001-handover.tlog-proof",
        "log/001-handover.tst",
        "log/origin-1.jws",
        "keys.jwks",
        "META-INF/manifest.xml",
        SIGNATURE_FILE,
    ]
    assert files["received/dossier.xml"] == made.content
    assert files["receipt.jws"].decode() == made.receipt
    assert etree.fromstring(files["report/validation-report.xml"]).tag.endswith("}ValidationReport")
    assert {name.rpartition(".")[2] for name in proofs} == {"cer", "crl"}
    for name in proofs:
        assert name == f"proofs/{hashlib.sha256(files[name]).hexdigest()}.{name.rpartition('.')[2]}"
    assert [event["type"] for event in json.loads(files["events.json"])["events"]] == [
        "accepted",
        "leased",
        "acknowledged",
    ]
    due = json.loads(files["due-date.json"])
    assert due["recalculated"]
    assert [list(step) for step in due["steps"]] == [["vi", "en", "at"]] * 2
    assert due["steps"][-1]["at"] == due["due_at"]
    assert "XAdES-B-T" in files["DOC-TRUOC.txt"].decode()
    both = verifiers(gateway, tmp_path, one)
    steps, out = both.hold(content, capsys)
    assert [step.number for step in steps] == list(range(1, 9))
    assert "2/2" in steps[5].vi
    assert "02/03/2026 08:30" in steps[6].vi
    assert "time-stamped 2026-03-02" in out
    # One pinned thumbprint is enough, for the key itself is inside.
    (kid,) = both.pinned()
    assert both.ours(content, key=kid)[1] is None
    assert both.alone(content, capsys, key=kid)[1] is None


def test_the_bundle_says_of_itself_that_the_authority_was_away(
    stamped: tuple[Inhouse, Authority], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, one = stamped
    made = filed(gateway, 2, handed_over=False)
    one.mood = "stranger"
    publish_and_stamp(gateway)
    content = bundle(gateway, made.dossier, made.token, seal_level="XAdES-B-B")
    files = apart(content)
    assert "did not answer" in files["READ-ME.txt"].decode()
    assert "KHÔNG có dấu thời gian" in files["DOC-TRUOC.txt"].decode()
    assert "log/receipt.tst" not in files
    steps, out = verifiers(gateway, tmp_path, one).hold(content, capsys)
    assert "không có dấu thời gian" in steps[1].vi
    assert "NOT checked" in out


def test_what_is_not_logged_yet_is_said_to_be_so(
    gateway: Inhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = filed(gateway, 3, handed_over=False)
    content = bundle(gateway, made.dossier, made.token)
    assert "NO proof yet" in apart(content)["READ-ME.txt"].decode()
    steps, out = verifiers(gateway, tmp_path).hold(content, capsys)
    assert "NOT yet: receipt.jws (log_by 2026-03-03T08:30" in steps[5].en
    assert "not yet: ['receipt.jws']" in out


def test_a_refusals_bundle_has_the_notice_and_no_content(
    gateway: Inhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway(
        "POST", "/v1/dossiers", employer, content=a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    ).json()
    publish_and_stamp(gateway)
    content = bundle(gateway, refused["dossier"], employer)
    files = apart(content)
    assert files["notice.jws"].decode() == refused["notice"]
    assert not [name for name in files if name.startswith("received/")]
    assert json.loads(files["report/findings.json"])["refused"] == "signature-refused"
    steps, _ = verifiers(gateway, tmp_path).hold(content, capsys)
    assert "KHÔNG được tiếp nhận" in steps[2].vi


def test_after_erasure_the_tombstone_stands_in_and_the_receipt_is_still_proved(
    gateway: Inhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    (made,) = finished(gateway, 4)
    stores, path = gateway.house.stores, gateway.house.settings.path("erasures", "erasures.jsonl")
    erase(stores, path, made["dossier"], Order(by="operator", because="hết hạn"), gateway.clock.now())
    publish_and_stamp(gateway)
    content = bundle(gateway, made["dossier"], employer)
    files = apart(content)
    assert not [name for name in files if name.startswith(("received/", "proofs/"))]
    assert "statements/002-erasure.jws" in files
    steps, out = verifiers(gateway, tmp_path).hold(content, capsys)
    assert "đã xóa" in steps[7].vi
    assert "erased 2026" in out
    assert "3/3" in steps[5].vi


def test_an_erased_notice_is_proved_by_its_tombstone(
    gateway: Inhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway(
        "POST", "/v1/dossiers", employer, content=a_dossier().replace(b"</KyKeKhai>", b"1</KyKeKhai>")
    ).json()
    stores, path = gateway.house.stores, gateway.house.settings.path("erasures", "erasures.jsonl")
    erase(stores, path, refused["dossier"], Order(by="operator", because="hết hạn"), gateway.clock.now())
    publish_and_stamp(gateway)
    files = apart(bundle(gateway, refused["dossier"], employer))
    if "notice.jws" in files:
        pytest.fail("this refusal quotes findings, so its notice gives way")
    assert "log/notice.tlog-proof" in files
    steps, _ = verifiers(gateway, tmp_path).hold(bundle(gateway, refused["dossier"], employer), capsys)
    assert "2/2" in steps[5].vi


def test_only_parties_get_it_and_every_reading_is_written_down(gateway: Inhouse) -> None:
    made = filed(gateway, 5)
    bundle(gateway, made.dossier, made.token)
    office = gateway.bearer("office", offices=[OFFICE])
    seen = json.loads(apart(bundle(gateway, made.dossier, office))["readings.json"])["readings"]
    # An office is shown its own readings; this very one among them.
    assert [(one["role"], one["what"]) for one in seen] == [("office", "evidence")]
    told = gateway("GET", f"/v1/dossiers/{made.dossier}/readings", made.token).json()["readings"]
    assert [(one["role"], one["what"]) for one in told] == [("employer", "evidence"), ("office", "evidence")]
    path = f"/v1/dossiers/{made.dossier}/evidence"
    assert gateway("GET", path, gateway.bearer("employer")).status_code == 404
    assert gateway("GET", path, gateway.bearer("operator")).status_code == 403
    assert gateway("GET", path).status_code == 401
    head = gateway("HEAD", path, made.token)
    assert (head.status_code, head.content) == (200, b"")
    assert len(gateway("GET", f"/v1/dossiers/{made.dossier}/readings", made.token).json()["readings"]) == 2


def test_what_cannot_be_read_is_an_error_and_no_torn_file(gateway: Inhouse) -> None:
    made = filed(gateway, 6, handed_over=False)
    for pack in (gateway.house.settings.home_path / "vault").rglob("*"):
        if pack.is_file() and pack.stat().st_size > 1000:
            damaged = bytearray(pack.read_bytes())
            damaged[len(damaged) // 2] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(damaged)
    answer = gateway("GET", f"/v1/dossiers/{made.dossier}/evidence", made.token)
    assert answer.status_code == 500
    assert answer.json()["code"] == "content-unreadable"
    assert gateway("GET", f"/v1/dossiers/{made.dossier}/readings", made.token).json()["readings"] == []


def test_a_large_content_is_streamed_chunk_by_chunk(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = filed(gateway, 7, handed_over=False)
    given: list[int] = []
    whole = Content.chunks

    def in_pieces(self: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for chunk in whole(self, start, end):
            for at in range(0, len(chunk), 1000):
                given.append(len(chunk[at : at + 1000]))
                yield chunk[at : at + 1000]

    monkeypatch.setattr(Content, "chunks", in_pieces)
    content = bundle(gateway, made.dossier, made.token)
    # Once for the checksum, once on its way out.
    assert sum(given) == 2 * len(made.content)
    assert apart(content)["received/dossier.xml"] == made.content
    verifiers(gateway, tmp_path).hold(content, capsys)


def test_nobody_else_waits_for_a_time_stamp_authority_that_does_not_answer(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filed(gateway, 12, handed_over=False)
    asked, answer = threading.Semaphore(0), threading.Event()

    def never(_: bytes) -> None:
        asked.release()
        answer.wait(20)

    monkeypatch.setattr(door, "_stamp", lambda *_: never)
    path = f"/v1/dossiers/{made.dossier}"

    async def all_of_them() -> list[int]:
        waiting = [asyncio.create_task(gateway.ask("GET", path + "/evidence", made.token)) for _ in range(4)]
        for _ in waiting:
            assert await asyncio.to_thread(asked.acquire, timeout=20)
        try:
            # Its bytes are read in a thread.
            found = await asyncio.wait_for(gateway.ask("GET", path + "/content", made.token), 10)
        finally:
            answer.set()
        return [found.status_code, *[one.status_code for one in await asyncio.gather(*waiting)]]

    assert gateway.asked(all_of_them()) == [200] * 5


def test_a_content_that_changes_between_the_two_looks_breaks_off(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filed(gateway, 8, handed_over=False)
    whole, looks = Content.chunks, []

    def failing(self: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        looks.append(1)
        yield from whole(self, start, end) if len(looks) == 1 else iter([b"short"])

    monkeypatch.setattr(Content, "chunks", failing)
    with pytest.raises(LitestarException, match="after response started"):
        gateway("GET", f"/v1/dossiers/{made.dossier}/evidence", made.token)


def test_a_stock_validator_accepts_the_seal_over_the_unpacked_bundle(
    stamped: tuple[Inhouse, Authority], tmp_path: Path
) -> None:
    gateway, _ = stamped
    made = filed(gateway, 9)
    publish_and_stamp(gateway)
    content = bundle(gateway, made.dossier, made.token, seal_level="XAdES-B-T")
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(BytesIO(content)) as archive:
        archive.extractall(folder)
    pem = gateway.house.settings.home_path / "seal-certificate.pem"

    assert stock_validator.accepts(folder, pem, SIGNATURE_FILE)
    (folder / "due-date.json").write_bytes(b"{}")
    assert not stock_validator.accepts(folder, pem, SIGNATURE_FILE)


def test_an_operators_certificate_is_in_the_seal_and_our_own_judge_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "operators.pem"
    with inhouse(tmp_path / "home", seal_certificate=str(path)) as gateway:
        key = gateway.house.stores.seal.signer_at(gateway.clock.now())
        chain, trust = issued_by_an_authority(key)
        path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        made = filed(gateway, 10)
        container = open_container(bundle(gateway, made.dossier, made.token))
        assert isinstance(container, AsicContainer), container
        policy = Policy(revocation=RevocationRule(required=False))
        (judged,) = judge_container(container, policy=policy, trust=trust, now=gateway.clock.now())
        assert judged.verdict.passed, judged.verdict.reason_en
        # Not trusted, it is refused for that and for nothing else.
        (judged,) = judge_container(container, policy=policy, trust=TrustStore([]), now=gateway.clock.now())
        assert judged.verdict.reason_code == "no-chain"
        path.write_text("damaged")
        sealed = apart(bundle(gateway, made.dossier, made.token))[SIGNATURE_FILE]
        assert read_seal(sealed).certificate.subject == read_seal(sealed).certificate.issuer
        assert path.read_text() == "damaged"


def test_the_verifier_is_served_to_anyone(gateway: Inhouse) -> None:
    answer = gateway("GET", "/v1/verifier")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/x-python")
    compile(answer.content, "motcua_verify.py", "exec")


def test_a_seal_in_ed25519_is_made_and_verified_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from signing.seal import create_seal_key

    (tmp_path / "home").mkdir()
    create_seal_key(tmp_path / "home" / "seal.pem", "Ed25519")
    with inhouse(tmp_path / "home") as gateway:
        made = filed(gateway, 11)
        publish_and_stamp(gateway)
        content = bundle(gateway, made.dossier, made.token)
        verifiers(gateway, tmp_path).hold(content, capsys)
        assert b"eddsa-ed25519" in apart(content)[SIGNATURE_FILE]
