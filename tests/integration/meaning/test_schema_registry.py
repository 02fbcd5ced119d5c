"""The schema registry API, for reading: the documented answers and error codes, for those who may see the schemas."""

from __future__ import annotations

import html
import json
import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import jsonschema
import pytest

from node.catalogue.meaning.schema_history import references
from node.catalogue.meaning.schema_registry import RegisteredSchema, number_of
from node.cli.main import run
from tests.integration.meaning.test_data_checks import described
from tests.integration.meaning.test_data_checks import publish as post
from tests.nodes import Running
from tests.unit.portal.page import Page, troubles

JSON_1: dict[str, Any] = {"type": "object", "properties": {"speed": {"type": "number"}}, "required": ["speed"]}
JSON_2 = JSON_1 | {"properties": {"speed": {"type": "number"}, "lane": {"type": "integer"}}}
STRICTER = JSON_2 | {"required": ["speed", "lane"]}
AVRO: dict[str, Any] = {"type": "record", "name": "Count", "fields": [{"name": "speed", "type": "double"}]}
PROTOBUF = 'syntax = "proto3";\nmessage Count { double speed = 1; }\n'
TYPE = "application/vnd.schemaregistry.v1+json"


def publish(http: httpx2.Client, name: str, definition: Any, audience: str = "public") -> str:
    fields = described("schema", name, version="1", definition=definition)
    answer = post(http, fields, audience=audience, allowBreaking=True)
    assert answer.status_code == 201, answer.text
    iri: str = answer.json()["iri"]
    return iri


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=city.url, headers=city.person(), timeout=60, trust_env=False) as client:
        publish(client, "counts", JSON_1)
        publish(client, "counts", JSON_2)
        publish(client, "counts-avro", json.dumps(AVRO))
        publish(client, "counts-proto", PROTOBUF)
        publish(client, "counts-secret", STRICTER, audience="internal")
        publish(client, "counts-table", json.dumps({"fields": [{"name": "speed", "type": "number"}]}))
        yield client


@pytest.fixture
def stranger(city: Running, http: httpx2.Client) -> Iterator[httpx2.Client]:
    with city.http(base_url=f"{city.url}/registry") as client:
        yield client


def test_the_subjects_that_a_caller_may_see(http: httpx2.Client, stranger: httpx2.Client) -> None:
    answer = stranger.get("/subjects")
    assert answer.headers["content-type"] == TYPE
    assert answer.json() == ["counts", "counts-avro", "counts-proto"]
    assert http.get("/registry/subjects").json() == ["counts", "counts-avro", "counts-proto", "counts-secret"]
    assert stranger.get("/subjects", params={"subjectPrefix": "counts-"}).json() == ["counts-avro", "counts-proto"]
    assert stranger.get("/subjects", params={"offset": 1, "limit": 1}).json() == ["counts-avro"]
    assert stranger.get("/schemas/types").json() == ["JSON", "PROTOBUF", "AVRO"]
    assert stranger.get("/mode").json() == {"mode": "READONLY"}


def test_versions_and_schemas(city: Running, stranger: httpx2.Client) -> None:
    assert stranger.get("/subjects/counts/versions").json() == [1, 2]
    first = stranger.get("/subjects/counts/versions/1").json()
    assert {key: first[key] for key in ("subject", "version", "schemaType")} == {
        "subject": "counts",
        "version": 1,
        "schemaType": "JSON",
    }
    assert json.loads(first["schema"]) == JSON_1
    newest = stranger.get("/subjects/counts/versions/latest").json()
    assert newest == stranger.get("/subjects/counts/versions/-1").json()
    assert newest["version"] == 2
    assert newest["id"] != first["id"]
    assert json.loads(stranger.get("/subjects/counts/versions/latest/schema").text) == JSON_2
    by_address = quote(f"{city.url}/schemas/counts", safe="")
    assert stranger.get(f"/subjects/{by_address}/versions/1").json() == first
    avro = stranger.get("/subjects/counts-avro/versions/latest").json()
    assert "schemaType" not in avro, "Avro is what a registry means without a type"
    assert json.loads(avro["schema"]) == AVRO
    proto = stranger.get("/subjects/counts-proto/versions/latest").json()
    assert (proto["schemaType"], proto["schema"]) == ("PROTOBUF", PROTOBUF)


