"""The interface's description of itself: whole, valid, and true of what the doors answer."""

import copy
import io
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from gateway import closing, figures_public
from gateway.api import described
from gateway.api.described_doors import AUDIENCES, DOORS
from gateway.api.described_page import page as render
from gateway.api.problems import KINDS
from gateway.callers import ROLES
from gateway.figures import rules_in_force
from gateway.paper_receipt import paper_key
from tests.gateway import test_doors
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, basic, inhouse
from tests.postal.manifests_made import a_manifest, a_receipt, an_item

Json = dict[str, Any]
DIGEST = "0" * 64
CATALOGUE = (
    "", "?on=2026-01-01", "?on=yesterday", "/600", "/none", "/600/sample", "/600/sample?employees=0",
    "/600/forms/D02-TS", "/600/forms/D02-TS.xsd", "/600/forms/D02-TS.sch", "/600/forms/none.xsd",
)  # fmt: skip
PARTS = ("", "/receipt", "/content", "/events", "/validation", "/validation.xml", "/judgement", "/forms/1",
         "/forms/1.pdf", "/forms/x", "/receipt.pdf", "/readings", "/due",
         "/papers", "/papers/refusal-1.pdf", "/control-sheet.pdf",
         "/course", "/results", "/results/1", "/results/0", "/parts/1", "/parts/99")  # fmt: skip

LOGGED = (
    "checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "tile/9/000", "origins", "origins/1/checkpoint",
    "origins/1/tile/0/000.p/1", "origins/7/checkpoint", "consistency?from=1", "consistency?from=9", "proof?dossier=x",
)  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("described") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def document(gateway: Inhouse) -> Json:
    answer = gateway("GET", "/schema/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json"
    told: Json = answer.json()
    return told


@pytest.fixture(scope="module")
def page(gateway: Inhouse) -> str:
    answer = gateway("GET", "/schema")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def operations(document: Json) -> dict[str, tuple[str, str, Json]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def everything(node: object) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from everything(child)
    elif isinstance(node, list):
        for child in node:
            yield from everything(child)


def resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        head, *steps = node["$ref"].split("/")
        assert head == "#", node
        node = document
        for step in steps:
            node = node[step]
    return node


def problem_codes(operation: Json) -> set[str]:
    return {code for answer in operation["responses"].values() for code in answer.get("x-problem-codes", [])}


def path_of(document: Json, method: str, path: str) -> Json:
    """The operation that a request meets; a path without placeholders wins, and one whose ending is told."""
    plain = path.partition("?")[0]
    for template in sorted(document["paths"], key=lambda one: (one.count("{"), one.endswith("}"))):
        if (
            re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template).replace(r"\{tile\}", ".+")), plain)
            and method.lower() in document["paths"][template]
        ):
            found: Json = document["paths"][template][method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


def hold(document: Json, answer: httpx.Response) -> None:
    """The answer is one of those described: status, media type, headers, and the body by its schema."""
    request = answer.request
    operation = path_of(document, request.method, request.url.path)
    where = f"{request.method} {request.url.path} {answer.status_code}: {answer.text[:300]}"
    assert str(answer.status_code) in operation["responses"], where
    said = operation["responses"][str(answer.status_code)]
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type in said["content"] or (answer.status_code in (204, 304) and not answer.content), where
    for name, header in said.get("headers", {}).items():
        # 503 stands for several kinds, and not all of one status wait; the rest is always there.
        if name in answer.headers:
            schema = resolved(document, header)["schema"]
            value = answer.headers[name]
            Draft202012Validator(schema).validate(int(value) if schema.get("type") == "integer" else value)
        else:
            assert name == "Retry-After", f"{name}: {where}"
    if media_type.endswith("json"):
        schema = said["content"][media_type]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())
    if "x-problem-codes" in said:
        assert answer.json()["code"] in said["x-problem-codes"], where


def test_every_reference_leads_somewhere(document: Json) -> None:
    references = [node for node in everything(document) if isinstance(node.get("$ref"), str)]
    assert len(references) > 100
    for node in references:
        assert resolved(document, node)


def test_the_document_has_what_openapi_3_1_asks_for(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version", "description"} <= document["info"].keys()
    assert document.keys() <= {"openapi", "info", "servers", "paths", "components", "security", "tags"}
    assert {tag["name"] for tag in document["tags"]} == set(AUDIENCES)
    schemes = document["components"]["securitySchemes"]
    assert schemes["oauth2"]["flows"]["clientCredentials"] == {"tokenUrl": "/oauth/token", "scopes": {}}
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert document["security"] == [{"oauth2": []}, {"bearer": []}]
    for group in document["components"].values():
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in group)
    for node in everything(document["paths"]):
        for requirement in node.get("security", []):
            assert requirement.keys() <= schemes.keys()


