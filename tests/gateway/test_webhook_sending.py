"""Webhooks over real HTTP: every fact arrives, signed, in order, under one name, whatever breaks on the way."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gateway.clock import VIETNAM, rfc3339
from gateway.config import Misconfigured
from gateway.outgoing import Allowed, listed_hosts
from gateway.webhook_message import headers_of
from gateway.webhook_schedule import TRIED_S_MAX
from gateway.webhook_sending import Sending
from storage import clients, webhooks
from tests.gateway.inhouse import OFFICE, OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.webhook_receiver import Came, Receiver, apart, happen, receiver, send
from tests.tls import tls_front

LISTED: dict[str, str] = {"webhook_hosts_http": "127.0.0.1", "webhook_hosts_private": "127.0.0.1"}
DAY_S = 86_400


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("webhooks") / "home", **LISTED) as made:
        yield made


@pytest.fixture
def gateway(house: Inhouse) -> Iterator[Inhouse]:
    with apart(house):
        yield house


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def follow(gateway: Inhouse, token: str, hook: Receiver, **more: Any) -> dict[str, Any]:
    answer = gateway("POST", "/v1/webhooks", token, json={"url": hook.url} | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def deliveries(gateway: Inhouse, token: str, made: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = gateway("GET", f"/v1/webhooks/{made['webhook']}/deliveries{query}", token).json()[
        "deliveries"
    ]
    return told


def verified(secret: str, came: Came, gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the receiver's own library makes of it; its clock is set by ours."""
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", ClockOf(gateway))
    return Verifier(secret).verify(came.body, came.headers)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


class ClockOf:
    """Stands for the module `datetime.datetime` in the receiver's library."""

    def __init__(self, gateway: Inhouse) -> None:
        self._gateway = gateway

    def now(self, tz: Any = None) -> Any:
        return self._gateway.clock.now()

    def fromtimestamp(self, *told: Any, **more: Any) -> Any:
        return type(self._gateway.clock.now()).fromtimestamp(*told, **more)