def test_a_schema_by_its_number(stranger: httpx2.Client) -> None:
    version = stranger.get("/subjects/counts/versions/1").json()
    schema = stranger.get(f"/schemas/ids/{version['id']}").json()
    assert schema == {"schemaType": "JSON", "schema": version["schema"]}
    assert version["id"] == number_of("JSON", version["schema"])
    uses = stranger.get(f"/schemas/ids/{version['id']}/versions").json()
    assert uses == [{"subject": "counts", "version": 1}]


def test_a_schema_is_looked_up_by_its_text(stranger: httpx2.Client) -> None:
    body = {"schema": json.dumps(JSON_1, indent=3), "schemaType": "JSON"}
    assert stranger.post("/subjects/counts", json=body).json()["version"] == 1
    absent = stranger.post("/subjects/counts", json={"schema": json.dumps(STRICTER), "schemaType": "JSON"})
    assert (absent.status_code, absent.json()["error_code"]) == (404, 40403)


@pytest.mark.parametrize(
    ("subject", "version", "type_", "schema", "compatible"),
    [
        ("counts", "1", "JSON", JSON_1, True),
        ("counts", "latest", "JSON", JSON_2 | {"title": "another"}, True),
        ("counts", "latest", "JSON", STRICTER, False),
        ("counts", "latest", "JSON", JSON_1 | {"properties": {"speed": {"type": "string"}}}, False),
        ("counts", "1", "AVRO", AVRO, False),
        ("counts-avro", "latest", "", AVRO, True),
        (
            "counts-avro",
            "latest",
            "AVRO",
            AVRO | {"fields": [*AVRO["fields"], {"name": "lane", "type": "int", "default": 0}]},
            True,
        ),
        (
            "counts-avro",
            "latest",
            "AVRO",
            AVRO | {"fields": [*AVRO["fields"], {"name": "lane", "type": "int"}]},
            False,
        ),
        ("counts-avro", "latest", "AVRO", AVRO | {"fields": [{"name": "speed", "type": "string"}]}, False),
        ("counts-proto", "latest", "PROTOBUF", PROTOBUF.replace("}", "int32 lane = 2; }"), True),
        ("counts-proto", "latest", "PROTOBUF", PROTOBUF.replace("double", "string"), False),
    ],
)
def test_compatibility_with_a_version(
    stranger: httpx2.Client, subject: str, version: str, type_: str, schema: Any, compatible: bool
) -> None:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    body = {"schema": text} | ({"schemaType": type_} if type_ else {})
    path = f"/compatibility/subjects/{subject}/versions/{version}"
    answer = stranger.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"is_compatible": compatible}
    reasons = stranger.post(path, json=body, params={"verbose": "true"}).json()["messages"]
    assert bool(reasons) is not compatible


def test_the_level(stranger: httpx2.Client) -> None:
    assert stranger.get("/config").json() == {"compatibilityLevel": "BACKWARD"}
    assert stranger.get("/config/counts").json()["error_code"] == 40408
    answer = stranger.get("/config/counts", params={"defaultToGlobal": "true"})
    assert answer.json() == {"compatibilityLevel": "BACKWARD"}