def test_every_operation_is_whole(document: Json) -> None:
    seen = operations(document)
    assert len(seen) == sum(len(item) for item in document["paths"].values()), "operation ids are unique"
    for method, path, operation in seen.values():
        parameters = [resolved(document, one) for one in operation.get("parameters", [])]
        keys = [(one["in"], one["name"]) for one in parameters]
        assert len(set(keys)) == len(keys), path
        assert {name for place, name in keys if place == "path"} == set(re.findall(r"\{(\w+)\}", path))
        for one in parameters:
            assert one["in"] in {"path", "query", "header"}
            assert one["in"] != "path" or one["required"] is True
            assert one["schema"]
            assert one["description"], (path, one["name"])
        assert len(operation["tags"]) == 1
        assert operation["summary"].count(" · ") == 1, operation["summary"]
        assert "\n\n" in operation["description"], path
        assert method in ("POST", "PUT", "PATCH") or "requestBody" not in operation
        for answer in [resolved(document, one) for one in operation["responses"].values()]:
            assert answer["description"]
            assert "document follows" not in answer["description"]
        for status, answer in operation["responses"].items():
            assert bool(answer["content"]) == (status not in ("204", "304")), path
            for header in answer.get("headers", {}).values():
                assert {"description", "schema"} <= resolved(document, header).keys()
        assert all(re.fullmatch(r"[1-5]\d\d", status) for status in operation["responses"])


def test_every_schema_is_json_schema(document: Json) -> None:
    schemas = [node["schema"] for node in everything(document) if isinstance(node.get("schema"), dict)]
    for schema in [*schemas, *document["components"]["schemas"].values()]:
        Draft202012Validator.check_schema(schema)
        for name in schema.get("required", []):
            assert name in schema["properties"]


def test_every_door_is_in_the_table_and_the_table_holds_no_other(document: Json) -> None:
    assert set(operations(document)) == set(DOORS)


