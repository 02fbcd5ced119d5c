"""Stories in memory for their pages: the closed bridge with its map, an earlier result, one that is for members."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from node.base.errors import NotFound
from node.catalogue.model import Record
from node.identity.model import Caller
from node.scenarios.chain import differences
from node.scenarios.chain.differences import Figure
from node.scenarios.run_model import Caveat
from node.scenarios.stories.features import figure_on_map
from node.scenarios.stories.model import (
    NOT_SHOWN,
    MapAbsence,
    Remark,
    Story,
    StoryEdit,
    StoryIndicator,
    StoryLayer,
    StoryMap,
    StoryParameter,
    StoryWords,
    Subject,
    UsedAsset,
)
from node.scenarios.stories.reader import PublishedStory
from node.vocab.namespaces import DCAT, DCT, RDFS
from tests.fakes.portal import scenarios as fake
from tests.fakes.portal.content import GENT, HOMES, NAMES, NOW, PLZEN, Graph, record, say

RESULT = f"{HOMES[GENT]}/datasets/bridge-closed"
EARLIER = f"{HOMES[GENT]}/datasets/bridge-before"
FOR_MEMBERS = f"{HOMES[GENT]}/datasets/bridge-for-members"


def _record(iri: str, *, audience: str = "public") -> Record:
    graph = Graph(iri)
    graph.add(f"{DCT}license", "<http://publications.europa.eu/resource/authority/licence/CC_BY_4_0>")
    graph.node(f"{DCT}spatial", {f"{RDFS}label": "Gent", f"{DCAT}bbox": "POLYGON((3.7 51.0,3.8 51.0,3.8 51.1))"})
    titles = say(en="Bridge closed: noise and traffic", nl="Brug dicht: geluid en verkeer")
    return record(iri, "dataset", GENT, graph, titles, say(en="Result of a run."), policy="open", audience=audience)


def _asset(kind: str, iri: str, node: str = GENT, *remarks: Remark, **more: str) -> UsedAsset:
    name = iri.rpartition("/")[2].replace("-", " ").capitalize()
    return UsedAsset(
        kind=kind,
        iri=iri,
        version=1,
        titles=say(en=name),
        node=node,
        owner=NAMES[node],
        licences=("http://publications.europa.eu/resource/authority/licence/CC_BY_4_0",),
        remarks=remarks,
        **more,
    )


def story() -> Story:
    """The story of the closed bridge, with every part that a story can have."""
    return Story(
        words=StoryWords(
            titles=say(en="What if the bridge closed for cars?", nl="Wat als de brug dichtgaat voor auto's?"),
            introductions=say(en="The council asked what happens to noise.\n\nThis is what two models say."),
            caveats=say(en="Cyclists are not in the model."),
        ),
        scenario=_asset("scenario", fake.TEMPLATE),
        goal=fake.SCENARIO.goal,
        assets=(
            _asset(
                "dataset",
                fake.NETWORK,
                GENT,
                Remark(subject=Subject.SYNTHETIC, texts=say(en="Synthetic data; nobody is counted.")),
            ),
            replace(_asset("dataset", fake.RECEPTORS), purpose=say(en="Noise receptors"), in_place=True),
            _asset("model", fake.ASSIGNMENT, release="1.2.0"),
            _asset(
                "model",
                fake.NOISE,
                PLZEN,
                Remark(subject=Subject.LIMITS, texts=say(en="Knows no reflections.", cs="Nezná odrazy.")),
                Remark(subject=Subject.VALIDITY, texts=say(en="Streets of cities, from 30 km/h.")),
            ),
            UsedAsset(kind="transformation"),
        ),
        layers=(
            StoryLayer(
                title="Contributiebrug closed",
                reason="The bridge is worn: what if nobody crosses it by car any more?",
                target=fake.NETWORK,
                counts={"update": 1},
                edits=(StoryEdit(op="update", id=fake.BRIDGE, column="capacity_vph", before=1800, after=0),),
            ),
        ),
        parameters=(
            StoryParameter(name="demandFactor", value=1.2, default=1.0, unit="1", descriptions=say(en="Demand")),
        ),
        indicators=(
            StoryIndicator(
                name="vehicleHours", before=412.4, after=455.1, unit="h", better="lower", decimals=0,
                titles=say(en="Vehicle hours", nl="Voertuiguren"),
            ),
            StoryIndicator(
                name="residentsAbove55", before=520, after=460, unit="1", better="lower", decimals=0, target=300,
                titles=say(en="Residents above 55 dB Lden"),
            ),
        ),
        caveats=(fake.CAVEAT, Caveat(code=NOT_SHOWN, sentence="A model warned.")),
        map=StoryMap(
            column="light", descriptions=say(en="Light vehicles"), unit="{vehicles}/h", decimals=0, together="mean"
        ),
        has_figures=True,
        is_repeatable=True,
        begun=NOW - timedelta(minutes=9),
        ended=NOW - timedelta(minutes=8),
        node=GENT,
        run=fake.DONE,
    )  # fmt: skip


def published() -> PublishedStory:
    """The story with its record and the features of its map."""
    variable = next(one for one in fake.HOURLY.variables if one.name == "light")
    places = [
        located
        for role, rows in (("network", fake.network()), ("receptors", fake.receptors()))
        if (located := differences.places(role, rows))
    ]
    drawn = figure_on_map(
        Figure(of="hourly.hourly", variable=variable), fake.hourly(closed=False), fake.hourly(closed=True), places
    )
    return PublishedStory(
        record=_record(RESULT),
        story=story(),
        features=drawn.features,
        here=frozenset({fake.TEMPLATE, fake.NETWORK, fake.NOISE}),
        is_public=True,
    )


def earlier() -> PublishedStory:
    """An earlier result, of which the lineage says little."""
    known = Story(
        scenario=UsedAsset(kind="scenario"),
        assets=(UsedAsset(kind="dataset", iri=fake.NETWORK, version=1), UsedAsset(kind="model")),
        map_absence=MapAbsence.UNKNOWN,
        is_recorded=False,
    )
    return PublishedStory(record=_record(EARLIER), story=known, is_public=True)


def for_members() -> PublishedStory:
    """A result that members may see, without figures."""
    whole = story()
    hidden = replace(whole, indicators=(), caveats=(), map=None, map_absence=MapAbsence.CONDITIONS, has_figures=False)
    return PublishedStory(record=_record(FOR_MEMBERS, audience="members"), story=hidden)


class FakeStories:
    """Stories by the address of their result."""

    def __init__(self) -> None:
        self.stories = {one.record.iri: one for one in (published(), earlier(), for_members())}

    async def read(self, iri: str, caller: Caller, *, version: int | None = None) -> PublishedStory:
        edition = self.stories.get(iri)
        if edition is None or (not edition.is_public and not caller.is_person) or version not in (None, 1):
            raise NotFound
        return edition