def test_a_submitted_dossier_is_told_thinly_and_signed(
    gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    received = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    assert hook.came == [], "nothing is sent while a dossier is submitted"
    send(gateway)
    (came,) = hook.came
    assert came.path == "/hook"
    assert came.headers["content-type"] == "application/json"
    told = verified(made["secret"], came, gateway, monkeypatch)
    event = gateway("GET", "/v1/events", employer).json()["events"][0]
    assert told == {
        "type": "accepted",
        "timestamp": event["at"],
        "data": {
            "seq": event["seq"],
            "dossier": received["dossier"],
            "receipt_number": received["receipt_number"],
            "state": "accepted",
            "procedure": "600",
            "unit": UNIT,
            "office": OFFICE,
            "due_at": received["due_at"],
        },
    }
    assert came.id == f"msg_{made['webhook']}_{event['seq']}"
    (one,) = deliveries(gateway, employer, made)
    assert (one["state"], one["attempts"], one["said"], one["message"]) == ("delivered", 1, "http 204", came.id)


def test_a_body_that_was_changed_on_the_way_is_noticed(
    gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    happen(gateway, "accepted", "finished")
    send(gateway)
    first, second = hook.came
    for forged in (
        Came(first.path, first.headers, first.body.replace(b"accepted", b"declined")),
        Came(first.path, second.headers, first.body),
        Came(first.path, first.headers | {"webhook-id": second.id}, first.body),
        Came(first.path, first.headers | {"webhook-timestamp": "1"}, first.body),
    ):
        with pytest.raises(WebhookVerificationError):
            verified(made["secret"], forged, gateway, monkeypatch)
    with pytest.raises(WebhookVerificationError):
        verified("whsec_" + base64.b64encode(bytes(32)).decode(), first, gateway, monkeypatch)


def test_our_signature_is_that_of_the_standards_own_library(gateway: Inhouse) -> None:
    secret, now = bytes(range(32)), gateway.clock.now()
    ours = headers_of("msg_1", b'{"a":1}', [secret], now)["webhook-signature"]
    theirs = Verifier("whsec_" + base64.b64encode(secret).decode()).sign("msg_1", now, '{"a":1}')
    assert ours == theirs


def test_while_a_secret_is_rotated_both_serve_and_then_the_new_one_alone(
    gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    path = f"/v1/webhooks/{made['webhook']}/rotate"
    fresh = gateway("POST", path, employer, json={"overlap_s": 600}).json()["secret"]
    assert fresh != made["secret"]
    happen(gateway, "accepted")
    send(gateway)
    assert len(hook.came[0].headers["webhook-signature"].split()) == 2
    for secret in (fresh, made["secret"]):
        assert verified(secret, hook.came[0], gateway, monkeypatch)
    gateway.clock.advance(599)
    # The answer was lost: rotated once more, and the receiver's secret still serves for its time.
    newest = gateway("POST", path, gateway.bearer("employer"), json={})
    assert newest.status_code == 404, "another client's is not there"
    gateway.clock.advance(2)
    happen(gateway, "finished")
    send(gateway)
    assert len(hook.came[1].headers["webhook-signature"].split()) == 1
    assert verified(fresh, hook.came[1], gateway, monkeypatch)
    with pytest.raises(WebhookVerificationError):
        verified(made["secret"], hook.came[1], gateway, monkeypatch)


def test_each_is_told_what_its_events_show_and_no_more(gateway: Inhouse) -> None:
    with receiver() as at_employer, receiver() as at_stranger, receiver() as at_office, receiver() as at_operator:
        employer, stranger = gateway.bearer("employer", units=[UNIT]), gateway.bearer("employer", units=[OTHER_UNIT])
        office, operator = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("operator")
        told = [(employer, at_employer), (stranger, at_stranger), (office, at_office), (operator, at_operator)]
        for token, hook in told:
            follow(gateway, token, hook)
        first = happen(gateway, "accepted", "leased", "acknowledged", "supplement-requested")[0]
        happen(gateway, "accepted", dossier="two", unit=OTHER_UNIT, competent_office="08907")
        happen(gateway, "refused", dossier="three", unit="", competent_office="")
        send(gateway)
        for token, hook in told:
            events = gateway("GET", f"/v1/events?after={first - 1}", token).json()["events"]
            assert hook.seqs == [event["seq"] for event in events]
            assert [one.told["type"] for one in hook.came] == [event["type"] for event in events]
        assert (len(at_employer.came), len(at_stranger.came), len(at_operator.came)) == (4, 1, 6)
        states = [one.told["data"]["state"] for one in at_employer.came]
        assert states == ["accepted", "accepted", "acknowledged", "supplement-requested"], "as it was right then"
        post = gateway.bearer("post")
        assert gateway("POST", "/v1/webhooks", post, json={"url": at_office.url}).status_code == 403


def test_the_due_date_is_the_one_in_force_after_the_fact(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    follow(gateway, employer, hook)
    happen(gateway, "accepted", due_at_us=1_772_500_000_000_000)
    happen(gateway, "supplement-received", detail='{"due_at": "2026-03-20T17:00:00.000+07:00"}')
    happen(gateway, "worked-on", detail='{"officer": "Nguyễn Thị Mẫu", "reason": "chờ đối chiếu"}')
    send(gateway)
    due = [one.told["data"]["due_at"] for one in hook.came]
    assert due == ["2026-03-03T08:06:40.000+07:00"] + ["2026-03-20T17:00:00.000+07:00"] * 2
    assert all("Mẫu".encode() not in one.body and "chờ".encode() not in one.body for one in hook.came)


def test_filters_narrow_and_what_is_left_out_is_passed_over(gateway: Inhouse, hook: Receiver) -> None:
    ivan = gateway.bearer("ivan", units=[UNIT, OTHER_UNIT])
    made = follow(gateway, ivan, hook, types=["finished", "overdue"], units=[UNIT])
    happen(gateway, "accepted", "leased", "finished")
    happen(gateway, "accepted", "finished", dossier="two", unit=OTHER_UNIT)
    last = happen(gateway, "overdue")
    send(gateway)
    assert [one.told["type"] for one in hook.came] == ["finished", "overdue"]
    (shown,) = gateway("GET", "/v1/webhooks", ivan).json()
    assert shown["upto"] == last[0]
    assert shown["webhook"] == made["webhook"]
    assert "secret" not in shown


def test_a_mandate_that_ends_ends_what_is_told_also_of_what_waits(gateway: Inhouse, hook: Receiver) -> None:
    client, secret = gateway.client("ivan")
    today = gateway.clock.now().astimezone(VIETNAM).date()
    with gateway.house.database.begin() as tx:
        mandate = clients.Mandate(client=client, unit=UNIT, valid_from="2026-01-01", valid_to=today.isoformat())
        clients.put_mandate(tx, mandate)
    token = gateway.token(client, secret)
    made = follow(gateway, token, hook)
    hook.answer = lambda came: 500 if came.told["type"] == "finished" else 204
    happen(gateway, "accepted", "finished")
    send(gateway)
    assert len(hook.came) == 2
    gateway.clock.advance(DAY_S)
    happen(gateway, "returned")
    send(gateway)
    assert len(hook.came) == 2, "neither what waited nor what is new"
    token = gateway.token(client, secret)
    waited = deliveries(gateway, token, made)[1]
    assert (waited["state"], waited["said"]) == ("dead", "no-longer-shown")


def test_a_client_that_was_shut_out_is_told_nothing(gateway: Inhouse, hook: Receiver) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    follow(gateway, gateway.token(client, secret), hook)
    with gateway.house.database.begin() as tx:
        clients.disable(tx, client, 1)
    happen(gateway, "accepted")
    send(gateway)
    assert hook.came == []


def test_what_fails_is_tried_for_three_days_under_one_name_and_then_given_up(gateway: Inhouse, hook: Receiver) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    made = follow(gateway, gateway.token(client, secret), hook)
    hook.answer = lambda _: (500, {}, b"secret words of the receiver")
    began = gateway.clock.now()
    happen(gateway, "accepted")
    sending = send(gateway)
    at = [began]
    for _ in range(30):
        token = gateway.token(client, secret)
        (one,) = deliveries(gateway, token, made)
        if one["state"] != "waiting":
            break
        assert one["said"] == "http 500", "not what the receiver wrote"
        with gateway.house.database.read() as tx:
            held = webhooks.find(tx, made["webhook"])
        assert held
        assert held.retry_at_us is not None
        due_us = max(held.retry_at_us, held.wait_until_us)
        gateway.clock.advance(due_us / 1e6 - gateway.clock.now().timestamp() + 0.001)
        at.append(gateway.clock.now())
        send(gateway, sending)
    assert one["state"] == "dead"
    assert one["attempts"] == len(hook.came) == 10
    assert {came.id for came in hook.came} == {one["message"]}
    assert len({came.body for came in hook.came}) == 1
    assert len({came.headers["webhook-timestamp"] for came in hook.came}) == 10, "each try has its own time"
    assert at[1] - at[0] < timedelta(seconds=6)
    assert timedelta(0) <= at[-1] - began - timedelta(seconds=TRIED_S_MAX) < timedelta(seconds=2)
    (alarm,) = gateway("GET", "/v1/alarms", gateway.bearer("operator")).json()
    assert (alarm["rule"], alarm["subject"], alarm["owner"]) == ("webhook-dead", made["webhook"], client)
    # The receiver was mended: sent again, under the same name.
    hook.answer = lambda _: 204
    token = gateway.token(client, secret)
    replayed = gateway("POST", f"/v1/webhooks/{made['webhook']}/replay", token, json={"message": one["message"]})
    assert replayed.status_code == 200, replayed.text
    send(gateway, sending)
    assert hook.came[-1].id == one["message"]
    (one,) = deliveries(gateway, token, made)
    assert (one["state"], one["attempts"], one["number"]) == ("delivered", 1, 1)
    assert deliveries(gateway, token, made, "?state=dead") == []
    assert gateway("GET", "/v1/alarms", gateway.bearer("operator")).json() == [], "nothing is given up any more"


def test_a_message_that_is_not_taken_holds_up_none_behind_it(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    hook.answer = lambda came: 400 if came.told["type"] == "leased" and len(hook.came) < 5 else 200
    seqs = happen(gateway, "accepted", "leased", "acknowledged", "finished")
    sending = send(gateway)
    assert hook.seqs == seqs, "in the order of the facts"
    assert [one["state"] for one in deliveries(gateway, employer, made)] == [
        "delivered",
        "waiting",
        "delivered",
        "delivered",
    ]
    gateway.clock.advance(6)
    send(gateway, sending)
    assert hook.seqs == [*seqs, seqs[1]]
    assert {one["state"] for one in deliveries(gateway, employer, made)} == {"delivered"}


def test_an_address_that_is_away_is_left_alone_and_nothing_is_lost(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    follow(gateway, employer, hook)
    hook.answer = lambda _: 503
    seqs = [happen(gateway, "accepted", dossier=f"d{number}")[0] for number in range(120)]
    sending = send(gateway)
    assert len(hook.came) == 1, "one try, not a hundred and twenty"
    for _ in range(5):
        gateway.clock.advance(300)
        send(gateway, sending)
    assert len(hook.came) <= 8
    hook.answer = lambda _: 200
    hook.came.clear()
    for _ in range(30):
        gateway.clock.advance(3600)
        send(gateway, sending)
    assert sorted(hook.seqs) == seqs
    assert len({came.id for came in hook.came}) == 120


def test_a_receiver_that_asks_for_time_is_given_it(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    hook.answer = lambda _: (429, {"retry-after": "7200"}, b"")
    happen(gateway, "accepted")
    send(gateway)
    (one,) = deliveries(gateway, employer, made)
    assert one["next_at"] == rfc3339(gateway.clock.now() + timedelta(hours=2))


def test_410_gone_disables_and_tells_the_owner(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    hook.answer = lambda _: 410
    seqs = happen(gateway, "accepted", "leased", "finished")
    sending = send(gateway)
    assert len(hook.came) == 1
    (shown,) = gateway("GET", "/v1/webhooks", employer).json()
    assert (shown["state"], shown["why"]) == ("disabled", "gone")
    (alarm,) = gateway("GET", "/v1/alarms", gateway.bearer("operator")).json()
    assert alarm["rule"] == "webhook-gone"
    hook.answer = lambda _: 204
    hook.came.clear()
    assert gateway("POST", f"/v1/webhooks/{made['webhook']}/enable", employer, json={}).json()["state"] == "active"
    gateway.clock.advance(6)
    send(gateway, sending)
    assert sorted(hook.seqs) == seqs
    assert gateway("GET", "/v1/alarms", gateway.bearer("operator")).json() == []


def test_a_redirect_is_a_failure_and_is_not_followed(gateway: Inhouse, hook: Receiver) -> None:
    with receiver() as inside:
        employer = gateway.bearer("employer", units=[UNIT])
        made = follow(gateway, employer, hook)
        hook.answer = lambda _: (307, {"location": inside.url}, b"")
        happen(gateway, "accepted")
        send(gateway)
        assert inside.came == []
        (one,) = deliveries(gateway, employer, made)
        assert (one["state"], one["said"]) == ("waiting", "http 307")


def test_a_long_answer_is_not_read_to_its_end(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    hook.answer = lambda _: (200, {}, b"x" * 30_000_000)
    happen(gateway, "accepted", "finished")
    send(gateway)
    assert [one["said"] for one in deliveries(gateway, employer, made)] == ["http 200"] * 2


def test_an_address_that_leads_inside_later_is_not_sent_to(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE webhook SET target = 'https://hook.example.vn/'"))

    async def leads_inside(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    happen(gateway, "accepted")
    send(gateway, Sending(gateway.house, leads_inside))
    (one,) = deliveries(gateway, employer, made)
    assert (one["state"], one["said"]) == ("waiting", "address-refused")


def test_a_slow_receiver_holds_up_no_other(gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.webhook_post.POST_S_MAX", 0.5)
    employer = gateway.bearer("employer", units=[UNIT])
    with receiver() as slow:
        slow.wait_s = 2
        first = follow(gateway, employer, slow)
        follow(gateway, employer, hook)
        seqs = happen(gateway, "accepted", "finished")

        async def both() -> float:
            sending, loop = Sending(gateway.house), asyncio.get_running_loop()
            began = loop.time()
            await sending.step()
            await asyncio.to_thread(until, lambda: len(hook.came) >= 2)
            took = loop.time() - began
            await sending.drain()
            return took

        assert gateway.asked(both()) < 0.45
        assert hook.seqs == seqs
        assert deliveries(gateway, employer, first)[0]["said"] == "timeout"


def test_slow_receivers_with_much_to_be_sent_keep_no_other_from_its_turn(
    gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhook_sending.AT_ONCE_MAX", 2)
    monkeypatch.setattr("gateway.webhook_sending.VISIT_S", 0.1)
    employer = gateway.bearer("employer", units=[UNIT])
    with receiver() as slow:
        slow.wait_s = 0.06
        for _ in range(3):
            follow(gateway, employer, slow)
        last = follow(gateway, employer, hook)
        with gateway.house.database.begin() as tx:
            # Among those that are due it is the last.
            tx.execute(sa.text("UPDATE webhook SET wait_until_us = 1 WHERE id = :id"), {"id": last["webhook"]})
        happen(gateway, *["worked-on"] * 30)

        async def look() -> None:
            sending = Sending(gateway.house)
            for _ in range(40):
                await sending.step()
                await asyncio.sleep(0.02)
                if hook.came:
                    break
            await sending.stop()

        gateway.asked(look())
        assert hook.came


def test_a_replay_reaches_a_worker_that_had_looked_further(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    seqs = happen(gateway, "accepted")
    sending = send(gateway)
    happen(gateway, "accepted", dossier="of-others", unit=OTHER_UNIT)
    send(gateway, sending)
    assert hook.seqs == seqs
    asked = gateway("POST", f"/v1/webhooks/{made['webhook']}/replay", employer, json={"after": seqs[0] - 1})
    assert asked.status_code == 200
    send(gateway, sending)
    assert hook.seqs == seqs * 2
    # As long ago as a time can say.
    whole = gateway("POST", f"/v1/webhooks/{made['webhook']}/replay", employer, json={"since": "0001-01-01T00:00:00Z"})
    assert (whole.status_code, whole.json()["after"]) == (200, 0)


def test_replay_sends_from_a_number_or_a_time_under_the_same_names(gateway: Inhouse, hook: Receiver) -> None:
    gateway.clock.advance(600)
    client, secret = gateway.client("employer", units=[UNIT])
    token = gateway.token(client, secret)
    made = follow(gateway, token, hook)
    path = f"/v1/webhooks/{made['webhook']}/replay"
    early = happen(gateway, "accepted")
    gateway.clock.advance(3600)
    since = gateway.clock.now()
    late = happen(gateway, "leased", "finished")
    sending = send(gateway)
    names = [came.id for came in hook.came]
    token = gateway.token(client, secret)
    for asked, expected in (
        ({"after": early[0]}, late),
        ({"since": since.isoformat()}, late),
        ({"since": (since - timedelta(hours=1)).isoformat()}, early + late),
        ({"after": early[0] - 1}, early + late),
        ({"message": names[1]}, late[:1]),
    ):
        hook.came.clear()
        assert gateway("POST", path, token, json=asked).status_code == 200, asked
        send(gateway, sending)
        assert hook.seqs == expected, asked
        assert {came.id for came in hook.came} <= set(names)
    assert [one["state"] for one in deliveries(gateway, token, made)] == ["delivered"] * 3
    for bad in ({}, {"after": 1, "message": "x"}, {"since": "2026-01-01T00:00:00"}, {"after": -1}):
        assert gateway("POST", path, token, json=bad).status_code == 400, bad
    assert gateway("POST", path, token, json={"message": "msg_none"}).status_code == 404


def test_a_message_of_trial_goes_the_way_of_all_others(
    gateway: Inhouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    asked = gateway("POST", f"/v1/webhooks/{made['webhook']}/test", employer)
    assert asked.status_code == 202
    send(gateway)
    (came,) = hook.came
    assert came.id == asked.json()["message"]
    told = verified(made["secret"], came, gateway, monkeypatch)
    assert (told["type"], told["data"]) == ("test", {"webhook": made["webhook"]})


def test_a_gateway_that_ends_while_it_sends_writes_down_what_it_sent(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    hook.wait_s = 0.05
    seqs = [happen(gateway, "accepted", dossier=f"d{number}")[0] for number in range(10)]

    async def cut_off() -> None:
        sending = Sending(gateway.house)
        running = asyncio.create_task(sending.run())
        await asyncio.to_thread(until, lambda: len(hook.came) >= 4)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    gateway.asked(cut_off())
    sent_then, hook.wait_s = len(hook.came), 0
    assert 4 <= sent_then < 10
    assert len(deliveries(gateway, employer, made)) >= sent_then - 1
    send(gateway)
    assert sorted(set(hook.seqs)) == seqs
    assert len(hook.seqs) <= 11, "at most the one that was on its way is sent twice"
    assert len({came.id for came in hook.came}) == 10


def test_a_worker_that_died_is_followed_when_its_hold_has_ended(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    seqs = happen(gateway, "accepted")
    with gateway.house.database.begin() as tx:
        now_us = int(gateway.clock.now().timestamp() * 1e6)
        assert webhooks.hold(tx, made["webhook"], "dead worker", now_us, now_us + 120_000_000)
    sending = send(gateway)
    assert hook.came == []
    gateway.clock.advance(121)
    send(gateway, sending)
    assert hook.seqs == seqs
    with pytest.raises(webhooks.HoldLost), gateway.house.database.begin() as tx:
        settled = webhooks.Settled(upto_seq=0, failures=0, wait_until_us=0)
        webhooks.settle(tx, made["webhook"], "dead worker", settled, [])


def test_disabling_stops_at_once_and_enabling_goes_on_or_skips(gateway: Inhouse, hook: Receiver) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    made = follow(gateway, employer, hook)
    path = f"/v1/webhooks/{made['webhook']}"
    assert gateway("POST", f"{path}/disable", employer).json()["state"] == "disabled"
    missed = happen(gateway, "accepted")
    sending = send(gateway)
    assert gateway("POST", f"{path}/test", employer).status_code == 422
    gateway("POST", f"{path}/enable", employer, json={})
    send(gateway, sending)
    assert hook.seqs == missed
    gateway("POST", f"{path}/disable", employer)
    happen(gateway, "leased")
    gateway("POST", f"{path}/enable", employer, json={"skip_missed": True})
    then = happen(gateway, "finished")
    send(gateway, sending)
    assert hook.seqs == missed + then


def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home", webhook_hosts_private="10.0.0.0/8") as made, pytest.raises(Misconfigured):
        Sending(made.house)
    other = {"smtp_url": "smtp://a:b@mail", "mail_from": "x@y.vn"}
    with inhouse(tmp_path / "other", **other) as made, pytest.raises(Misconfigured, match="password"):
        Sending(made.house)


def test_over_https_the_certificate_must_be_the_hosts(hook: Receiver, tmp_path: Path) -> None:
    with tls_front(hook.port, tmp_path / "tls") as front:
        listed = {"webhook_hosts_private": "127.0.0.1"}
        for settings, took in ((listed | {"outgoing_authorities": str(front.ca)}, True), (listed, False)):
            with inhouse(tmp_path / f"home-{took}", **settings) as gateway:
                employer = gateway.bearer("employer", units=[UNIT])
                made = follow(gateway, employer, hook, url=front.url)
                named = follow(gateway, employer, hook, url=front.url)
                with gateway.house.database.begin() as tx:
                    other = front.url.replace("127.0.0.1", "hook.example.vn")
                    target = {"url": other, "id": named["webhook"]}
                    tx.execute(sa.text("UPDATE webhook SET target = :url WHERE id = :id"), target)
                happen(gateway, "accepted")

                async def leads_there(_host: str, _port: int) -> list[str]:
                    return ["127.0.0.1"]

                port = front.url.rpartition(":")[2].rstrip("/")
                sending = Sending(gateway.house, leads_there)
                sending._allowed = Allowed(private=listed_hosts(f"127.0.0.1, hook.example.vn:{port}"))
                send(gateway, sending)
                (one,) = deliveries(gateway, employer, made)
                assert one["said"] == ("http 204" if took else "no-connection")
                (one,) = deliveries(gateway, employer, named)
                assert one["said"] == "no-connection", "the right address, and another host's certificate"
        assert len(hook.came) == 1
        assert hook.came[0].headers["host"] == f"127.0.0.1:{port}"