def test_every_guarded_door_names_its_roles_and_its_problems(document: Json) -> None:
    for method, path, _ in test_doors.DOORS:
        operation = path_of(document, method, path)
        assert operation["x-roles"], path
        assert "security" not in operation, "the whole document's requirement holds"
        assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), path
        assert {"unauthorized", "forbidden", "too-many-requests", "database-away"} <= problem_codes(operation)
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        assert {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= operation["responses"][
            "429"
        ]["headers"].keys()
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def test_the_raw_bodies_and_headers_are_described(document: Json) -> None:
    for path in ("/v1/dossiers", "/v1/dossiers/check"):
        operation = document["paths"][path]["post"]
        assert operation["requestBody"]["required"] is True
        assert operation["requestBody"]["content"]["application/xml"]["schema"]["format"] == "binary"
        assert "64 MiB" in operation["requestBody"]["description"]
        names = {resolved(document, one)["name"] for one in operation["parameters"]}
        assert "Content-Digest" in names
        assert {"400", "408", "413", "415"} <= operation["responses"].keys()
    submission = document["paths"]["/v1/dossiers"]["post"]
    (batch,) = (one for one in (resolved(document, p) for p in submission["parameters"]) if one["name"] == "batch")
    assert batch["schema"] == {"type": "integer", "minimum": 1, "maximum": 9999}
    assert {"200", "201", "422"} <= submission["responses"].keys()
    refusal = submission["responses"]["422"]["content"]["application/problem+json"]["schema"]
    assert refusal == {"$ref": "#/components/schemas/RefusedDossier"}
    form = document["paths"]["/oauth/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert form["schema"]["required"] == ["grant_type"]
    leases = document["paths"]["/v1/offices/{office}/leases"]["post"]
    assert "Idempotency-Key" in {resolved(document, one)["name"] for one in leases["parameters"]}
    assert "Content-Digest" in document["paths"]["/v1/dossiers/{dossier}/content"]["get"]["responses"]["200"]["headers"]


def test_each_problem_stands_under_its_own_status(document: Json) -> None:
    for _, _, operation in operations(document).values():
        for status, answer in operation["responses"].items():
            for code in answer.get("x-problem-codes", []):
                assert KINDS[code].status == int(status)


def test_the_roles_that_are_told_are_those_that_may_enter(gateway: Inhouse, document: Json) -> None:
    tokens = {role: gateway.bearer(role, units=[UNIT], offices=[OFFICE]) for role in ROLES}
    for method, template, operation in operations(document).values():
        named = template.replace("{office}", OFFICE).replace("{number}", "0")
        path = re.sub(r"\{\w+\}", "x-none", named) + f"?sha256={DIGEST}"
        body: Json = {} if method == "GET" else {"json": {}} if "leases" in path else {"content": b"<x/>"}
        if template == "/oauth/token":
            continue
        for role, token in tokens.items():
            answer = gateway(method, path, token, **body)
            is_shut_out = answer.status_code == 403 and answer.json()["code"] == "forbidden"
            assert is_shut_out == (role not in operation.get("x-roles", ROLES)), (role, template, answer.text)
        nobody = gateway(method, path, **body)
        assert (nobody.status_code == 401) == ("x-roles" in operation), template
        assert ("x-roles" in operation) != (operation.get("security") == []), template


def test_what_the_doors_answer_is_what_is_described(gateway: Inhouse, document: Json) -> None:
    employer, stranger = gateway.bearer("employer", units=[UNIT]), gateway.bearer("employer")
    office, operator = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("operator")
    content, leases = a_dossier(seed=71), f"/v1/offices/{OFFICE}/leases"
    answers = [gateway("POST", "/v1/dossiers?batch=7", employer, content=content) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 200]
    dossier, digest = f"/v1/dossiers/{answers[0].json()['dossier']}", answers[0].json()["sha256"]
    damaged = content.replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    for sent in (damaged, content[:-9], b"<a/>"):
        answers += [gateway("POST", path, employer, content=sent) for path in ("/v1/dossiers", "/v1/dossiers/check")]
    answers.append(gateway("POST", "/v1/dossiers", stranger, content=a_dossier(seed=72)))
    assert {one.status_code for one in answers} == {200, 201, 403, 422}
    assert gateway.house.logbook is not None
    gateway.house.logbook.publish(gateway.clock.now())
    wrong = {"content-digest": f"sha-256=:{'A' * 43}=:"}
    answers += [
        gateway("POST", "/v1/dossiers/check", employer, content=content),
        *(
            gateway("POST", "/v1/dossiers/check", employer, content=content, headers={"accept": wanted})
            for wanted in ("text/html", "application/pdf")
        ),
        gateway("POST", "/v1/dossiers", employer, content=content, headers=wrong),
        gateway("POST", "/v1/dossiers?batch=0", employer, content=content),
        gateway("POST", "/v1/dossiers", employer, content=b"{}", headers={"content-type": "application/json"}),
        gateway("POST", "/v1/dossiers", employer, content=b"{}", headers={"content-type": "text/plain"}),
        *(
            gateway("GET", f"{dossier}/content", employer, headers={"range": asked})
            for asked in ("bytes=0-9", "bytes=999999999-")
        ),
        *uploading(gateway, employer),
        *following(gateway, employer, dossier),
        gateway("POST", "/v1/dossiers", content=content),
        gateway("GET", "/v1/dossiers?state=accepted", employer),
        gateway("GET", "/v1/dossiers?after=-1", employer),
        gateway("GET", f"/v1/receipts?sha256={digest}", employer),
        gateway("GET", "/v1/receipts?sha256=x", employer),
        *(gateway("GET", f"/v1/documents?sha256={one}&unit={UNIT}", employer) for one in (digest, "x")),
        gateway("GET", f"{dossier}/parts/1", employer, headers={"range": "bytes=0-9"}),
        gateway("GET", f"/v1/notices?sha256={answers[2].json()['sha256']}", employer),
        gateway("GET", "/v1/events", employer),
        *(gateway("GET", dossier + part, who) for part in PARTS for who in (employer, stranger)),
        gateway("GET", f"{dossier}/proofs/{'0' * 64}", employer),
        *(
            gateway("GET", f"/v1/receipts/{answers[0].json()['receipt_number']}?key={key}", headers={"accept": wanted})
            for key in (paper_key(answers[0].json()["receipt"]), "x")
            for wanted in ("application/json", "text/html")
        ),
        gateway("GET", f"{dossier}/content?why={'x' * 201}", employer),
        *(
            gateway("GET", f"/v1/offices/{OFFICE}/register{more}", office)
            for more in (
                ".pdf",
                ".csv",
                ".pdf?part=9",
                ".pdf?from=2024-01-01",
                ".csv?kind=none",
                ".csv?from=2027-01-01",
            )
        ),
        gateway("GET", f"/v1/reports/{answers[0].json()['receipt_number']}/1?key=x"),
        *(gateway("GET", f"/v1/procedures{path}") for path in CATALOGUE),
        *(gateway("GET", path, headers={"if-none-match": "*"}) for path in ("/v1/keys", "/v1/procedures")),
        gateway("GET", "/v1/keys"),
        *(gateway("GET", f"/v1/log/{path}") for path in LOGGED),
        *(
            gateway("GET", f"/v1/log/proof?dossier={dossier.rpartition('/')[2]}", headers={"accept": wanted})
            for wanted in ("application/json", "text/plain")
        ),
        gateway("GET", "/problems/findings"),
        gateway("GET", "/problems/none"),
        gateway("GET", "/health"),
        gateway("GET", "/ready"),
        gateway("POST", leases, stranger, json={}),
        gateway("POST", leases, office, json={"max": 0}),
    ]
    taken = gateway("POST", leases, office, json={"max": 1}, headers={"idempotency-key": "k"})
    (work,) = taken.json()["work"]
    lease = f"/v1/leases/{work['lease']}"
    answers += [taken, gateway("POST", leases, office, json={"max": 2}, headers={"idempotency-key": "k"})]
    answers += [gateway("GET", f"{dossier}/evidence", who) for who in (employer, stranger)]
    answers.append(gateway("GET", "/v1/verifier"))
    answers += [gateway("POST", lease + step, office, json={}) for step in ("/extend", "/release", "/acknowledge")]
    answers += [gateway("POST", dossier + "/revive", operator), gateway("GET", "/v1/alarms", operator)]
    answers += [gateway("GET", f"/v1/offices/{OFFICE}/work?{one}", office) for one in ("", "state=dead", "state=none")]
    many = {"leases": [work["lease"], "l-none"]}
    answers.append(gateway("POST", "/v1/leases/acknowledgements", office, json=many))
    answers += [
        gateway("POST", dossier + "/reports", office, json=said)
        for said in ({"state": 4}, {"state": 1}, {"state": 10, "returned_by": "post"}, {"state": 99})
    ]
    answers += [
        gateway("POST", dossier + "/transfers", office, json=said)
        for said in ({"reason": "x", "department": "A"}, {"reason": "x"})
    ]
    xml = {"content-type": "application/xml"}
    answers += [
        gateway("POST", f"{dossier}/{what}", who, content=a_dossier(seed), headers=xml)
        for what in ("supplements", "withdrawal")
        for seed, who in ((0, employer), (1, employer), (1, stranger))
    ]
    answers += [gateway("GET", f"{dossier}/course", employer), gateway("GET", f"{dossier}/results", office)]
    gateway.clock.advance(3600)
    key = gateway.house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
    assert closing.close(gateway.house.stores, key, gateway.clock.now())
    employer, operator = gateway.bearer("employer", units=[UNIT]), gateway.bearer("operator")
    never = DIGEST.replace("0", "f")
    answers += [gateway("GET", f"/v1/ledger{path}", operator) for path in ("", "/1", "/2")]
    answers += [gateway("GET", f"/v1/absence?sha256={one}", employer) for one in (never, digest, "x")]
    answers.append(gateway("GET", f"/v1/absence?sha256={never}", employer, headers={"accept-language": "en"}))
    answers += figures(gateway, operator, employer)
    answers += postal_papers(gateway, employer)
    answers += mail_room(gateway, gateway.bearer("office", offices=[OFFICE]))
    answers += postal_announcements(gateway, employer)
    answers += handlings_told(gateway)
    answers += items_bound(gateway, employer)
    answers += returns_told(gateway, dossier, employer)
    answers += manifests_told(gateway, office, operator)
    assert {409, 422} <= {one.status_code for one in answers}
    for answer in answers:
        hold(document, answer)
    met = {path_of(document, one.request.method, one.request.url.path)["operationId"] for one in answers}
    assert met == set(DOORS) - {"token"}


def figures(gateway: Inhouse, operator: str, employer: str) -> list[httpx.Response]:
    """The figures and the public statistics, before and after these are made."""
    public = ("/v1/statistics", "/v1/statistics.csv", "/statistics")
    answers = [gateway("GET", path) for path in public]
    house = gateway.house
    assert figures_public.publish(house.database, house.tables, rules_in_force(), gateway.clock.now())
    answers += [gateway("GET", path, headers=held) for path in public for held in ({}, {"if-none-match": "*"})]
    answers += [gateway("GET", "/v1/statistics", headers={"accept": "text/csv"}), gateway("GET", "/statistics?month=x")]
    answers += [gateway("GET", f"/v1/figures{more}", operator) for more in ("", ".csv", "?by=month", "?from=x")]
    answers.append(gateway("GET", "/v1/figures", operator, headers={"accept": "text/csv"}))
    return [*answers, gateway("GET", "/v1/figures", employer)]


def manifests_told(gateway: Inhouse, office: str, operator: str) -> list[httpx.Response]:
    """A manifest and its receipt, told twice, told otherwise, settled and printed; and the account of paper."""
    post, path, account = gateway.bearer("post", offices=["vnpost"]), "/v1/postal/manifests", "/v1/postal/account"
    manifest = a_manifest(an_item("RR473124829VN", book=2))
    receipt = a_receipt(an_item("RR473124829VN", book=1))
    one, none = f"{path}/{manifest['id']}", f"{path}/{manifest['id'].replace('-', '0')}"
    sent = (manifest, manifest, manifest | {"number": "BK-2"}, manifest | {"signature": "a.b.c", "id": DIGEST}, {})
    answers = [gateway("POST", path, post, json=said) for said in sent]
    answers.append(gateway("POST", path, office, json=manifest))
    answers += [gateway("POST", f"{one}/received", office, json=said) for said in (receipt, receipt, a_receipt(), {})]
    answers.append(gateway("POST", f"{none}/received", office, json=receipt))
    settled = ({"note": "đủ"}, {"note": "đủ"}, {"note": "thiếu"}, {})
    answers += [gateway("POST", f"{one}/settlement", office, json=note) for note in settled]
    answers += [gateway("GET", asked, office) for asked in (path, f"{path}?state=x", one, none, f"{one}/note.pdf")]
    days = ("", "?day=2026-01-01", "?day=x")
    answers += [gateway("GET", f"{account}{ending}{day}", operator) for ending in ("", ".csv") for day in days]
    return [*answers, gateway("GET", account, post, headers={"accept": "text/csv"})]


def handlings_told(gateway: Inhouse) -> list[httpx.Response]:
    """Carriers' events, in our words and in their own, some of them bad; and the words that nobody knows."""
    carrier, path = gateway.bearer("post", offices=["vnpost"]), "/v1/postal"
    event = {"item": "RR473124829VN", "word": "Lời lạ", "at": "2026-03-02T08:00:00"}
    said = ({"handlings": [event, event | {"item": "?"}]}, {"handlings": []}, {"handlings": [event], "carrier": "ems"})
    answers = [gateway("POST", f"{path}/handlings", carrier, json=one) for one in said]
    own = {"ID": "RR473124829VN", "Events": [{"EventCd": "EMA", "EventDT": "02/03/2026 08:00"}]}
    answers += [gateway("POST", f"{path}/carriers/vnpost/handlings", carrier, json=one) for one in (own, {})]
    answers.append(gateway("POST", f"{path}/carriers/ems/handlings", carrier, json=own))
    return [*answers, *(gateway("GET", f"{path}/words{every}", carrier) for every in ("", "?all=true"))]


def postal_announcements(gateway: Inhouse, employer: str) -> list[httpx.Response]:
    """Paper announced, announced again, looked at, cancelled, and what goes wrong with it."""
    path = "/v1/postal/announcements"
    xml, json = {"content-type": "application/xml"}, {"content-type": "application/json"}
    answers = [gateway("POST", path, employer, content=a_dossier(902), headers=xml) for _ in range(2)]
    made = f"{path}/{answers[0].json()['announcement']}"
    for door in (path, f"{path}/check"):
        sent = ({"dossiers": [{}]}, {"dossiers": []}, {"dossiers": [{"envelope": "eA=="}], "office": "99999"})
        answers += [gateway("POST", door, employer, json=one, headers=json) for one in sent]
        answers.append(gateway("POST", door, employer, content=b"x", headers={"content-type": "text/plain"}))
    answers.append(gateway("POST", path, employer, json={"dossiers": [{}], "item": "X"}, headers=json))
    answers += [gateway("GET", one, employer) for one in (made, f"{path}/p-x")]
    return [*answers, *(gateway("POST", f"{one}/cancellation", employer) for one in (made, f"{path}/p-x"))]


def mail_room(gateway: Inhouse, office: str) -> list[httpx.Response]:
    """An item that nobody announced: opened, scanned, its page bound, and what goes wrong with it."""
    told = {"item": "EB000000345VN", "office": OFFICE, "condition": "intact", "counted": [{"kind": "book", "count": 1}]}
    wrong = ({"condition": "damaged"}, {"opened_at": "2099-01-01T00:00:00+07:00"}, {"counted": [{}]})
    answers = [gateway("POST", "/v1/mailroom/openings", office, json=told | more) for more in ({}, *wrong)]
    opening = answers[0].json()["opening"]
    scan = io.BytesIO()
    Image.effect_noise((600, 800), 90).save(scan, "JPEG")
    sent = ((scan.getvalue(), "image/jpeg"), (b"x", "application/pdf"), (b"x", "text/plain"))
    for content, media_type in sent:
        path, headers = f"/v1/mailroom/scans?opening={opening}", {"content-type": media_type}
        answers.append(gateway("POST", path, office, content=content, headers=headers))
    name = answers[4].json()["scan"]
    for one in (name, "s-x"):
        pages = {"pages": [{"scan": one, "number": 1, "dossier": ""}], "reason": "x"}
        answers.append(gateway("POST", "/v1/mailroom/pages", office, json=pages))
        answers += [gateway("GET", f"/v1/mailroom/scans/{one}/pages/{page}", office) for page in ("1", "1.png")]
    for one in (opening, "o-x"):
        said = {"dossier": "d-x", "reason": "x"}
        answers.append(gateway("POST", f"/v1/mailroom/openings/{one}/filings", office, json=said))
        answers.append(gateway("GET", f"/v1/mailroom/openings/{one}", office))
    return [*answers, gateway("GET", "/v1/mailroom/waiting", office)]


def returns_told(gateway: Inhouse, dossier: str, employer: str) -> list[httpx.Response]:
    """What goes back by post and what is held for its owner, asked for rightly and wrongly; the same case twice."""
    office = gateway.bearer("office", offices=[OFFICE])
    path, named = "/v1/postal/returns", dossier.rpartition("/")[2]
    card = {"kind": "card", "count": 2, "name": "Thẻ BHYT", "dossier": named}
    address = {"name": "Bà A", "address": "5 Lê Lợi"}
    said: Json = {"item": "RR123456785VN", "carrier": "vnpost", "dossiers": [named], "contents": [card]}
    key = {"idempotency-key": "return"}
    answers = [gateway("POST", path, office, json=said, headers=key)]
    answers += [gateway("POST", path, office, json=said | {"address": address}, headers=key) for _ in range(2)]
    answers.append(gateway("POST", path, office, json=said | {"item": ""}))
    item = f"{path}/RR123456785VN"
    answers += [gateway("GET", one, office) for one in (path, f"{path}?state=x", item, f"{path}/x", f"{item}/slip.pdf")]
    answers += [gateway("POST", f"{item}/{what}", office, json={}) for what in ("form-05", "decision")]
    answers.append(gateway("POST", f"{item}/decision", office, json={"decision": "keep"}))
    answers += [gateway("GET", f"/v1/postal/originals{form}", office) for form in ("", ".csv", ".pdf", "?office=x")]
    answers.append(gateway("POST", "/v1/postal/originals/g-x/custody", office, json={"fact": "filed"}))
    answers += [gateway("GET", f"{dossier}/{what}", employer) for what in ("originals", "same-case")]
    decided = {"other": "d-x", "decision": "same", "reason": "x"}
    return [*answers, gateway("POST", f"{dossier}/same-case", office, json=decided)]


def items_bound(gateway: Inhouse, employer: str) -> list[httpx.Response]:
    """Items bound, seen and listed, numbers given out and taken, and what goes wrong with them."""
    xml, path, carrier = {"content-type": "application/xml"}, "/v1/postal", gateway.bearer("post", offices=["vnpost"])
    made = gateway("POST", f"{path}/announcements", employer, content=a_dossier(903), headers=xml).json()
    said = {"announcement": made["announcement"]}
    item, wrong = f"{path}/items/EA123456785VN", f"{path}/items/CD468359126VN"
    answers = [gateway("PUT", one, employer, json=said) for one in (item, wrong)]
    answers.append(gateway("PUT", wrong, employer, json=said | {"typed": False}))
    answers += [gateway("PUT", item, employer, json=one) for one in ({}, {"announcement": "p-x"}, {"x": 1})]
    event = {"handlings": [{"item": "EA123456785VN", "word": "Lời lạ", "at": "2026-03-02T08:00:00"}]}
    gateway("POST", f"{path}/handlings", carrier, json=event)
    answers += [gateway("GET", one, employer) for one in (item, wrong, f"{path}/items/x", f"{path}/items")]
    answers.append(gateway("GET", f"{path}/items?state=x", employer))
    pool = f"{path}/pool/vnpost"
    numbers = {"numbers": ["EB000000270VN", "EB000000345VN", "x"]}
    answers += [gateway("POST", one, carrier, json=numbers) for one in (pool, f"{path}/pool/ems")]
    answers += [gateway("POST", f"{pool}/takings", employer, json=said) for _ in range(2)]
    answers += [gateway("POST", f"{pool}/recalls", employer, json={"numbers": [one]}) for one in ("EB000000270VN", "x")]
    party = {"name": "A", "address": "B", "phone": "1"}
    return [*answers, gateway("POST", f"{item}/pickup", employer, json={"sender": party, "receiver": party})]


def postal_papers(gateway: Inhouse, employer: str) -> list[httpx.Response]:
    """Cover sheets and forms of what is announced, before and after it is cancelled."""
    xml = {"content-type": "application/xml"}
    made = gateway("POST", "/v1/postal/announcements", employer, content=a_dossier(901), headers=xml).json()
    paths = [*(made[name] for name in ("cover_url", "forms_url")), "/v1/postal/announcements/p-x/cover.pdf"]
    answers = [gateway("GET", path, employer) for path in paths]
    gateway("POST", f"/v1/postal/announcements/{made['announcement']}/cancellation", employer)
    return [*answers, *(gateway("GET", path, employer) for path in paths)]


def following(gateway: Inhouse, employer: str, dossier: str) -> list[httpx.Response]:
    """A webhook's life, public tracking, and what goes wrong with them."""
    key = {"idempotency-key": "w"}
    wanted = {"url": "https://93.184.215.14/hook"}
    made = gateway("POST", "/v1/webhooks", employer, json=wanted, headers=key)
    path, code = f"/v1/webhooks/{made.json()['webhook']}", gateway("GET", f"{dossier}/tracking-code", employer)
    tracked = f"number={code.json()['receipt_number']}&code={code.json()['code']}"
    return [
        made,
        code,
        gateway("POST", "/v1/webhooks", employer, json=wanted | {"units": ["X"]}, headers=key),
        gateway("POST", "/v1/webhooks", employer, json={"url": "https://10.0.0.1/"}),
        gateway("POST", "/v1/webhooks", employer, json=wanted | {"types": ["x"]}),
        gateway("POST", "/v1/webhooks", employer, json={}),
        gateway("GET", "/v1/webhooks", employer),
        *(gateway("POST", f"{path}/{step}", employer, json={}) for step in ("rotate", "test", "disable", "enable")),
        *(gateway("POST", f"{path}/{step}", employer, json={}) for step in ("replay", "confirm")),
        gateway("POST", f"{path}/replay", employer, json={"after": 0}),
        gateway("GET", f"{path}/deliveries", employer),
        gateway("GET", "/v1/webhooks/w-none/deliveries", employer),
        gateway("GET", f"{dossier}/tracking-code", gateway.bearer("employer")),
        *(
            gateway("GET", f"{page}?{query}")
            for page in ("/v1/track", "/track")
            for query in (tracked, "number=x&code=y")
        ),
        gateway("GET", "/v1/track"),
        gateway("GET", "/track"),
    ]


def uploading(gateway: Inhouse, employer: str) -> list[httpx.Response]:
    """An upload's whole life, and what goes wrong in one."""
    version = {"tus-resumable": "1.0.0", "content-type": "application/offset+octet-stream"}
    unspoken = gateway("POST", "/v1/uploads", employer, headers={"upload-length": "4"})
    many = gateway("POST", "/v1/uploads", employer, headers={**version, "upload-length": "9" * 14})
    begun = gateway("POST", "/v1/uploads", employer, headers={**version, "upload-length": "4"}, content=b"<")
    path, named = begun.headers["location"], {"upload": begun.json()["upload"]}
    json = {"content-type": "application/json"}
    at_one = {**version, "upload-offset": "1"}
    return [
        unspoken,
        many,
        begun,
        gateway("GET", path, employer, headers=version),
        gateway("GET", "/v1/uploads/u-none", employer, headers=version),
        gateway("PATCH", path, employer, headers={**version, "upload-offset": "3"}, content=b"x"),
        gateway("PATCH", path, employer, headers=at_one | {"upload-checksum": "sha256 AAAA"}, content=b"x"),
        gateway("PATCH", path, employer, headers=at_one | {"upload-checksum": "md5 AAAA"}, content=b"x"),
        gateway("PATCH", path, employer, headers=at_one | {"content-type": "text/plain"}, content=b"x"),
        gateway("POST", "/v1/dossiers", employer, json=named, headers=json),
        gateway("PATCH", path, employer, headers=at_one, content=b"a"),
        gateway("POST", path, employer, headers=version | {"x-http-method-override": "PUT"}),
        gateway("DELETE", path, employer, headers=version),
        gateway("POST", "/v1/dossiers", employer, json=named, headers=json),
    ]


def test_what_the_token_door_answers_is_what_is_described(gateway: Inhouse, document: Json) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    form = {"grant_type": "client_credentials"}
    granted = gateway("POST", "/oauth/token", headers={"authorization": basic(client, secret)}, data=form)
    denied = gateway("POST", "/oauth/token", headers={"authorization": basic(client, "wrong")}, data=form)
    bad = gateway("POST", "/oauth/token", headers={"authorization": basic(client, secret)}, data={"grant_type": "x"})
    assert [one.status_code for one in (granted, denied, bad)] == [200, 401, 400]
    for answer in (granted, denied, bad):
        hold(document, answer)
    assert document["paths"]["/oauth/token"]["post"]["security"] == [{"client_basic": []}, {}]


def test_a_spent_budget_is_answered_as_described(gateway: Inhouse, document: Json) -> None:
    token = gateway.bearer("employer", units=[UNIT], requests_per_minute_max=1)
    answers = [gateway("POST", "/v1/dossiers/check", token, content=b"<a/>") for _ in range(3)]
    assert answers[-1].status_code == 429
    for answer in answers:
        hold(document, answer)
    headers = document["paths"]["/v1/dossiers/check"]["post"]["responses"]["429"]["headers"]
    assert all(name in answers[-1].headers for name in headers)


def test_an_answer_that_is_not_described_is_noticed(gateway: Inhouse, document: Json) -> None:
    told = copy.deepcopy(document)
    answer = gateway("GET", "/v1/keys")
    told["paths"]["/v1/keys"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "string"}
    hold(document, answer)
    with pytest.raises(Exception, match="is not of type"):
        hold(told, answer)
    del told["paths"]["/v1/keys"]["get"]["responses"]["200"]
    with pytest.raises(AssertionError):
        hold(told, answer)


def test_completing_leaves_the_generated_document_alone_and_a_forgotten_door_shut(gateway: Inhouse) -> None:
    operation = {"operationId": "forgotten", "summary": "A new door", "responses": {"200": {"content": {}}}}
    generated = {"components": {"schemas": {}}, "paths": {"/v1/new": {"get": operation}}}
    before = copy.deepcopy(generated)
    told = described.complete(generated, 1024 * 1024)["paths"]["/v1/new"]["get"]
    assert generated == before
    assert "security" not in told
    assert {"401", "429"} <= told["responses"].keys()


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_loads_and_runs_nothing(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    assert not elements.tags & {"script", "iframe", "object", "embed", "img", "base", "form"}
    assert not {name for name in elements.attributes if name.startswith("on")} | elements.attributes & {"src", "srcset"}
    for link in elements.links:
        assert link == "data:," or link.startswith(("#", "/")), link
        assert not link.startswith("//"), link
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_every_link_of_the_page_leads_somewhere(gateway: Inhouse, page: str) -> None:
    elements = Elements(page)
    assert len(set(elements.ids)) == len(elements.ids)
    inside = {link[1:] for link in elements.links if link.startswith("#")}
    assert inside <= set(elements.ids)
    assert len(inside) > 60
    for link in sorted({link for link in elements.links if link.startswith("/")}):
        assert gateway("GET", link).status_code == 200, link


def test_the_page_tells_every_door_in_vietnamese_first(page: str, document: Json) -> None:
    assert unicodedata.is_normalized("NFC", page)
    assert '<html lang="vi">' in page
    assert "@media print" in page
    for name, (method, path, operation) in operations(document).items():
        start = page.index(f'<article id="{name}">')
        told = page[start : page.index("</article>", start)]
        vi, _, en = operation["summary"].partition(" · ")
        assert vi == DOORS[name].vi
        assert told.index(vi.replace("'", "&#x27;")) < told.index(en.replace("'", "&#x27;")), name
        assert f">{method}</b><code>{path}</code>" in told
        for status in operation["responses"]:
            assert f'<th scope="row">{status}</th>' in told
        for one in operation.get("parameters", []):
            assert f"<code>{resolved(document, one)['name']}</code>" in told
    for code, kind in KINDS.items():
        assert f'id="problem-{code}"' in page
        assert kind.title_vi in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


def test_text_is_not_markup(document: Json) -> None:
    told = copy.deepcopy(document)
    told["info"]["description"] = "<script>alert(1)</script>"
    told["paths"]["/v1/keys"]["get"]["summary"] = '<b onclick="x">'
    assert "<script" not in render(told)
    assert "<b onclick" not in render(told)


def test_none_of_the_viewers_that_load_from_elsewhere_is_served(gateway: Inhouse) -> None:
    for name in ("redoc", "swagger", "elements", "rapidoc", "openapi.yaml", "oauth2-redirect.html"):
        answer = gateway("GET", f"/schema/{name}")
        assert answer.status_code == 404, name
        assert "//" not in answer.text, name
