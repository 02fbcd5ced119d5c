"""What a result is about is what its scenario is about."""

from __future__ import annotations

from node.scenarios.records.subjects import subject_of
from node.semantics.model import Submission
from tests.unit.scenarios.records import of_demo, record
from tests.unit.semantics.descriptions import described, refusals

PLAIN = """
kind: dataset
title: {en: Result}
description: {en: What came out.}
contact: {name: {en: Mobility}, email: m@gent.example}
"""


async def test_themes_keywords_and_place_of_a_scenario() -> None:
    subject = subject_of(await of_demo("gent/bridge-scenario.yaml"))
    assert [one.rpartition("/")[2] for one in subject["theme"]] == ["ENVI", "TRAN"]
    assert subject["keywords"] == {"nl": ["brug", "geluid", "scenario"], "en": ["bridge", "noise", "scenario"]}
    (place,) = subject["spatial"]
    assert place["name"] == "Gent"
    assert place["bbox"][0] < 3.73 < place["bbox"][2]


async def test_they_are_fields_of_another_description() -> None:
    plain = await record(
        PLAIN + "theme: TRAN\nkeywords: {nl: [brug]}\nspatial: {name: De Brugse Poort, bbox: [3.6, 51, 3.7, 51.1]}"
    )
    subject = subject_of(plain)
    assert subject["spatial"] == [{"name": "De Brugse Poort", "bbox": [3.6, 51.0, 3.7, 51.1]}]
    contact = {"name": "m", "email": "m@gent.example"}
    fields = {"title": "Other", "description": "Other", "contact": contact, **subject}
    other = await described(Submission(kind="dataset", fields=fields))
    assert not refusals(other)
    assert (other.themes, other.keywords) == (("TRAN",), ("brug",))
    assert other.bbox == (3.6, 51.0, 3.7, 51.1)


async def test_nothing_is_said_of_what_the_record_says_nothing_of() -> None:
    assert subject_of(await record(PLAIN)) == {}
