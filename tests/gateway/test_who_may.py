"""Mandates and registered certificates over HTTP, from the submission to the journal, while days go by."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import VIETNAM, to_us
from gateway.renewal import binding_of
from signing.demo_pki import Employer, Holder
from signing.dossier import sign_dossier
from storage import bindings, clients, register
from storage.clients import Mandate
from tests.gateway.certificates import signer_of
from tests.gateway.inhouse import (
    OFFICE,
    OTHER_UNIT,
    TAX_CODE,
    UNIT,
    Inhouse,
    a_dossier,
    inhouse,
    pki,
    sign,
    signature_paths,
)

MADE = Employer(
    name="x", common_name="CÔNG TY MẪU", identifiers=("MST:" + TAX_CODE,), key="ec-p256", valid_days=365
)  # fmt: skip


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def an_ivan(gateway: Inhouse, valid_from: str, valid_to: str | None) -> tuple[str, str]:
    client, secret = gateway.client("ivan")
    with gateway.house.database.begin() as tx:
        clients.put_mandate(
            tx, Mandate(client=client, unit=UNIT, valid_from=valid_from, valid_to=valid_to, reference="05/UQ")
        )
    return client, secret


def filed(gateway: Inhouse, token: str, content: bytes) -> tuple[int, dict[str, Any]]:
    answer = gateway("POST", "/v1/dossiers", token, content=content)
    return answer.status_code, answer.json()


def codes(told: dict[str, Any]) -> list[str]:
    return [one["code"] for one in told["findings"]]


def test_an_ivan_submits_while_its_mandate_holds_and_keeps_what_it_submitted(gateway: Inhouse) -> None:
    ivan = an_ivan(gateway, "2026-01-01", "2026-03-02")
    token = gateway.token(*ivan)
    employer = gateway.client("employer", units=[UNIT])
    content = a_dossier()
    status, told = filed(gateway, token, content)
    assert status == 201
    theirs = filed(gateway, gateway.token(*employer), a_dossier(1))[1]["dossier"]
    assert gateway("GET", f"/v1/dossiers/{theirs}", token).status_code == 200

    gateway.clock.advance(86_400)
    token = gateway.token(*ivan)
    status, refused = filed(gateway, token, a_dossier(2))
    assert (status, refused["code"], codes(refused)) == (403, "not-your-unit", ["mandate-ended"])
    assert "02/03/2026" in refused["findings"][0]["message"]
    assert "05/UQ" in refused["findings"][0]["message"]
    # Its own submission stays: the receipt, the list, the dossier. The unit's others do not.
    assert filed(gateway, token, content)[0] == 200
    assert gateway("GET", f"/v1/receipts?sha256={told['sha256']}", token).status_code == 200
    listed = gateway("GET", "/v1/dossiers?state=accepted", token).json()
    assert [one["dossier"] for one in listed["dossiers"]] == [told["dossier"]]
    assert gateway("GET", f"/v1/dossiers/{theirs}", token).status_code == 404
    assert theirs not in gateway("GET", "/v1/events", token).text


def test_a_mandate_that_has_not_begun_is_told_with_its_day(gateway: Inhouse) -> None:
    token = gateway.token(*an_ivan(gateway, "2026-03-03", None))
    status, refused = filed(gateway, token, a_dossier())
    assert (status, codes(refused)) == (403, ["mandate-not-begun"])
    assert "03/03/2026" in refused["findings"][0]["message"]


def test_to_a_stranger_a_unit_that_exists_is_like_one_that_does_not(gateway: Inhouse) -> None:
    token = gateway.token(*an_ivan(gateway, "2025-01-01", "2025-12-31"))
    known = filed(gateway, token, a_dossier(unit=OTHER_UNIT))
    unknown = filed(gateway, token, a_dossier(unit="ZZ0000Z", office=OFFICE))
    for told in (known, unknown):
        assert (told[0], told[1]["code"], codes(told[1])) == (403, "not-your-unit", ["not-your-unit"])
    one, other = known[1]["findings"][0], unknown[1]["findings"][0]
    assert one["message"].replace(OTHER_UNIT, "ZZ0000Z") == other["message"]
    assert one["fix"] == other["fix"]


def test_an_ivans_code_in_the_envelope_is_its_own(gateway: Inhouse) -> None:
    from gateway.callers import register_client

    client, secret = register_client(
        gateway.house.database, role="ivan", name="", units=[UNIT], offices=[], jwk=None,
        requests_per_minute_max=1000, now=gateway.clock.now(), ivan_code="00040",
    )  # fmt: skip
    token = gateway.token(client, secret or "")
    content = a_dossier()
    written = content.split(b"<MaIVAN>")[1].split(b"</MaIVAN>")[0].decode()
    status, told = filed(gateway, token, content)
    assert written != "00040"
    assert (status, codes(told)) == (422, ["ivan-code-differs"])
    assert "00040" in told["findings"][0]["fix"]


def strict(gateway: Inhouse, holder: Holder, **changes: Any) -> None:
    """From now on only that certificate signs for the unit."""
    on = gateway.clock.now().astimezone(VIETNAM).date()
    with gateway.house.database.begin() as tx:
        register.set_signing(tx, UNIT, on, signing="registered", parent=None)
        row = binding_of(
            signer_of(holder.certificate), unit=UNIT, valid_from=date(2020, 1, 1), valid_to=None,
            registered_by="me", at_us=to_us(gateway.clock.now()),
        )  # fmt: skip
        bindings.bind(tx, row)


def signed(gateway: Inhouse, holder: Holder, seed: int) -> bytes:
    from schemas.sample import make_dossier

    now = gateway.clock.now()
    raw = make_dossier(
        "600", employees=1, seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=now.date(), attachments=0,
    )  # fmt: skip
    return sign_dossier(raw, holder.key, holder.certificate, signature_paths=signature_paths(), now=now)


def test_a_registered_certificate_is_renewed_without_anybody_registering_it_again(gateway: Inhouse) -> None:
    now = gateway.clock.now()
    token = gateway.bearer("employer", units=[UNIT])
    old, new = pki().issue(MADE, now), pki().issue(MADE, now)
    strict(gateway, old)
    assert filed(gateway, token, signed(gateway, old, 1))[0] == 201
    status, told = filed(gateway, token, signed(gateway, new, 2))
    assert status == 201
    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", token).json()
    assert codes(shown) == ["certificate-renewed"]
    events = gateway("GET", f"/v1/dossiers/{told['dossier']}/events", token).json()["events"]
    assert "certificate-renewed" in [one["type"] for one in events]
    # The next one is ordinary, and the one after the old certificate was withdrawn too.
    with gateway.house.database.begin() as tx:
        bindings.withdraw(
            tx, UNIT, signer_of(old.certificate).certificate_sha256, by="me", now_us=to_us(gateway.clock.now())
        )
    status, told = filed(gateway, token, signed(gateway, new, 3))
    assert status == 201
    assert codes(gateway("GET", f"/v1/dossiers/{told['dossier']}", token).json()) == []
    status, told = filed(gateway, token, signed(gateway, old, 4))
    assert (status, codes(told)) == (422, ["certificate-binding-ended"] * len(told["findings"]))


def test_another_certificate_of_the_unit_is_refused_in_every_file_that_it_signed(gateway: Inhouse) -> None:
    token = gateway.bearer("employer", units=[UNIT])
    strict(gateway, pki().issue(MADE, gateway.clock.now()))
    status, told = filed(gateway, token, sign(a_dossier_unsigned()))
    assert status == 422
    assert set(codes(told)) == {"certificate-not-registered"}
    assert {one["file"] for one in told["findings"]} >= {"Hoso", "D02-TS-595.xml"}


def a_dossier_unsigned() -> bytes:
    from schemas.sample import make_dossier
    from tests.clocks import HandClock

    return make_dossier(
        "600", employees=1, seed=9, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=HandClock().now().date(), attachments=0,
    )  # fmt: skip


def test_a_round_writes_a_renewal_once_though_two_dossiers_show_it(gateway: Inhouse) -> None:
    import asyncio

    now = gateway.clock.now()
    token = gateway.bearer("employer", units=[UNIT])
    old, new = pki().issue(MADE, now), pki().issue(MADE, now)
    strict(gateway, old)
    contents = [signed(gateway, new, seed) for seed in (1, 2, 3)]

    async def together() -> list[int]:
        answers = await asyncio.gather(*(gateway.ask("POST", "/v1/dossiers", token, content=one) for one in contents))
        return [one.status_code for one in answers]

    assert gateway.asked(together()) == [201, 201, 201]
    held = bindings.bindings_of(gateway.house.database, UNIT)
    assert len(held) == 2
    events = gateway("GET", "/v1/events", token).json()["events"]
    assert [one["type"] for one in events].count("certificate-renewed") == 1
