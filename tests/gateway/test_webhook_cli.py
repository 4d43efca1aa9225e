"""The operator's commands for webhooks."""

import json

from gateway.app import open_the_database
from gateway.clock import SystemClock, to_us
from gateway.config import Settings
from storage import webhooks
from storage.webhooks import Message, Settled, Webhook
from tests.gateway.cli_run import Terminal


def test_an_operator_sees_how_each_does_and_sets_it_right(motcua: Terminal) -> None:
    client = json.loads(motcua("client", "add", "--role", "employer", "--unit", "AK4549H", "--json").out)["client_id"]
    assert "Chưa có webhook nào" in motcua("webhook", "list").out
    name, now_us = "w-0123456789abcdef0123", to_us(SystemClock().now())
    dead = Message(
        id=f"msg_{name}_3", webhook=name, what="fact", type="finished", dossier="d-1", first_seq=3, seq=3,
        state="dead", attempt=10, first_at_us=now_us, tried_at_us=now_us, said="http 500",
    )  # fmt: skip
    database = open_the_database(Settings(home=str(motcua.home)))
    with database.begin() as tx:
        url = "https://hook.example.vn/"
        made = Webhook(id=name, client=client, kind="http", target=url, state="active", made_at_us=1, upto_seq=7)
        webhooks.add(tx, made)
        webhooks.hold(tx, name, "h", now_us, now_us + 1)
        webhooks.settle(tx, name, "h", Settled(upto_seq=7, failures=1, wait_until_us=0), [dead])
    (listed,) = json.loads(motcua("webhook", "list", "--json").out)
    assert (listed["webhook"], listed["client"], listed["dead"], listed["state"]) == (name, client, 1, "active")
    assert name in motcua("webhook", "list").out
    (sent,) = json.loads(motcua("webhook", "deliveries", name, "--state", "dead", "--json").out)
    assert (sent["message"], sent["attempts"], sent["said"]) == (dead.id, 10, "http 500")
    assert "http 500" in motcua("webhook", "deliveries", name).out
    assert motcua("webhook", "replay", name, "--message", dead.id).status == 0
    assert json.loads(motcua("webhook", "list", "--json").out)[0]["waiting"] == 1
    assert motcua("webhook", "replay", name, "--after", 2).status == 0
    with database.read() as tx:
        found = webhooks.find(tx, name)
        assert found
        assert (found.upto_seq, webhooks.messages(tx, name, 0)) == (2, [])
    database.close()
    assert motcua("webhook", "disable", name).status == 0
    assert motcua("webhook", "replay", name, "--after", 2).status == 2
    assert motcua("webhook", "enable", name, "--skip-missed").status == 0
    assert motcua("webhook", "disable", "w-none").status == 2
