"""Processes of other services, scripted: the answers of pygeoapi 0.21, and the other forms of the standard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from node.adapters.egress.client import Answer, Egress
from node.adapters.planes.ogc_processes import HttpOgcProcesses
from node.base.errors import HansaError, InvalidInput
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Port, Variable
from node.scenarios.models.remote import CallTiming, OpenServiceModels

SERVICE = "https://city.example"
PROCESS = f"{SERVICE}/processes/berths"
JOB = f"{SERVICE}/jobs/c393a3d8"
RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
ROWS = [{"id": "a", "minutes": 12}, {"id": "b", "minutes": 5}]
ONE = {"id": "a", "minutes": 12}
FEATURES = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "properties": row, "geometry": None} for row in ROWS],
}
MODEL = Model(
    iri="https://node.example/models/berths",
    version=1,
    origin="did:web:node.example",
    titles={"en": "Berths"},
    inputs=(),
    outputs=(Port(role="times", variables=(Variable(name="id"), Variable(name="minutes", unit="min"))),),
    endpoint=PROCESS,
)
HASTY = CallTiming(first_pause=0.0, longest_pause=0.0, patience=0.0)


class Scripted(Egress):
    """A service by script: method and URL → status, headers and body."""

    def __init__(self, *answers: tuple[str, int, Mapping[str, str], Any]) -> None:
        self._answers = {asked: (status, headers, body) for asked, status, headers, body in answers}
        self.asked: list[str] = []

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        self.asked.append(f"{method} {url}")
        status, headers, body = self._answers[f"{method} {url}"]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lower = {"content-type": "application/json"} | {name.casefold(): value for name, value in headers.items()}
        return Answer(status=status, headers=lower, body=raw, url=url)


def at_once(body: Any, status: int = 200, **headers: str) -> Scripted:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted((f"POST {PROCESS}/execution", status, {"Location": JOB, **said}, body))


def as_job(results: Any, *, accepted: int = 201, body: Any = None, code: int = 200, **info: Any) -> Scripted:
    """As pygeoapi does it: the link to a page comes before the one to the document."""
    links = [
        {"href": f"{JOB}/results?f=html", "rel": RESULTS, "type": "text/html", "title": "Results of job as HTML"},
        {
            "href": f"{JOB}/results?f=json",
            "rel": RESULTS,
            "type": "application/json",
            "title": "Results of job as JSON",
        },
    ]
    status = {"type": "process", "jobID": "c393a3d8", "status": "successful", "message": "Job complete",
            "progress": 100, "parameters": None, "links": links}  # fmt: skip
    return Scripted(
        (f"POST {PROCESS}/execution", accepted, {"Location": JOB, "Preference-Applied": "respond-async"}, body),
        (f"GET {JOB}", 200, {}, {**status, **info}),
        (f"GET {JOB}/results?f=html", 200, {"Content-Type": "text/html"}, b"<!doctype html><html></html>"),
        (f"GET {JOB}/results?f=json", code, {}, results),
        (f"GET {JOB}/results", code, {}, results),
    )


async def call(service: Egress, model: Model = MODEL) -> Any:
    outcome = await OpenServiceModels(plane=HttpOgcProcesses(service), timing=HASTY).execute(model, {}, {}, key="k")
    return outcome.outputs


MANY = [
    pytest.param(form, id=name)
    for name, form in {
        "document of pygeoapi, output with its name": {"outputs": [{"id": "times", "value": ROWS}]},
        "document of pygeoapi, map": {"outputs": [{"times": ROWS}]},
        "document of pygeoapi, bare list": {"outputs": [ROWS]},
        "document of pygeoapi, features": {"outputs": [FEATURES]},
        "raw of pygeoapi, output with its name": {"id": "times", "value": ROWS},
        "raw, bare list": ROWS,
        "raw, features": FEATURES,
        "document of 1.0": {"times": ROWS},
        "document of 1.0, qualified": {"times": {"value": ROWS, "mediaType": "application/json"}},
        "document below outputs": {"outputs": {"times": ROWS}},
        "list of outputs": [{"id": "times", "value": ROWS}],
    }.items()
]
SINGLE = [
    pytest.param(form, id=name)
    for name, form in {
        "document of pygeoapi, bare object": {"outputs": [ONE]},
        "raw, bare object": ONE,
        "document of 1.0, object": {"times": ONE},
    }.items()
]


@pytest.mark.parametrize("form", MANY)
async def test_rows_in_every_form_at_once_and_as_a_job(form: Any) -> None:
    for service in (at_once(form), as_job(form), as_job(form, accepted=202, body={})):
        assert await call(service) == {"times": ROWS}


@pytest.mark.parametrize("form", SINGLE)
async def test_one_object_is_one_row(form: Any) -> None:
    assert await call(at_once(form)) == await call(as_job(form)) == {"times": [ONE]}


async def test_one_value_is_a_row_where_the_card_declares_one_column() -> None:
    model = _of(Port(role="echo", variables=(Variable(name="text"),)))
    for form in ({"outputs": [{"id": "echo", "value": "Hello A!"}]}, {"id": "echo", "value": "Hello A!"}):
        assert await call(as_job(form), model) == {"echo": [{"text": "Hello A!"}]}


async def test_columns_called_id_and_value_are_columns() -> None:
    model = _of(Port(role="times", variables=(Variable(name="id"), Variable(name="value", unit="min"))))
    assert await call(at_once({"id": "times", "value": 3}), model) == {"times": [{"id": "times", "value": 3}]}


@pytest.mark.parametrize(
    "form",
    [
        {"times": {"href": f"{SERVICE}/out/1.json", "type": "application/json"}},
        {"outputs": [{"id": "times", "href": f"{SERVICE}/out/1.json"}]},
        {"href": "/out/1.json"},
    ],
)
@pytest.mark.parametrize("behind", [ROWS, {"times": ROWS}])
async def test_outputs_by_reference_are_fetched(form: Any, behind: Any) -> None:
    service = as_job(form)
    service._answers[f"GET {SERVICE}/out/1.json"] = (200, {}, behind)
    assert await call(service) == {"times": ROWS}


async def test_references_in_the_header() -> None:
    service = at_once(b"", status=204, Link=f'<{SERVICE}/out/1.json>; rel="times"; type="application/json"')
    service._answers[f"GET {SERVICE}/out/1.json"] = (200, {}, ROWS)
    assert await call(service) == {"times": ROWS}


async def test_several_parts() -> None:
    parts = b"".join(
        b"--x\r\nContent-Type: application/json\r\nContent-ID: <%s>\r\n\r\n%s\r\n" % (name, json.dumps(rows).encode())
        for name, rows in ((b"times", ROWS), (b"costs", [ONE]))
    )
    model = _of(Port(role="times"), Port(role="costs"))
    service = at_once(parts + b"--x--\r\n", content_type='multipart/related; boundary="x"')
    assert await call(service, model) == {"times": ROWS, "costs": [ONE]}


async def test_the_link_to_the_document_is_followed_and_not_the_one_to_a_page() -> None:
    service = as_job(ROWS)
    await call(service)
    assert service.asked[-1] == f"GET {JOB}/results?f=json"
    service = as_job(ROWS, links=[])
    await call(service)
    assert service.asked[-1] == f"GET {JOB}/results"


async def test_a_refusal_is_told_in_the_words_of_the_service() -> None:
    refused = {
        "type": "InvalidParameterValue",
        "code": "InvalidParameterValue",
        "description": "Error executing process: Cannot process without a name",
    }
    with pytest.raises(InvalidInput, match="Cannot process without a name"):
        await call(at_once(refused, status=400))


async def test_a_job_that_failed_is_told_in_the_words_of_its_status() -> None:
    failed = {"code": "InvalidParameterValue", "type": "InvalidParameterValue", "description": "job failed"}
    why = "InvalidParameterValue: Error executing process: Cannot process without a name"
    with pytest.raises(ModelFailed, match=r"job failed: .*Cannot process without a name"):
        await call(as_job(failed, code=400, message=why, links=None, **_failed()))
    with pytest.raises(ModelFailed, match=r"failed at the service: .*without a name"):
        await call(as_job({"whatever": 1}, message=why, **_failed()))


@pytest.mark.parametrize("form", [{"code": 7}, {"outputs": [[1]]}, [1], "x", None, {"times": "x"}])
async def test_what_is_no_rows_is_the_failure_of_the_service(form: Any) -> None:
    with pytest.raises(HansaError) as caught:
        await call(at_once(form))
    assert isinstance(caught.value, ModelFailed)


def _failed() -> dict[str, Any]:
    return {"progress": 5, "status": "failed"}


def _of(*outputs: Port) -> Model:
    return Model(
        iri=MODEL.iri, version=1, origin=MODEL.origin, titles={}, inputs=(), outputs=outputs, endpoint=PROCESS
    )
