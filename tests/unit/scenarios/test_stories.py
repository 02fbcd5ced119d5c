"""Stories: what everybody may know of a run, and what is read of the stories of others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.policy.templates import compile_conditions
from node.scenarios.model import Layer
from node.scenarios.run_model import Run
from node.scenarios.runs.lineage import provenance
from node.scenarios.stories.features import StoryFeature, features_file, read_features
from node.scenarios.stories.model import NOT_SHOWN, MapAbsence, Story, StoryWords, Subject
from node.scenarios.stories.openness import is_unconditional, offers_to_all
from node.scenarios.stories.remarks import remarks_of
from node.scenarios.stories.serialization import read_story, story_text
from node.scenarios.stories.statement import stated_story, story_statement
from node.scenarios.stories.words import read_words
from node.scenarios.stories.writer import StoryRequest, StoryWriter, WrittenStory
from tests.fakes.portal.stories import story
from tests.unit.scenarios.desk import DATASET, EFFORT, ELS, LAYER, SECONDS, STREETS, TEMPLATE, WALKING, WANTED, Desk
from tests.unit.scenarios.records import record, with_statements
from tests.unit.semantics.descriptions import BASE, ME

AT = datetime(2026, 11, 20, tzinfo=UTC)
REGION = "did:web:region.example"
PLACE = {"type": "Point", "coordinates": [3.7, 51.0]}


def offer(conditions: Any) -> Mapping[str, Any]:
    """The offer that conditions compile to."""
    compiled = compile_conditions(conditions, target="urn:x", offer_id="urn:x#offer", region=REGION)
    assert compiled.offer is not None
    return compiled.offer


def constrained(operand: str, operator: str, value: Any) -> dict[str, Any]:
    constraint = {"leftOperand": operand, "operator": operator, "rightOperand": value}
    return {"permission": [{"action": "odrl:use", "constraint": [constraint]}]}


class TestOpenness:
    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ("open", True),
            ({"template": "open", "attribution": True}, True),
            ("members", False),
            ("members-ask", False),
            ({"template": "mobility-partners", "until": "2027-12-31"}, False),
            (constrained("odrl:dateTime", "odrl:lteq", "2027-01-01T00:00:00Z"), True),
            (constrained("odrl:dateTime", "odrl:lteq", "2025-01-01T00:00:00Z"), False),
            (constrained("odrl:purpose", "odrl:eq", {"@id": "https://w3id.org/dpv#ResearchAndDevelopment"}), False),
            (constrained("odrl:count", "odrl:lteq", {"@value": "5", "@type": "xsd:integer"}), False),
            ({"permission": [{"action": "odrl:execute"}]}, False),
            ({"permission": [{"action": "odrl:use"}], "prohibition": [{"action": "odrl:distribute"}]}, False),
            ({"permission": [{"action": "odrl:use"}], "obligation": [{"action": "odrl:delete"}]}, False),
            ({"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:compensate"}]}]}, False),
        ],
    )
    def test_what_everybody_may_use_and_pass_on(self, conditions: Any, *, expected: bool) -> None:
        assert offers_to_all(offer(conditions), AT, ME) is expected

    def test_nothing_is_open_without_an_offer_that_can_be_read(self) -> None:
        for unusable in (None, {}, {"permission": "all"}, {"@id": "urn:o", "permission": [{"action": "x" * 9000}]}):
            assert offers_to_all(unusable, AT, ME) is False, unusable

    def test_a_date_is_a_condition(self) -> None:
        assert is_unconditional(offer("open"))
        assert not is_unconditional(offer(constrained("odrl:dateTime", "odrl:lteq", "2027-01-01T00:00:00Z")))
        assert not is_unconditional(None)


class TestWriting:
    """A run of streets, of which one is too short for the model, with a change of one of them."""

    @pytest.fixture
    async def desk(self) -> Desk:
        desk = Desk()
        await desk.publish(DATASET, ("streets.csv", STREETS))
        for text in (WALKING, SECONDS, TEMPLATE):
            await desk.publish(text)
        await desk.publish(EFFORT, foreign=True)
        desk.agree("https://data.plzen.example/models/effort")
        for versions in desk.shelf.records.values():
            versions[:] = [replace(one, offer=dict(offer("open"))) for one in versions]
        return desk

    @staticmethod
    def narrow(desk: Desk, name: str, **changes: Any) -> None:
        versions = next(versions for iri, versions in desk.shelf.records.items() if iri.endswith(f"/{name}"))
        versions[:] = [replace(one, **changes) for one in versions]

    @staticmethod
    async def written(desk: Desk, *, is_open: bool = True) -> WrittenStory:
        saved = (await desk.layers.save(LAYER, ELS)).layer
        run = await desk.perform({**WANTED, "layers": [saved.id]})
        assert run.indicators, run.error
        writer = StoryWriter(
            uow=desk.uow, layers=desk.layer_store, library=desk.library, rows=desk.runs, clock=desk.clock, me=ME
        )
        terms = offer("open" if is_open else "members")
        return await writer.write(run, StoryRequest(words=StoryWords(), offer=terms), ELS)

    async def test_everything_is_told_of_what_is_open(self, desk: Desk) -> None:
        narrative = (await self.written(desk)).story
        assert [one.is_public for one in narrative.assets] == [True] * 4
        assert narrative.goal == {"en": "Less effort."}
        assert [(one.name, one.before is not None) for one in narrative.indicators] == [
            ("hard", True),
            ("minutes", True),
        ]
        [layer] = narrative.layers
        assert [(one.column, one.before, one.after) for one in layer.edits] == [("length", 1000, 500)]
        assert any(one.code == "outside-validity" and "examples" in one.facts for one in narrative.caveats)
        assert narrative.map_absence == MapAbsence.NO_PLACES, "a table has no places"
        limits = [note for one in narrative.assets for note in one.remarks if note.subject is Subject.LIMITS]
        assert limits[0].texts == {"en": "Knows no hills."}

    async def test_values_of_data_that_are_not_open_are_left_out(self, desk: Desk) -> None:
        self.narrow(desk, "streets", offer=dict(offer("members")))
        narrative = (await self.written(desk)).story
        [layer] = narrative.layers
        assert (layer.edits, layer.counts) == ((), {"update": 1})
        assert [
            one.code for one in narrative.caveats if "examples" in one.facts or one.code == "outside-validity"
        ] == []
        assert NOT_SHOWN in [one.code for one in narrative.caveats]
        assert "90" not in json.dumps([one.sentence for one in narrative.caveats])

    async def test_what_is_not_public_has_no_name(self, desk: Desk) -> None:
        self.narrow(desk, "walking", audience="internal")
        self.narrow(desk, "walks", audience="internal")
        result = await self.written(desk)
        text = story_text(result.story)
        for words in ("Walking", "A walk", "Less effort", "Minutes", "On foot", "walking", "/walks"):
            assert words not in text.replace("minutes-to-seconds", "").replace("Minutes to seconds", ""), words
        assert not {iri for iri, _ in result.public} & {f"{BASE}/models/walking", f"{BASE}/scenarios/walks"}
        lines = self.lineage(desk.load(result.story.run), result)
        assert "Walking" not in lines
        assert "A walk" not in lines
        assert "Effort" in lines

    @staticmethod
    def lineage(run: Run, result: WrittenStory, layers: tuple[Layer, ...] = ()) -> str:
        named = result.public
        return "\n".join(
            provenance(run, f"{BASE}/datasets/r", by=ME, layers=layers, may_name=lambda iri, n: (iri, n) in named)
        )

    async def test_a_result_that_is_not_open_has_no_figures(self, desk: Desk) -> None:
        narrative = (await self.written(desk, is_open=False)).story
        assert (narrative.indicators, narrative.map, narrative.has_figures) == ((), None, False)
        assert narrative.map_absence == MapAbsence.CONDITIONS


class TestReading:
    def test_a_story_is_read_as_it_was_written(self) -> None:
        assert read_story(json.loads(story_text(story()))) == story()

    async def test_the_statement_of_a_record(self) -> None:
        published = await record(DATASET)
        assert stated_story(published) is None
        stated = with_statements(published, story_statement(published.iri, story()))
        assert stated_story(stated) == story()

    @pytest.mark.parametrize("junk", [None, 7, "text", [], {}, {"form": 2}, {"form": "1"}])
    def test_another_form_is_no_story(self, junk: Any) -> None:
        assert read_story(junk) is None

    @pytest.mark.parametrize("junk", [None, 7, "text", [], [[]], [None], {"a": {}}, [{"a": 1}], True, 1e400])
    def test_parts_of_another_form_are_left_out(self, junk: Any) -> None:
        names = [*json.loads(story_text(story())), "mapAbsence"]
        narrative = read_story({**dict.fromkeys(names, junk), "form": 1})
        assert isinstance(narrative, Story)
        assert narrative.indicators == ()
        assert json.loads(story_text(narrative))["form"] == 1

    def test_lists_and_texts_have_an_end(self) -> None:
        narrative = read_story({"form": 1, "assets": [{"kind": "dataset"}] * 5000, "goal": {"en": "x" * 10**6}})
        assert narrative is not None
        assert len(narrative.assets) == 200
        assert len(narrative.goal["en"]) == 20_000

    def test_features_are_read_as_they_were_written(self) -> None:
        features = (
            StoryFeature(id="a", geometry=PLACE, before=1.0, after=2.5),
            StoryFeature(id="b", geometry=PLACE, is_background=True),
        )
        body = features_file(features)
        assert body is not None
        assert read_features(body) == features

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"features": 1}',
            b'{"features": [1, {}, {"properties": {"id": 3}}]}',
            b'{"features": [{"properties": {"id": "a"}, "geometry": {"type": "Point", "coordinates": [999, 51]}}]}',
            b'{"features": [{"properties": {"id": "a"}, "geometry": null}]}',
            b"\xff\xfe",
        ],
    )
    def test_other_files_have_no_features(self, body: bytes) -> None:
        assert read_features(body) == ()

    def test_too_many_features_make_no_file(self) -> None:
        many = [StoryFeature(id=str(n), geometry=PLACE, after=1.0) for n in range(20_001)]
        assert features_file(many) is None
        background = [replace(one, is_background=True, after=None) for one in many]
        body = features_file([*background, many[0]])
        assert body is not None
        assert len(read_features(body)) == 1


def test_words_keep_paragraphs_and_lose_controls() -> None:
    words = read_words({"introduction": {"en": "  One.\r\n\r\nTwo.\x00\u202e  "}, "title": {"nl": " "}})
    assert words.introductions == {"en": "One.\n\nTwo."}
    assert words.titles == {}
    with pytest.raises(InvalidInput, match="at most 4000"):
        read_words({"caveat": {"en": "x" * 4001}})


async def test_sentences_about_made_up_data_are_quoted() -> None:
    text = DATASET.replace("Made up for a test of scenarios.", '"Counts. Synthetic data: nobody is counted."')
    [note] = [one for one in remarks_of(await record(text)) if one.subject is Subject.SYNTHETIC]
    assert note.texts == {"en": "Synthetic data: nobody is counted."}
    plain = DATASET.replace("Made up for a test of scenarios.", "Synthesis of counts.")
    assert [one for one in remarks_of(await record(plain)) if one.subject is Subject.SYNTHETIC] == []
