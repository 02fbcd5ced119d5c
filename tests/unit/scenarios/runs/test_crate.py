"""A run in one file: complete, consistent, the same bytes each time, and verifiable without our code."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import LocalFault
from node.scenarios.crate.archive import METADATA, faults_of, write_crate
from node.scenarios.crate.graph import Graph
from node.scenarios.layers.serialization import layer_from_json, with_hash
from node.scenarios.model import AFTER
from tests.artefacts import data
from tests.fakes.portal import scenarios as fake
from tests.unit.scenarios.sample import PID, layer, sample

EXAMPLE = "models/workflow-run-crate/docs/profiles/0.5/provenance_run_crate/example3/ro-crate-metadata.json"


def crate(**more: Any) -> bytes:
    run, outputs = sample(**more)
    return write_crate(run, outputs, [layer()] if run.binding.layers else [], "City of Ghent")


def faults_in(body: bytes) -> list[str]:
    files, _ = opened(body)
    graph = json.loads(files.pop(METADATA))["@graph"]
    return faults_of(Graph(graph, files))


def opened(body: bytes) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """The files of a crate, and its entities by id."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    graph = json.loads(files[METADATA])["@graph"]
    return files, {entity["@id"]: entity for entity in graph}


def ids(value: Any) -> list[str]:
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def test_the_same_run_gives_the_same_bytes() -> None:
    assert crate() == crate()
    with zipfile.ZipFile(io.BytesIO(crate())) as archive:
        entries = archive.infolist()
    assert entries[0].filename == METADATA
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}


def test_nothing_contradicts_itself() -> None:
    assert faults_in(crate()) == []
    assert faults_in(crate(layers=())) == []
    assert faults_in(crate(in_place=True)) == []


def test_the_run_its_steps_and_their_chain_are_described() -> None:
    _, by_id = opened(crate())
    root = by_id["./"]
    assert ids(root["mainEntity"]) == ["scenario.json"]
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in ids(root["conformsTo"])
    workflow = by_id["scenario.json"]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}
    assert ids(workflow["step"]) == ["#step-assign", "#step-hourly", "#step-noise"]
    run = by_id[PID]
    assert run["@type"] == "CreateAction"
    assert ids(run["instrument"]) == ["scenario.json"]
    assert run["startTime"].endswith("+00:00")
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    noise = by_id["#after-noise"]
    assert ids(noise["instrument"]) == [f"{fake.NOISE}#v1"]
    assert ids(noise["usageInfo"]) == [fake.AGREEMENT]
    assert f"{fake.RECEPTORS}#v2/receptors.geojson" in ids(noise["object"])
    assert "outputs/after/hourly.hourly.csv" in ids(noise["object"])
    assert "#value-greenFactor" in ids(noise["object"])
    assert set(ids(noise["result"])) == {"outputs/after/noise.levels.csv", "outputs/after/noise.levels.json"}
    assert fake.CAVEAT.sentence in noise["description"]
    assert f"layers/{layer().sha256}.json" in ids(by_id["#after-assign"]["object"])
    assert f"layers/{layer().sha256}.json" not in ids(by_id["#before-assign"]["object"])
    controlled = {ids(by_id[one]["object"])[0] for one in ids(by_id["#organised"]["object"])}
    assert controlled == {
        f"#{branch}-{step}" for branch in ("before", "after") for step in ("assign", "hourly", "noise")
    }


def test_formal_parameters_have_examples_and_examples_are_of_them() -> None:
    _, by_id = opened(crate())
    formal = {id_: entity for id_, entity in by_id.items() if entity["@type"] == "FormalParameter"}
    assert {"#input-network", "#parameter-demandFactor", "#indicator-residentsAbove55"} <= set(formal)
    for id_, entity in formal.items():
        assert entity["additionalType"]
        for example in ids(entity["workExample"]):
            assert id_ in ids(by_id[example]["exampleOfWork"])


def test_it_has_the_entities_of_the_profiles_own_example() -> None:
    example = json.loads(data(EXAMPLE).read_text("utf-8"))
    types = {one for entity in example["@graph"] for one in [entity["@type"]] if isinstance(one, str)}
    _, by_id = opened(crate())
    mine = {one for entity in by_id.values() for one in [entity["@type"]] if isinstance(one, str)}
    assert types <= mine
    for type_ in ("CreateAction", "ControlAction", "OrganizeAction", "HowToStep"):
        theirs = next(entity for entity in example["@graph"] if entity["@type"] == type_)
        ours = next(entity for entity in by_id.values() if entity["@type"] == type_)
        assert set(theirs) <= set(ours), type_


