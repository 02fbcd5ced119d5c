"""Stories of results that were published without one: what their lineage (PROV-O) says, and no more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from node.base.clock import moment
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, iri_term, is_iri
from node.catalogue.statements import Statements
from node.scenarios.stories.model import Story, StoryLayer, UsedAsset
from node.semantics.kinds import KINDS
from node.vocab.namespaces import DCT, PROV, RDFS

MOST_USED: Final = 100


def lineage_story(record: Record) -> Story | None:
    """Return what the lineage in ``record`` says about its run; None if no run made it."""
    statements = Statements(record)
    run = next((iri_of(term) for term in statements.own(f"{PROV}wasGeneratedBy") if is_iri(term)), "")
    iris = statements.iris(iri_term(run), f"{PROV}used") if run else ()
    if not iris:
        return None
    activity = iri_term(run)
    plans = [
        iri
        for association in statements.nodes(activity, f"{PROV}qualifiedAssociation")
        for iri in statements.iris(association, f"{PROV}hadPlan")
    ]
    assets = [asset for iri in iris[:MOST_USED] if (asset := _asset(iri)) is not None]
    return Story(
        scenario=next((a for a in map(_asset, plans) if a is not None), UsedAsset(kind="scenario")),
        assets=tuple(asset for asset in assets if asset.kind != "scenario"),
        layers=tuple(layer for iri in iris if (layer := _layer(statements, iri)) is not None),
        begun=_moment(statements, activity, "startedAtTime"),
        ended=_moment(statements, activity, "endedAtTime"),
        node=statements.iri(activity, f"{PROV}wasAssociatedWith") or "",
        run=run,
        is_recorded=False,
    )


def _asset(iri: str) -> UsedAsset | None:
    base, _, version = iri.partition("#v")
    kind = next((name for name, kind in KINDS.items() if f"/{kind.plural}/" in base), "")
    if not kind or not version.isdecimal() or len(version) > 9:
        return None
    return UsedAsset(kind=kind, iri=base, version=int(version))


def _layer(statements: Statements, iri: str) -> StoryLayer | None:
    """Return the change layer ``iri``: it was made from a dataset; the window of a stream has a label too."""
    entity = iri_term(iri)
    titles = statements.texts(entity, f"{RDFS}label")
    targets = statements.iris(entity, f"{PROV}wasDerivedFrom")
    if not titles or not targets:
        return None
    return StoryLayer(
        title=next(iter(titles.values())),
        reason=statements.text(entity, f"{DCT}description") or "",
        target=targets[0].partition("#")[0],
    )


def _moment(statements: Statements, subject: str, name: str) -> datetime | None:
    try:
        return moment(statements.text(subject, f"{PROV}{name}") or "")
    except ValueError:
        return None
