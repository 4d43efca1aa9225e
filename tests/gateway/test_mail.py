"""Mails that tell of facts, by way of a real mail server: asked for, plain, Vietnamese, about no person."""

import email
import email.policy
import ssl
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from msgspec import structs

from gateway.config import Settings
from gateway.mail_post import MailPost, MailServer, server_of
from gateway.mail_words import FACTS, MAIL_TYPES_DEFAULT
from gateway.states import STEADY, TRANSITIONS
from gateway.webhook_post import tls_context
from tests.adversary import certificate
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse
from tests.gateway.webhook_receiver import apart, happen, send

TO, FROM = "ke-toan@don-vi.example.vn", "cong@bhxh.example.vn"


class Postbox:
    """What the mail server took, and what it says to the next recipient."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.says = "250 OK"
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the server's own name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.says.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.says

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], parsed))
        return "250 taken"


class AtAnyPort(Controller):
    """A server at whatever port is free; the library's own asks port 0 whether it listens."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@contextmanager
def mail_server(**more: Any) -> Iterator[Postbox]:
    box = Postbox()
    controller = AtAnyPort(box, hostname="127.0.0.1", port=0, **more)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inhouse, Postbox]]:
    with mail_server() as box:
        settings = {
            "smtp_url": f"smtp://127.0.0.1:{box.port}",
            "mail_from": FROM,
            "public_url": "https://cong.example.vn",
        }
        with inhouse(tmp_path_factory.mktemp("mail") / "home", **settings) as made:
            yield made, box


@pytest.fixture
def gateway(posted: tuple[Inhouse, Postbox]) -> Iterator[Inhouse]:
    posted[1].mails.clear()
    posted[1].says = "250 OK"
    with apart(posted[0]):
        yield posted[0]


@pytest.fixture
def box(posted: tuple[Inhouse, Postbox], gateway: Inhouse) -> Postbox:
    return posted[1]


