"""One poisonous dossier in a round does not sink its neighbours."""

import hashlib
from collections.abc import Callable

import psycopg

from tests.lines.gateways import NONE_OF_ANY, ONE_OF_EACH, Gateway, Home, Wire, all_at_once, dossier

ROUND = 32

SQLITE_POISON = """
CREATE TRIGGER poison BEFORE INSERT ON dossier WHEN NEW.sha256 = x'{digest}'
BEGIN SELECT RAISE(ABORT, 'poison'); END
"""
POSTGRESQL_POISON = r"""
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.sha256 = '\x{digest}'::bytea THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END$$;
CREATE TRIGGER poison BEFORE INSERT ON dossier FOR EACH ROW EXECUTE FUNCTION poison()
"""


def poison(home: Home, content: bytes) -> Callable[[], None]:
    """Make the database refuse these bytes and no others; returns what takes the poison away."""
    digest = hashlib.sha256(content).hexdigest()
    if home.database_url:
        with psycopg.connect(home.database_url.replace("+psycopg", "", 1)) as connection:
            connection.execute(POSTGRESQL_POISON.format(digest=digest))
        antidote = "DROP TRIGGER poison ON dossier"
    else:
        with home.writing() as tx:
            tx.exec_driver_sql(SQLITE_POISON.format(digest=digest))
        antidote = "DROP TRIGGER poison"

    def heal() -> None:
        with home.writing() as tx:
            tx.exec_driver_sql(antidote)

    return heal


def test_one_poisonous_dossier_leaves_its_neighbours_accepted(
    home_on_either: Home, serve: Callable[..., Gateway]
) -> None:
    home = home_on_either
    # The round begins only when all of them wait for it: somebody else is on the way, for whom it would wait longer.
    gateway = serve(home, round_window_s=10, round_dossiers_max=ROUND)
    contents = [dossier(home, seed, attachments=0) for seed in range(ROUND)]
    bad = contents[13]
    heal = poison(home, bad)
    with Wire(gateway) as other:
        other.head("Content-Length: 1000")
        answers = all_at_once([lambda c=content: gateway.submit(c, accept_language="en") for content in contents])
    assert gateway.logs(f"a round of {ROUND} failed and is settled one by one")

    refused = answers.pop(13)
    assert refused.status_code == 500
    problem = refused.json()
    assert (problem["code"], problem["retry"]) == ("internal", "same-request")
    assert problem["correlation_id"] == refused.headers["x-correlation-id"]
    # The operator finds the fault by that id; the client is told nothing of our inside.
    assert gateway.logs(f"fault {problem['correlation_id']}")
    assert "poison" not in refused.text
    assert home.kept(bad) == NONE_OF_ANY
    assert gateway.receipt_of(bad).status_code == 404

    neighbours = [content for content in contents if content is not bad]
    for content, answer in zip(neighbours, answers, strict=True):
        assert answer.status_code == 201
        gateway.check_receipt(answer.json(), content)
        assert home.kept(content) == ONE_OF_EACH
    numbers = sorted(int(answer.json()["receipt_number"].rpartition("-")[2]) for answer in answers)
    assert numbers == list(range(1, ROUND))
    read = [gateway.get(f"/v1/dossiers/{answer.json()['dossier']}/content").content for answer in answers]
    assert read == neighbours
    gateway.stop()

    again = serve(home)
    assert again.submit(bad).status_code == 500
    heal()
    assert again.submit(bad).status_code == 201
    assert home.kept(bad) == ONE_OF_EACH
