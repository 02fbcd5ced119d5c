"""Quality scores: the metrics against the portal's own vocabulary, and scores worked out by hand."""

from __future__ import annotations

import json

import pytest
import rdflib

from node.semantics.metrics import BANDS, DIMENSIONS, MAXIMUM, METRICS
from node.semantics.quality import Score, advice, score
from tests.artefacts import data
from tests.unit.semantics.descriptions import GOOD, of_fields

DQV = rdflib.Namespace("http://www.w3.org/ns/dqv#")
PV = "https://piveau.eu/ns/voc#"
VOC = rdflib.Namespace(PV)

BARE = b"""<https://x.example/d> <http://purl.org/dc/terms/title> "d" .
"""
D = "<https://x.example/d>"
F = "<https://x.example/f>"
G = "<https://x.example/g>"
DCAT = "http://www.w3.org/ns/dcat#"
DCT = "http://purl.org/dc/terms/"
EU = "http://publications.europa.eu/resource/authority"
LICENCE = f"{F} <{DCT}license> <http://creativecommons.org/licenses/by/4.0/> .\n"
FILE = f"{D} <{DCAT}distribution> {F} .\n{F} <{DCAT}accessURL> <https://x.example/a> .\n"


def test_points_and_dimensions_are_those_of_the_portal() -> None:
    graph = rdflib.Graph().parse(data("shapes/mqa-vocabularies/piveau/piveau-dqv-vocabulary.ttl"))
    theirs = {
        str(metric).removeprefix(PV): (int(str(points)), str(graph.value(metric, DQV.inDimension)).removeprefix(PV))
        for metric, points in graph.subject_objects(VOC.trueScore)
    }
    # The vocabulary misspells the dimension of two metrics.
    theirs = {
        name: (points, dimension.replace("reusablity", "reusability")) for name, (points, dimension) in theirs.items()
    }
    assert {metric.name: (metric.points, metric.dimension) for metric in METRICS} == theirs


def test_the_whole_is_405_points() -> None:
    assert sum(metric.points for metric in METRICS) == MAXIMUM
    assert {metric.dimension for metric in METRICS} == set(DIMENSIONS)
    assert [sum(m.points for m in METRICS if m.dimension == name) for name in DIMENSIONS] == [100, 100, 110, 75, 20]


@pytest.mark.parametrize(
    ("points", "band"),
    [
        (405, "excellent"),
        (351, "excellent"),
        (350, "good"),
        (221, "good"),
        (220, "sufficient"),
        (121, "sufficient"),
        (120, "bad"),
        (0, "bad"),
    ],
)
def test_bands(points: int, band: str) -> None:
    assert next(name for name, least in BANDS if points >= least) == band


def of(text: str, *, conforms: bool = False, reached: dict[str, bool] | None = None) -> Score:
    return score(BARE + text.encode(), "https://x.example/d", conforms=conforms, reachability=reached or {})


def test_a_bare_dataset_has_nothing() -> None:
    score = of("")
    assert (score.points, score.band) == (0, "bad")
    assert of("", conforms=True).points == 30
    assert score.raise_it()[0].missing == 50


@pytest.mark.parametrize(
    ("text", "points"),
    [
        (f'{D} <{DCAT}keyword> "x" .\n', 30),
        (f"{D} <{DCAT}theme> <https://x.example/t> .\n", 30),
        (f"{D} <{DCT}spatial> <https://x.example/s> .\n", 20),
        (f"{D} <{DCT}temporal> <https://x.example/t> .\n", 20),
        (f"{D} <{DCT}accessRights> <https://x.example/r> .\n", 10),
        (f"{D} <{DCT}accessRights> <{EU}/access-right/PUBLIC> .\n", 15),
        (f"{D} <{DCAT}contactPoint> <https://x.example/c> .\n", 20),
        (f"{D} <{DCT}publisher> <https://x.example/p> .\n", 10),
        (f'{D} <{DCT}issued> "2026" .\n', 5),
        (f'{D} <{DCT}modified> "2026" .\n', 5),
        (FILE, 0),
        (FILE + LICENCE, 30),
        (FILE + f"{F} <{DCT}license> <https://x.example/own> .\n", 20),
        (FILE + f"{F} <{DCT}rights> <https://x.example/r> .\n", 5),
        (FILE + f'{F} <{DCAT}byteSize> "1" .\n', 5),
        (FILE + f"{F} <{DCAT}downloadURL> <https://x.example/f.csv> .\n", 20),
        (FILE + f"{F} <{DCT}format> <{EU}/file-type/CSV> .\n", 60),
        (FILE + f"{F} <{DCT}format> <{EU}/file-type/PDF> .\n", 20),
        (FILE + f"{F} <{DCAT}mediaType> <https://www.iana.org/assignments/media-types/application/json> .\n", 50),
        (
            FILE
            + f"{F} <{DCT}format> <{EU}/file-type/CSV> .\n"
            + f"{F} <{DCAT}mediaType> <http://www.iana.org/assignments/media-types/text/csv> .\n",
            80,
        ),
    ],
)
def test_what_each_metric_earns(text: str, points: int) -> None:
    assert of(text).points == points


def test_files_count_by_their_share() -> None:
    two = FILE + LICENCE + f"{D} <{DCAT}distribution> {G} .\n{G} <{DCAT}accessURL> <https://x.example/b> .\n"
    assert of(two).points == 15


def test_addresses_count_where_somebody_looked() -> None:
    asked = "https://x.example/a"
    assert of(FILE).measurements[4].points is None
    assert of(FILE, reached={asked: True}).points == 50
    assert of(FILE, reached={asked: False}).points == 0
    download = FILE + f"{F} <{DCAT}downloadURL> <https://x.example/f.csv> .\n"
    assert of(download, reached={asked: True, "https://x.example/f.csv": True}).points == 100


def test_no_file_is_no_answer() -> None:
    assert of("").measurements[4].points == 0.0


async def test_a_good_open_dataset_is_excellent_and_told_what_is_left() -> None:
    found = await of_fields(GOOD, "counts.csv")
    assert found.extra is not None
    score = found.extra["score"]
    assert score["band"] == "excellent"
    assert score["points"] == 405 - 5 - 5 - 5
    assert {entry["metric"] for entry in score["raise"]} == {
        "rightsAvailability",
        "dateIssuedAvailability",
        "dateModifiedAvailability",
    }
    assert all(advice(entry["metric"]).keys() == {"en", "nl", "fr", "de", "cs"} for entry in score["raise"])
    assert len(json.dumps(score)) < 500, "it is signed and sent with each version: texts do not belong in it"
    assert json.loads(json.dumps(score)) == score
