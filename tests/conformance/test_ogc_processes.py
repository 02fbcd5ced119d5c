"""Documents of OGC API – Processes: ours by the official schemas, the official examples by our client.

The schemas at hand are those of the draft of version 2.0, of which the ones that 1.0 has in the same form are used:
lists, summaries, links, conformance, the landing page, exceptions. Of input descriptions and statusInfo the draft
differs from 1.0 (OGC 18-062r2, tables 11 and 15), which is what this node speaks; their members are listed here. What
1.0 admits of JSON Schema (its schema.yaml, which is closed) is written down as a schema in ``CLOSED``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from node.adapters.egress.client import Answer, Egress
from node.adapters.planes.ogc_processes import HttpOgcProcesses
from node.scenarios.run_model import State
from tests.artefacts import data
from tests.models import COUNTING, GRID, STREETS, publish_model
from tests.nodes import running

OFFICIAL = "models/ogcapi-processes-examples"
STATUS = {
    "jobID": str, "processID": str, "type": str, "status": str, "message": str, "created": str, "started": str,
    "finished": str, "updated": str, "progress": int, "links": list,
}  # fmt: skip


TEXT, FLAG, COUNT, NUMBER = ({"type": kind} for kind in ("string", "boolean", "integer", "number"))
INNER = {"$ref": "#/$defs/schema"}
CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("title", "pattern", "description", "format", "contentMediaType", "contentEncoding"), TEXT),
        **dict.fromkeys(("contentSchema",), TEXT),
        **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "nullable", "readOnly"), FLAG),
        **dict.fromkeys(("writeOnly", "deprecated"), FLAG),
        **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), COUNT),
        **dict.fromkeys(("multipleOf", "maximum", "minimum"), NUMBER),
        **{key: {} for key in ("default", "example")},
        "required": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
        "enum": {"type": "array", "minItems": 1},
        "type": {"enum": ["array", "boolean", "integer", "number", "object", "string"]},
        **dict.fromkeys(("not", "items"), INNER),
        **{key: {"type": "array", "items": INNER} for key in ("allOf", "oneOf", "anyOf")},
        "properties": {"type": "object", "additionalProperties": INNER},
        "additionalProperties": {"anyOf": [INNER, FLAG]},
    },
    "additionalProperties": False,
}
BESIDE: dict[str, Any] = {
    "title": TEXT, "description": TEXT, "keywords": {"type": "array", "items": TEXT},
    "metadata": {"type": "array", "items": {"$ref": "#/$defs/metadata"}},
    "additionalParameters": {
        "allOf": [
            {"$ref": "#/$defs/metadata"},
            {"properties": {"parameters": {"type": "array", "items": {"type": "object", "required": ["name", "value"],
             "properties": {"name": TEXT, "value": {"type": "array"}}}}}},
        ]
    },
}  # fmt: skip
DESCRIBED: dict[str, Any] = {
    "$defs": {
        "schema": CLOSED,
        "metadata": {"type": "object", "properties": {"title": TEXT, "role": TEXT, "href": TEXT}},
        "given": {
            "type": "object", "required": ["schema"], "additionalProperties": False,
            "properties": {
                **BESIDE, "schema": INNER, "minOccurs": COUNT,
                "maxOccurs": {"anyOf": [COUNT, {"const": "unbounded"}]},
            },
        },
        "taken": {
            "type": "object", "required": ["schema"], "additionalProperties": False,
            "properties": {**BESIDE, "schema": INNER},
        },
    },
    "type": "object",
    "required": ["id", "version", "inputs", "outputs"],
    "properties": {
        **BESIDE,
        "inputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/given"}},
        "outputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/taken"}},
    },
}  # fmt: skip


def retrieve(uri: str) -> Resource[Any]:
    text = Path(unquote(urlsplit(uri).path)).read_text("utf-8")
    return Resource.from_contents(yaml.safe_load(text), default_specification=DRAFT202012)


def validate(document: Any, schema: str) -> None:
    """By the official schema in that file."""
    path = data(f"{OFFICIAL}/openapi/schemas/{schema}")
    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    Draft202012Validator({"$ref": path.as_uri()}, registry=registry).validate(document)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[httpx2.Client]:
    with running(tmp_path_factory.mktemp("ogc") / "gent", template=sqlite_template) as node:
        publish_model(node)
        publish_model(node, "counting", code=COUNTING)
        publish_model(node, "grid", code=GRID)
        with node.http(headers={**node.person(), "Accept": "application/json"}) as client:
            yield client


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/ogc", "common-core/landingPage.yaml"),
        ("/ogc/conformance", "common-core/confClasses.yaml"),
        ("/ogc/processes", "processes-core/processList.yaml"),
        ("/ogc/processes/walking", "processes-core/processSummary.yaml"),
        ("/ogc/processes/absent", "common-core/exception.yaml"),
        ("/ogc/jobs/absent", "common-core/exception.yaml"),
    ],
)
def test_what_this_node_answers(http: httpx2.Client, path: str, schema: str) -> None:
    validate(http.get(path).json(), schema)


def test_every_description_is_one_of_1_0(http: httpx2.Client) -> None:
    listed = [one["id"] for one in http.get("/ogc/processes").json()["processes"]]
    assert listed == ["counting", "grid", "walking"]
    for process in listed:
        described = http.get(f"/ogc/processes/{process}").json()
        Draft202012Validator(DESCRIBED).validate(described)
        for one in described["links"]:
            validate(one, "processes-core/link.yaml")


def test_what_stood_in_the_schemas_before_is_refused(http: httpx2.Client) -> None:
    described = http.get("/ogc/processes/walking").json()
    for member in ("x-ogc-unit", "x-ogc-unitLang", "x-ogc-definition"):
        described["inputs"]["speed"]["schema"][member] = "km/h"
        with pytest.raises(Exception, match=member):
            Draft202012Validator(DESCRIBED).validate(described)
        del described["inputs"]["speed"]["schema"][member]


def test_a_schema_refuses_what_it_should(http: httpx2.Client) -> None:
    listed = http.get("/ogc/processes").json()
    del listed["processes"][0]["id"]
    with pytest.raises(Exception, match="'id' is a required property"):
        validate(listed, "processes-core/processList.yaml")


def test_jobs_have_the_members_of_1_0(http: httpx2.Client) -> None:
    answer = http.post(
        "/ogc/processes/walking/execution", json={"inputs": {"streets": STREETS}}, headers={"Prefer": "respond-async"}
    )
    for info in (answer.json(), *http.get("/ogc/jobs").json()["jobs"]):
        assert {"jobID", "type", "status"} <= set(info) <= set(STATUS)
        assert all(isinstance(value, STATUS[name]) for name, value in info.items())
        assert info["type"] == "process"
        for one in info["links"]:
            validate(one, "processes-core/link.yaml")


def test_the_refusal_of_a_request_is_an_exception(http: httpx2.Client) -> None:
    refused = http.post("/ogc/processes/walking/execution", json={"inputs": {}})
    validate(refused.json(), "common-core/exception.yaml")
    assert refused.json()["status"] == refused.status_code == 400


class Fixed(Egress):
    """A way out behind which a fixed document is."""

    def __init__(self, body: bytes) -> None:
        self._fixed = body

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        return Answer(status=200, headers={"content-type": "application/json"}, body=self._fixed, url=url)


@pytest.mark.parametrize(
    ("name", "state", "progress"),
    [("StatusInfo.json", State.ACCEPTED, 0), ("StatusInfo-dismissed.json", State.DISMISSED, 56)],
)
async def test_the_client_reads_the_official_examples(name: str, state: State, progress: int) -> None:
    example = data(f"{OFFICIAL}/core/examples/json/{name}").read_bytes()
    assert json.loads(example)["status"] == str(state)
    found = await HttpOgcProcesses(Fixed(example)).status("https://x.example/jobs/1", authorization="Bearer t")
    assert (found.state, found.progress) == (state, progress)
    assert found.results == "https://x.example/jobs/1/results"