SCHEMA = {"schema": json.dumps(JSON_1), "schemaType": "JSON"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/subjects/none/versions", None, 404, 40401),
        ("GET", "/subjects/none/versions/1", None, 404, 40401),
        ("GET", "/subjects/counts-secret/versions", None, 404, 40401),
        ("GET", "/subjects/counts-secret/versions/latest", None, 404, 40401),
        ("GET", "/subjects/counts-table/versions", None, 404, 40401),
        ("GET", "/subjects/counts/versions/3", None, 404, 40402),
        ("GET", "/subjects/counts/versions/0", None, 422, 42202),
        ("GET", "/subjects/counts/versions/first", None, 422, 42202),
        ("GET", "/subjects/counts/versions/99999999999999999999", None, 422, 42202),
        ("GET", "/schemas/ids/7", None, 404, 40403),
        ("GET", "/schemas/ids/x", None, 404, 40403),
        ("GET", f"/schemas/ids/{number_of('JSON', json.dumps(STRICTER))}", None, 404, 40403),
        ("POST", "/subjects/none", SCHEMA, 404, 40401),
        ("POST", "/subjects/counts-secret", SCHEMA, 404, 40401),
        ("POST", "/compatibility/subjects/none/versions/1", SCHEMA, 404, 40401),
        ("POST", "/compatibility/subjects/counts-secret/versions/1", SCHEMA, 404, 40401),
        ("POST", "/compatibility/subjects/counts/versions/9", SCHEMA, 404, 40402),
        ("POST", "/compatibility/subjects/counts/versions/x", SCHEMA, 422, 42202),
        ("POST", "/compatibility/subjects/counts/versions/1", {"schema": "{{", "schemaType": "JSON"}, 422, 42201),
        (
            "POST",
            "/compatibility/subjects/counts/versions/1",
            {"schema": "message", "schemaType": "AVRO"},
            422,
            42201,
        ),
        ("POST", "/compatibility/subjects/counts/versions/1", {"schema": json.dumps(JSON_1)}, 422, 42201),
        ("POST", "/compatibility/subjects/counts/versions/1", {"schema": "x", "schemaType": "XML"}, 422, 42201),
        ("POST", "/compatibility/subjects/counts/versions/1", {"schema": "x", "references": [{}]}, 422, 42201),
        ("POST", "/compatibility/subjects/counts/versions/1", {}, 422, 42201),
        ("POST", "/compatibility/subjects/counts/versions/1", [], 422, 42201),
        ("POST", "/subjects/counts/versions", SCHEMA, 422, 42205),
    ],
)
def test_errors_have_the_codes_of_registries(
    stranger: httpx2.Client, method: str, path: str, body: Any, status: int, code: int
) -> None:
    answer = stranger.request(method, path, json=body) if method == "POST" else stranger.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == TYPE
    assert answer.json()["message"]


def test_what_is_too_large_too_deep_or_remote_is_bounded(stranger: httpx2.Client) -> None:
    path = "/compatibility/subjects/counts/versions/1"
    large = stranger.post(path, json={"schema": "x" * (600 << 10), "schemaType": "JSON"})
    assert (large.status_code, large.json()["error_code"]) == (413, 413)
    remote = JSON_2 | {"properties": {"speed": {"$ref": "http://169.254.169.254/latest"}}}
    assert stranger.post(path, json={"schema": json.dumps(remote), "schemaType": "JSON"}).status_code == 200
    circle = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    assert stranger.post(path, json={"schema": json.dumps(circle), "schemaType": "JSON"}).status_code in (200, 422)
    deep = '{"properties":{"a":' * 3000 + "{}" + "}}" * 3000
    assert stranger.post(path, json={"schema": deep, "schemaType": "JSON"}).status_code in (200, 422)


def test_sixty_four_callers_at_once(city: Running, stranger: httpx2.Client) -> None:
    number = stranger.get("/subjects/counts/versions/1").json()["id"]

    def ask(_: int) -> int:
        with city.http(timeout=120) as client:
            return client.get(f"/registry/schemas/ids/{number}").status_code

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(ask, range(64))) <= {200, 429}


KAFKA = {"Accept": "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json"}