def subscribe(gateway: Inhouse, token: str, **more: Any) -> dict[str, Any]:
    answer = gateway("POST", "/v1/webhooks", token, json={"kind": "mail", "address": TO} | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert (made["state"], made["secret"]) == ("unconfirmed", None)
    return made


def code_in(mail: EmailMessage) -> str:
    return str(mail["subject"]).rpartition(": ")[2]


def confirmed(gateway: Inhouse, box: Postbox, token: str, **more: Any) -> dict[str, Any]:
    made = subscribe(gateway, token, **more)
    send(gateway)
    answer = gateway("POST", f"/v1/webhooks/{made['webhook']}/confirm", token, json={"code": code_in(box.mails[-1][1])})
    assert answer.json()["state"] == "active", answer.text
    box.mails.clear()
    return made


def text_of(mail: EmailMessage) -> str:
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    text = str(mail.get_content())
    assert unicodedata.is_normalized("NFC", text)
    return text


def test_nothing_is_mailed_before_the_address_said_that_it_wants_mails(gateway: Inhouse, box: Postbox) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = subscribe(gateway, employer)
    happen(gateway, "accepted", "finished")
    sending = send(gateway)
    ((to, asking),) = box.mails
    assert to == TO
    code = code_in(asking)
    assert text_of(asking).count(code) == 2
    assert asking["subject"].startswith("Mã xác nhận nhận thư")
    path = f"/v1/webhooks/{made['webhook']}/confirm"
    wrong = gateway("POST", path, employer, json={"code": "AAAAAAAAAA"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "webhook-refused")
    happen(gateway, "returned")
    send(gateway, sending)
    assert len(box.mails) == 1
    typed = f" {code.lower()} "
    assert gateway("POST", path, employer, json={"code": typed}).json()["state"] == "active"
    assert gateway("POST", path, employer, json={"code": "again"}).json()["state"] == "active"
    happen(gateway, "stopped")
    send(gateway, sending)
    assert [mail["subject"].partition(": ")[2] for _, mail in box.mails[1:]] == ["đã dừng giải quyết · stopped"], (
        "what happened before is not mailed"
    )


def test_a_code_serves_for_two_days_and_ten_tries(gateway: Inhouse, box: Postbox) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token = gateway.token(client, secret)
    guessed, late = subscribe(gateway, token), subscribe(gateway, token)
    sending = send(gateway)
    codes = [code_in(mail) for _, mail in box.mails]
    assert codes[0] != codes[1]
    path = f"/v1/webhooks/{guessed['webhook']}"
    for _ in range(10):
        assert gateway("POST", f"{path}/confirm", token, json={"code": "AAAAAAAAAA"}).status_code == 422
    for code in codes:
        assert gateway("POST", f"{path}/confirm", token, json={"code": code}).status_code == 422
    assert gateway("POST", f"{path}/enable", token, json={}).status_code == 422, "nor is there a way round"
    gateway("POST", f"{path}/disable", token)
    assert gateway("POST", f"{path}/enable", token, json={}).status_code == 422
    gateway.clock.advance(48 * 3600 + 1)
    token = gateway.token(client, secret)
    for code in codes:
        answer = gateway("POST", f"/v1/webhooks/{late['webhook']}/confirm", token, json={"code": code})
        assert answer.status_code == 422
    happen(gateway, "finished")
    send(gateway, sending)
    assert len(box.mails) == 2


def test_a_mail_says_in_vietnamese_first_what_happened_and_names_no_person(gateway: Inhouse, box: Postbox) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = confirmed(gateway, box, employer)
    detail = (
        '{"due_at": "2026-03-20T17:00:00.000+07:00", "officer": "Nguyễn Thị Mẫu", "reason": "thiếu CCCD",'
        ' "supplement": [{"what": "CCCD của Trần Văn Mẫu", "why": "mờ"}]}'
    )
    happen(gateway, "accepted")
    (seq,) = happen(gateway, "supplement-requested", detail=detail)
    send(gateway)
    ((to, mail),) = box.mails
    assert (to, mail["to"], mail["from"]) == (TO, TO, FROM)
    assert mail["message-id"] == f"<msg_{made['webhook']}_{seq}@bhxh.example.vn>"
    assert mail["auto-submitted"] == "auto-generated"
    assert "cần bổ sung · a supplement is needed" in mail["subject"]
    text = text_of(mail)
    flat = " ".join(text.split())
    for said in (
        "Số biên nhận · Receipt number: G00.01-20261122-one",
        "Thủ tục · Procedure: 600 – ",
        f"Mã đơn vị · Unit code: {UNIT}",
        f"Cơ quan giải quyết · Office: {OFFICE} – ",
        "Trạng thái · State: đang chờ bổ sung · a supplement was requested",
        "Hạn trả kết quả · Result due by: 20/03/2026 17:00",
        "https://cong.example.vn/track",
    ):
        assert said in flat, said
    assert flat.index("Cơ quan giải quyết yêu cầu bổ sung") < flat.index("The office asks for a supplement")
    for secret in ("Mẫu", "CCCD", "mờ", "somebody"):
        assert secret not in text
    assert max(map(len, text.splitlines())) <= 78
    assert not list(mail.iter_attachments())


def test_by_default_only_what_matters_is_mailed_one_mail_each(gateway: Inhouse, box: Postbox) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    confirmed(gateway, box, employer)
    happen(gateway, "accepted", "leased", "acknowledged", "work-started", "due-soon", *MAIL_TYPES_DEFAULT)
    send(gateway)
    subjects = [mail["subject"].partition(": ")[2] for _, mail in box.mails]
    assert subjects == [f"{FACTS[fact][0].vi} · {FACTS[fact][0].en}" for fact in MAIL_TYPES_DEFAULT]
    refused = {"kind": "mail", "address": TO, "types": ["leased"]}
    assert gateway("POST", "/v1/webhooks", employer, json=refused).json()["code"] == "webhook-refused"


def test_every_fact_with_words_is_a_fact_and_its_words_are_whole() -> None:
    assert set(FACTS) <= set(TRANSITIONS) | STEADY
    for pair in FACTS.values():
        for said in pair:
            assert said.vi
            assert said.en
            assert unicodedata.is_normalized("NFC", said.vi)


def test_a_digest_tells_all_of_a_day_in_one_mail(gateway: Inhouse, box: Postbox) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    made = confirmed(gateway, box, gateway.token(client, secret), digest="daily")
    seqs = []
    for number in range(3):
        happen(gateway, "accepted", dossier=f"n{number}")
        seqs += happen(gateway, "finished", dossier=f"n{number}")
        gateway.clock.advance(60)
    sending = send(gateway)
    assert box.mails == [], "not before eight in the morning"
    gateway.clock.advance(24 * 3600)
    happen(gateway, "stopped", dossier="n0")
    send(gateway, sending)
    ((_, mail),) = box.mails
    assert mail["subject"] == "3 tin mới về hồ sơ bảo hiểm xã hội · 3 facts about your dossiers"
    text = text_of(mail)
    assert [line.partition(": ")[2] for line in text.splitlines() if line.startswith("* ")] == [
        "đã giải quyết xong · finished"
    ] * 3
    assert "đã dừng" not in text
    assert mail["message-id"].startswith(f"<msg_{made['webhook']}_{seqs[0]}-{seqs[-1]}@")
    box.mails.clear()
    gateway.clock.advance(24 * 3600)
    send(gateway, sending)
    assert [mail["subject"].partition(": ")[2] for _, mail in box.mails] == ["đã dừng giải quyết · stopped"]


def test_an_address_is_asked_so_often_an_hour_whoever_names_it(gateway: Inhouse, box: Postbox) -> None:
    tokens = [gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])]
    wanted = {"kind": "mail", "address": "nguoi.khac@example.vn"}
    answers = [gateway("POST", "/v1/webhooks", tokens[n % 2], json=wanted).status_code for n in range(7)]
    assert answers == [201] * 5 + [429] * 2
    assert gateway("POST", "/v1/webhooks", tokens[0], json=wanted | {"address": "ai@example.vn"}).status_code == 201
    send(gateway)
    assert sum(mail["to"] == "nguoi.khac@example.vn" for _, mail in box.mails) == 5


