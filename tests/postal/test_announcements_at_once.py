"""The same announcement sent by several at once is made once; so is a dossier that two announcements name."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.postal.announce import end_unposted
from tests.gateway.inhouse import UNIT, Inhouse, inhouse
from tests.postal.announcing import PATH, envelope, text

AT_ONCE = 4


async def _all(gateway: Inhouse, tokens: list[str], bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    asked = [gateway.ask("POST", PATH, token, json=body) for token, body in zip(tokens, bodies, strict=True)]
    return await asyncio.gather(*asked)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_twins_get_one_announcement(tmp_path: Path, request: pytest.FixtureRequest, engine: str):
    url = "" if engine == "sqlite" else request.getfixturevalue("postgres_migrated_url")
    with inhouse(tmp_path / "home", database_url=url) as gateway:
        token = gateway.bearer("employer", units=[UNIT])
        twins = [{"dossiers": [{"envelope": text(envelope(1))}, {"envelope": text(envelope(2))}]}] * AT_ONCE
        answers = gateway.asked(_all(gateway, [token] * AT_ONCE, twins))
        told = sorted(one.status_code for one in answers)
        assert told == [200] * (AT_ONCE - 1) + [201], [one.text for one in answers]
        assert len({one.json()["announcement"] for one in answers}) == 1
        assert len({one.json()["dossiers"][0]["code"] for one in answers}) == 1

        clients = [gateway.bearer("employer", units=[UNIT]) for _ in range(AT_ONCE)]
        others = [{"dossiers": [{"envelope": text(envelope(3))}]}] * AT_ONCE
        answers = gateway.asked(_all(gateway, clients, others))
        assert sorted(one.status_code for one in answers) == [201] + [422] * (AT_ONCE - 1)
        codes = {one.json()["findings"][0]["code"] for one in answers if one.status_code == 422}
        assert codes == {"announced-before"}
        with gateway.house.database.read() as tx:
            counted = [
                tx.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()
                for name in ("announcement", "announced")
            ]
        assert counted == [2, 3]

        # What nobody posts is ended once, whichever worker is first.
        later = gateway.clock.now() + timedelta(days=2)
        assert [end_unposted(gateway.house.stores, 1, later) for _ in range(2)] == [2, 0]
