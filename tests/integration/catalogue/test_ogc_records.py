"""The catalogue as OGC API - Records: by its own schemas, as a client reads it, and as another node harvests it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.artefacts import SHARED
from tests.nodes import CSV, Running, described, publish, running

ITEMS = "/ogc/collections/catalogue/items"
SCHEMAS = SHARED / "data/models/ogcapi-records-examples/core/openapi/schemas"


@pytest.fixture
def node(running_node: Running) -> Running:
    fields = described(
        "trees",
        title={"en": "Trees of Ghent", "nl": "Bomen van Gent"},
        keywords=["green space"],
        spatial=[3.6, 51.0, 3.8, 51.1],
        temporal={"from": "2024-01-01", "to": "2024-12-31"},
    )
    with running_node.client() as client:
        path = running_node.folder / "trees.csv"
        path.write_bytes(CSV)
        file = {**client.upload(path), "mediaType": "text/csv", "open": True}
        client.publish({"fields": fields, "files": [file], "conditions": "open"})
    for number in range(4):
        publish(running_node, f"bridge-{number}", data=None, title=f"Bridge {number}")
    publish(running_node, "hidden", data=None, audience="internal", title="Hidden trees")
    return running_node


def ids(page: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in page["features"]]


def find(http: httpx2.Client, **parameters: str) -> list[str]:
    answer = http.get(ITEMS, params=parameters)
    assert answer.status_code == 200, answer.text
    return ids(answer.json())


def test_a_client_finds_its_way_from_the_landing_page_to_a_file(node: Running) -> None:
    with node.http() as http:
        landing = http.get("/ogc").json()
        data = next(link["href"] for link in landing["links"] if link["rel"] == "data")
        documents = {link["rel"]: link["href"] for link in landing["links"]}
        assert http.get(documents["service-doc"]).status_code == 200
        paths = http.get(documents["service-desc"]).json()["paths"]
        assert {ITEMS, "/dsp/2025-1/catalog/request", "/data/{pid}", "/catalog", "/live/{pid}/{path}"} <= paths.keys()
        assert {*paths["/ogc/jobs/{job}"]} == {"get", "delete"}
        classes = http.get("/ogc/conformance").json()["conformsTo"]
        assert "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/searchable-catalog" in classes
        (collection,) = http.get(data).json()["collections"]
        assert (collection["id"], collection["itemType"]) == ("catalogue", "record")
        items = next(link["href"] for link in collection["links"] if link["rel"] == "items")
        page = http.get(items, params={"q": "trees of ghent"})
        assert page.headers["content-type"].startswith("application/geo+json")
        (record,) = page.json()["features"]
        assert (record["id"], record["properties"]["title"]) == ("dataset:trees", "Trees of Ghent")
        assert record["properties"]["type"] == "dataset"
        assert record["geometry"]["coordinates"][0][0] == [3.6, 51.0]
        assert record["time"] == {"interval": ["2024-01-01", "2024-12-31"]}
        own = next(link["href"] for link in record["links"] if link["rel"] == "self")
        assert http.get(own).json() == record
        assert http.get(own, params={"language": "nl"}).json()["properties"]["title"] == "Bomen van Gent"
        file = next(link for link in record["links"] if link["rel"] == "enclosure")
        assert http.get(file["href"]).status_code == 200
        assert http.get(own, headers={"Accept": "text/html"}).headers["location"] == f"{node.url}/datasets/trees"
        assert http.get(f"{ITEMS}/dataset:hidden").status_code == http.get(f"{ITEMS}/dataset:none").status_code == 404
        for name in ("queryables", "sortables"):
            assert http.get(f"/ogc/collections/catalogue/{name}").json()["properties"]


def test_records_are_found_by_the_parameters_of_the_standard(node: Running) -> None:
    with node.http() as http:
        assert find(http, q="trees") == find(http, q="green space") == ["dataset:trees"]
        assert find(http, q="ghent trees") == find(http, q="tree") == [], "words in another order, other forms"
        assert len(find(http, q="trees,bridge")) == 5
        assert find(http, bbox="3.7,51.05,3.75,51.2") == find(http, bbox="3.7,51,0,3.75,51.2,9") == ["dataset:trees"]
        assert find(http, bbox="170,-10,-170,10") == []
        assert (
            find(http, datetime="2024-05-01T00:00:00Z") == find(http, datetime="../2024-01-01") == ["dataset:trees"]
        )
        assert find(http, datetime="2025-01-01/..") == []
        assert find(http, type="model") == []
        assert sorted(find(http, ids="dataset:trees,dataset:bridge-1,x")) == ["dataset:bridge-1", "dataset:trees"]
        assert find(http, externalIds="none") == []
        assert find(http, sortby="created")[0] == "dataset:trees"
        assert find(http, sortby="-created")[-1] == "dataset:trees"
        assert find(http, sortby="-quality")[0] == "dataset:trees"
        for wrong in ({"limit": "0"}, {"bbox": "1,2"}, {"datetime": "soon"}, {"colour": "red"}, {"sortby": "colour"}):
            answer = http.get(ITEMS, params=wrong)
            assert (answer.status_code, bool(answer.json()["remedy"])) == (400, True), wrong
        page = http.get(ITEMS, params={"q": "bridge", "limit": "3"}).json()
        assert (page["numberMatched"], page["numberReturned"]) == (4, 3)
        following = next(link["href"] for link in page["links"] if link["rel"] == "next")
        rest = http.get(following).json()
        assert len({*ids(page), *ids(rest)}) == 4
        assert all(link["rel"] != "next" for link in rest["links"])


def test_documents_are_valid_by_the_schemas_of_the_standard(node: Running) -> None:
    if not SCHEMAS.exists():
        pytest.skip("the schemas of OGC API Records are not at hand: set HANSA_SHARED to the folder of artefacts")
    registry: Registry[Any] = Registry(retrieve=_retrieve)
    with node.http() as http:
        page = http.get(ITEMS).json()
        collection = http.get("/ogc/collections/catalogue").json()
    assert page["features"]
    for name, documents in (("recordGeoJSON", page["features"]), ("catalog", [collection])):
        schema = registry.get_or_retrieve(f"http://schemas.example/{name}.yaml").value.contents
        validator = jsonschema.Draft202012Validator(schema, registry=registry)
        for document in documents:
            jsonschema.validate(document, schema, cls=type(validator), registry=registry)


def _retrieve(uri: str) -> Resource[Any]:
    """A schema of the standard; those of Features, which it names, are not at hand and hold for anything."""
    name = uri.rpartition("/")[2]
    contents = yaml.safe_load((SCHEMAS / name).read_text()) if uri.startswith("http://schemas.example/") else {}
    return Resource.from_contents({"$id": uri, **_plain(contents)}, default_specification=DRAFT202012)


def _plain(schema: Any) -> Any:
    """The schema in JSON Schema, where ``nullable`` of OpenAPI 3.0 is a type of its own. Its ``oneOf`` name an object
    and a kind of object, which are both true of the latter: any of them must hold."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    members = {"anyOf" if name == "oneOf" else name: _plain(value) for name, value in schema.items()}
    members.pop("nullable", None)
    return {**members, "type": [schema["type"], "null"]} if schema.get("nullable") else members


def test_another_node_harvests_them(node: Running, tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "other", template=sqlite_template) as other, other.client() as client:
        lines = list(client.harvest(f"{node.url}{ITEMS}", check=True, agreed=True))
    report = lines[-1]
    assert (report["new"], report["refused"]) == (5, 0), lines