def test_a_digest_is_not_held_up_by_much_that_it_does_not_tell(
    gateway: Inhouse, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.journal.EVENTS_A_PAGE_MAX", 5)
    client, secret = gateway.client("employer", units=[UNIT])
    confirmed(gateway, box, gateway.token(client, secret), digest="hourly")
    happen(gateway, *["worked-on"] * 50)
    happen(gateway, "finished", dossier="after-them")
    sending = send(gateway)
    assert box.mails == []
    gateway.clock.advance(3600)
    for _ in range(4):
        send(gateway, sending)
    assert [mail["subject"].partition(": ")[2] for _, mail in box.mails] == ["đã giải quyết xong · finished"]


def test_a_server_that_is_away_is_tried_again_and_an_address_that_is_none_is_given_up(
    gateway: Inhouse, box: Postbox
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = confirmed(gateway, box, employer)
    path = f"/v1/webhooks/{made['webhook']}/deliveries?after=1"
    box.says = "451 try again later"
    happen(gateway, "accepted", "finished")
    sending = send(gateway)
    (waits,) = gateway("GET", path, employer).json()["deliveries"]
    assert (waits["state"], waits["said"]) == ("waiting", "smtp 451")
    box.says = "250 OK"
    gateway.clock.advance(7)
    send(gateway, sending)
    ((_, mail),) = box.mails
    assert waits["message"] in mail["message-id"]
    box.says = "550 no such user"
    happen(gateway, "returned")
    send(gateway, sending)
    (_, dead) = gateway("GET", path, employer).json()["deliveries"]
    assert (dead["state"], dead["attempts"], dead["said"]) == ("dead", 1, "smtp 550")
    (alarm,) = gateway("GET", "/v1/alarms", gateway.bearer("operator")).json()
    assert (alarm["rule"], alarm["subject"]) == ("webhook-dead", made["webhook"])


@pytest.mark.parametrize(
    "address",
    [
        "", "ke-toan", "a@b", "a@b.vn, c@d.vn", "a@b.vn\r\nBcc: c@d.vn", "a@b.vn\n", '"a b"@c.vn', "Kế <a@b.vn>",
        "a@[10.0.0.1]",
        "a@b.vn>", "kế@b.vn", "a" * 65 + "@b.vn", "a@" + "b" * 250 + ".vn", "-oQ/x@b.vn ",
    ],
)  # fmt: skip
def test_what_is_no_plain_mail_address_is_refused(gateway: Inhouse, address: str) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/webhooks", employer, json={"kind": "mail", "address": address})
    assert answer.status_code in (400, 422)
    assert gateway("GET", "/v1/webhooks", employer).json() == []


def test_a_mail_of_trial_arrives(gateway: Inhouse, box: Postbox) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = confirmed(gateway, box, employer)
    assert gateway("POST", f"/v1/webhooks/{made['webhook']}/test", employer).status_code == 202
    send(gateway)
    assert [mail["subject"] for _, mail in box.mails] == [
        "Thư thử của cổng tiếp nhận hồ sơ · A mail of trial from the intake gateway"
    ]


class Knows:
    """Who may send by the server."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []

    def __call__(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        self.shown.append(data.password)
        return AuthResult(success=data.password == b"mat-khau", handled=False)


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_the_password_goes_to_the_server_under_tls_and_no_other_way(tmp_path: Path, is_wrapped: bool) -> None:
    authority, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("mat-khau\n")
    knows = Knows()
    more = {"ssl_context": context, "auth_require_tls": False} if is_wrapped else {"tls_context": context}
    with mail_server(authenticator=knows, auth_required=not is_wrapped, **more) as box:
        scheme = "smtps" if is_wrapped else "smtp"
        settings = Settings(
            smtp_url=f"{scheme}://cong%40x@127.0.0.1:{box.port}", smtp_password_file=str(password), mail_from=FROM
        )
        server = server_of(settings)
        assert server == MailServer(
            host="127.0.0.1", port=box.port, is_wrapped=is_wrapped, user="cong@x", password="mat-khau"
        )
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = FROM, TO, "x"
        with MailPost(server, tls_context(Path(authority))) as post:
            assert post.send(mail).ok
        assert len(box.mails) == 1
        # Whose certificate nobody vouches for is told nothing.
        with MailPost(server, tls_context(None)) as post:
            refused = post.send(mail)
        assert (refused.ok, refused.is_away, refused.said) == (False, True, "smtp SSLCertVerificationError")
    assert knows.shown == [b"mat-khau"]
    with mail_server(authenticator=knows, auth_required=False, auth_require_tls=False) as box:
        plain = structs.replace(server, port=box.port, is_wrapped=False)
        with MailPost(plain, tls_context(Path(authority))) as post:
            refused = post.send(mail)
        assert (refused.ok, refused.said) == (False, "smtp SMTPNotSupportedError")
    assert knows.shown == [b"mat-khau"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://mail"},
        {"smtp_url": "smtp://user:password@mail"},
        {"smtp_url": "smtp://user@mail"},
        {"smtp_url": "smtp://mail", "smtp_password_file": "x"},
        {"smtp_url": "smtp://mail/path"},
        {"smtp_url": "smtp://mail", "mail_from": ""},
        {"smtp_url": "smtp://mail", "mail_from": "a@b.vn\nBcc: c@d.vn"},
    ],
)
def test_a_mail_server_that_cannot_be_used_stops_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"smtp_url|mail_from"):
        server_of(Settings(**({"mail_from": FROM} | wrong)))
    assert server_of(Settings()) is None