def test_a_kafka_client_reads_and_writes_messages_with_schemas_of_the_catalogue(
    city: Running, stranger: httpx2.Client
) -> None:
    """The requests of the clients of Confluent with ``auto.register.schemas=false``, and their form of messages."""
    # The producer asks for the schema that it has, or with use.latest.version for the newest one.
    body = {"schema": json.dumps(JSON_2), "schemaType": "JSON"}
    looked_up = stranger.post(
        "/subjects/counts?normalize=false&deleted=false",
        content=json.dumps(body).encode(),
        headers={**KAFKA, "Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    assert looked_up.status_code == 200, looked_up.text
    newest = stranger.get("/subjects/counts/versions/latest?deleted=false", headers=KAFKA).json()
    assert looked_up.json()["id"] == newest["id"]
    message = struct.pack(">bI", 0, newest["id"]) + json.dumps({"speed": 30}).encode()
    # The consumer knows nothing but the message.
    magic, number = struct.unpack(">bI", message[:5])
    schema = stranger.get(f"/schemas/ids/{number}?fetchMaxId=false&subject=counts", headers=KAFKA)
    assert (magic, schema.status_code) == (0, 200)
    assert schema.headers["content-type"] == TYPE
    rules = json.loads(schema.json()["schema"])
    jsonschema.validate(json.loads(message[5:]), rules)
    assert number < 1 << 31, "a signed number in Java"
    # With a token of an account, schemas that are not public as well.
    with city.http(base_url=f"{city.url}/registry", headers={**KAFKA, **city.person()}) as client:
        assert client.get("/subjects/counts-secret/versions/latest").status_code == 200
    refusal = stranger.post("/subjects/counts/versions", json=SCHEMA).json()
    assert "hansa publish" in refusal["message"]


def verdicts(versions: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(version["version"], version["verdict"]) for version in versions]


def test_the_verdict_of_each_version_in_the_api(city: Running, stranger: httpx2.Client) -> None:
    with city.http() as client:
        subjects = client.get("/api/catalogue/subjects").json()["subjects"]
        assert [subject["subject"] for subject in subjects] == ["counts", "counts-avro", "counts-proto"]
        some = client.get("/api/catalogue/subjects", params={"q": "AVRO"}).json()["subjects"]
        assert [(subject["subject"], subject["schemaType"]) for subject in some] == [("counts-avro", "AVRO")]
        history = client.get("/api/catalogue/subject", params={"subject": "counts"}).json()
        by_address = client.get("/api/catalogue/subject", params={"subject": f"{city.url}/schemas/counts"}).json()
        secret = client.get("/api/catalogue/subject", params={"subject": "counts-secret"})
    assert history == by_address
    assert verdicts(history["versions"]) == [(2, history["versions"][0]["verdict"]), (1, "first")]
    assert history["versions"][0]["verdict"] in ("full", "backward")
    assert history["versions"][0]["changes"]
    assert history["onBreakingChange"] == "warn"
    for version in history["versions"]:
        assert version["id"] == stranger.get(f"/subjects/counts/versions/{version['version']}").json()["id"]
    assert secret.status_code == 404
    assert "counts-secret" not in secret.json().get("remedy", "")


def test_the_terminal_and_the_page(
    city: Running, stranger: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["schema", "registry"]) == 0
    output = capsys.readouterr().out
    assert f"{city.url}/registry" in output
    assert "counts-proto" in output
    assert "counts-secret" in output, "a person of the node sees it"
    assert run(["schema", "registry", "counts"]) == 0
    output = capsys.readouterr().out
    number = stranger.get("/subjects/counts/versions/2").json()["id"]
    assert f"version 2   id {number}   " in output
    assert "the first version" in output
    assert f"{city.url}/registry/subjects/counts/versions/latest" in output
    assert run(["schema", "registry", "none"]) != 0
    assert "there is no schema none" in capsys.readouterr().err
    assert run(["--json", "schema", "registry", "counts"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"][1]["verdict"] == "first"

    english = {"Accept": "text/html", "Accept-Language": "en"}
    with city.http(headers=english) as visitor:
        page = visitor.get("/schema/registry").text
        assert troubles(Page(page)) == []
        assert "counts-proto" in page
        assert "counts-secret" not in page
        assert f"schema.registry.url={city.url}/registry" in page
        versions = visitor.get("/schema/registry", params={"subject": "counts"}).text
        assert troubles(Page(versions)) == []
        assert str(number) in versions
        assert "The first version" in versions
        # The example is typed as it stands.
        example = html.unescape(re.search(r"curl (\S+)</code>", versions).group(1))  # type: ignore[union-attr]
        assert visitor.get(example).json()["id"] == number
        assert visitor.get("/schema/registry", params={"subject": "counts-secret"}).status_code == 404
        assert "/schema/registry?subject=" in visitor.get("/schemas/counts").text
        assert "/schema/registry?subject=" not in visitor.get("/schemas/counts-table").text


def test_references_are_named_and_never_fetched() -> None:
    def named(type_: str, text: str) -> Any:
        schema = RegisteredSchema(subject="x", version=1, at=datetime.now(UTC), type=type_, text=text, rows={})
        return references(schema)

    remote = {
        "properties": {"a": {"$ref": "https://x.example/a"}, "b": {"$ref": "#/$defs/b"}},
        "items": [{"$ref": "c"}],
    }
    assert named("JSON", json.dumps(remote)) == ["c", "https://x.example/a"]
    assert named("JSON", "{{") == []
    assert named("AVRO", json.dumps(remote)) == []
    assert named("PROTOBUF", 'import "a/b.proto";\n  import public "c.proto";\nmessage M {}') == [
        "a/b.proto",
        "c.proto",
    ]
    wide = json.dumps({"anyOf": [{"$ref": f"u{n}"} for n in range(5000)]})
    assert len(named("JSON", wide)) == 100
