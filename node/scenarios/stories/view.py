"""A published story as JSON for programs: the form of the API and the terminal."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from node.base.clock import stamp
from node.catalogue.model import Record
from node.scenarios.records.cards import licences_of
from node.scenarios.records.subjects import subject_of
from node.scenarios.stories.model import MAP_FILE
from node.scenarios.stories.reader import PublishedStory
from node.scenarios.stories.serialization import story_json


def published_json(edition: PublishedStory) -> dict[str, Any]:
    """Return a story with the facts about its result. ``recorded`` is false for a result that was published without a
    story: then the story is what its lineage says."""
    record, story = edition.record, edition.story
    return {
        "iri": record.iri,
        "version": record.version,
        "titles": dict(story.words.titles or record.titles),
        "result": {
            "titles": dict(record.titles),
            "publisher": record.publisher_name,
            "publisherId": record.publisher,
            "node": record.origin,
            "published": stamp(record.at),
            "licences": list(licences_of(record)),
            "places": place_names(record),
            "sha256": record.sha256,
        },
        "citation": {tag: citation(edition, tag) for tag in (record.titles or {"en": ""})},
        "public": edition.is_public,
        "recorded": story.is_recorded,
        "story": story_json(story),
        **({"mapFile": map_address(record)} if story.map else {}),
        **({"mapIsElsewhere": True} if edition.map_is_elsewhere else {}),
    }


def citation(edition: PublishedStory, language: str) -> str:
    """Return how to cite the result: publisher, year, title, version, address."""
    record = edition.record
    name = record.publisher_name or record.publisher
    return f"{name} ({record.at.year}): {record.title(language)}. Version {record.version}. {record.iri}"


def place_names(record: Record) -> list[str]:
    """Return the names of the places that the result is about."""
    places = subject_of(record).get("spatial", ())
    return [str(place.get("name") or place.get("iri")) for place in places if place.get("name") or place.get("iri")]


def map_address(record: Record) -> str:
    """Return the address of the file with the map, in this version, at the node that published it."""
    return f"{record.iri}/files/{quote(MAP_FILE)}?version={record.version}"