def test_a_stranger_can_recompute_the_result() -> None:
    files, _ = opened(crate())
    run = json.loads(files["run.json"])
    outputs = {
        path.removeprefix("outputs/").removesuffix(".json").replace("/", "."): hashlib.sha256(body).hexdigest()
        for path, body in files.items()
        if path.startswith("outputs/") and path.endswith(".json")
    }
    indicators = {one["name"]: {name: one[name] for name in ("before", "after", "unit")} for one in run["indicators"]}
    whole = {
        name: {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in one.items()}
        for name, one in indicators.items()
    }
    text = json.dumps(
        {"outputs": outputs, "indicators": whole}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert hashlib.sha256(text.encode()).hexdigest() == run["result"]
    table = list(csv.DictReader(io.StringIO(files["outputs/after/noise.levels.csv"].decode())))
    assert len(table) == 20
    above = sum(int(row["residents"]) for row in table if float(row["Lden"]) > 55)
    assert above == indicators["residentsAbove55"]["after"]
    again = layer_from_json(json.loads(files[f"layers/{layer().sha256}.json"]))
    assert with_hash(again).sha256 == layer().sha256


def test_rows_with_a_geometry_are_a_map() -> None:
    run, outputs = sample(layers=())
    rows = [
        {"receptorId": "a", "Lden": 60.1, "residents": 10, "geometry": {"type": "Point", "coordinates": [3.7, 51]}}
    ]
    body = json.dumps(rows, separators=(",", ":"), sort_keys=True).encode()
    outputs["after/noise.levels"] = body
    sha256 = hashlib.sha256(body).hexdigest()
    steps = tuple(replace(one, outputs={"levels": sha256}) if one.name == "noise" else one for one in run.steps)
    files, _ = opened(write_crate(replace(run, steps=steps), outputs, [], "City of Ghent"))
    document = json.loads(files["outputs/after/noise.levels.geojson"])
    assert document["features"][0]["geometry"]["type"] == "Point"
    assert "outputs/after/noise.levels.csv" not in files


def test_it_says_in_words_what_it_is() -> None:
    files, _ = opened(crate(in_place=True))
    text = files["README.md"].decode()
    for part in (
        "# Contributiebrug closed",
        "Fewer residents above 55 dB",
        fake.AGREEMENT,
        fake.CAVEAT.sentence,
        "(visited, not copied)",
        "Change layer “Contributiebrug closed”",
        json.loads(files["run.json"])["result"],
    ):
        assert part in text
    assert files["log.txt"].decode().splitlines()[0] == "begun"


def test_a_licence_is_named_where_there_is_one() -> None:
    run, outputs = sample()
    iri = "http://creativecommons.org/licenses/by/4.0"
    _, by_id = opened(write_crate(run, outputs, [layer()], "City of Ghent", licence=iri))
    assert ids(by_id["./"]["license"]) == [iri]
    _, by_id = opened(crate())
    assert ids(by_id["./"]["license"]) == ["#conditions"]


def test_bytes_that_are_not_those_of_the_run_are_refused() -> None:
    run, outputs = sample()
    with pytest.raises(LocalFault, match="differ from the output"):
        write_crate(run, {**outputs, "after/noise.levels": b"[]"}, [layer()], "City of Ghent")
    del outputs["before/noise.levels"]
    with pytest.raises(LocalFault, match="are missing"):
        write_crate(run, outputs, [layer()], "City of Ghent")


def test_faults_in_a_crate_are_found() -> None:
    def broken(change: Callable[[dict[str, bytes], list[dict[str, Any]]], None]) -> list[str]:
        files, _ = opened(crate())
        document = json.loads(files[METADATA])
        change(files, document["@graph"])
        files[METADATA] = json.dumps(document).encode()
        sheet = io.BytesIO()
        with zipfile.ZipFile(sheet, "w") as archive:
            for name, body in files.items():
                archive.writestr(name, body)
        return faults_in(sheet.getvalue())

    def named(graph: list[dict[str, Any]], id_: str) -> dict[str, Any]:
        return next(one for one in graph if one["@id"] == id_)

    def dangling(_: dict[str, bytes], graph: list[dict[str, Any]]) -> None:
        named(graph, PID)["object"].append({"@id": "#nothing"})

    def changed(files: dict[str, bytes], _: list[dict[str, Any]]) -> None:
        files["indicators.csv"] += b"x"

    def missing(files: dict[str, bytes], _: list[dict[str, Any]]) -> None:
        del files["log.txt"]

    def extra(files: dict[str, bytes], _: list[dict[str, Any]]) -> None:
        files["secret.csv"] = b"x"

    def twice(_: dict[str, bytes], graph: list[dict[str, Any]]) -> None:
        graph.append(dict(graph[-1]))

    assert "leads to #nothing" in broken(dangling)[0]
    assert list(broken(changed)) == [
        "indicators.csv does not have the stated hash",
        "indicators.csv does not have the stated size",
    ]
    assert broken(missing) == ["log.txt is described, but missing"]
    assert broken(extra) == ["secret.csv is not described"]
    assert "twice" in broken(twice)[0]


def test_one_branch_is_enough() -> None:
    files, by_id = opened(crate(layers=()))
    assert f"#{AFTER}-noise" in by_id
    assert not [path for path in files if "before" in path]
    assert files["indicators.csv"].decode().splitlines()[1].split(",")[2] == ""
