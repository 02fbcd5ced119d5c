"""Puts together what the node knows about meaning: checks of data and ontologies, mappings, transformations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from node.adapters.peers.sources import WebSources
from node.adapters.planes.drafts import FolderDrafts
from node.adapters.reasoner.hermit import HermitReasoner
from node.bootstrap.foundation import Foundation
from node.catalogue.browse import Browse
from node.catalogue.drafts.alignments import AlignOntologies
from node.catalogue.drafts.contradictions import ReasonOver
from node.catalogue.drafts.data_check import SHOWN, CheckData
from node.catalogue.drafts.foresight import ForeseeImpact
from node.catalogue.drafts.ontology_documents import PublishOntology
from node.catalogue.drafts.schema_documents import ReadSchema
from node.catalogue.meaning.schema_history import SchemaHistories
from node.catalogue.meaning.schema_registry import SchemaRegistry
from node.catalogue.publication.publish import Publish
from node.scenarios.records.transformations import KnownTransformations
from node.scenarios.transformations.drafts import DraftMapping
from node.scenarios.transformations.offerable import FindOfferable
from node.scenarios.transformations.schema_drafts import DraftSchema
from node.scenarios.transformations.transformer import Transformer
from node.scenarios.transformations.trial import TryTransformation
from node.semantics.schemas.file_check import FileCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningServices:
    """The parts for ontologies, schemas and transformations."""

    check_data: CheckData
    foresee: ForeseeImpact
    try_transformation: TryTransformation
    draft_mapping: DraftMapping
    find_offerable: FindOfferable
    reason: ReasonOver
    align: AlignOntologies
    publish_ontology: PublishOntology
    read_schema: ReadSchema
    draft_schema: DraftSchema
    registry: SchemaRegistry
    schema_histories: SchemaHistories


def meaning_services(base: Foundation, browse: Browse, publish: Publish) -> MeaningServices:
    """Put the parts together."""
    parts = base.parts
    registry = SchemaRegistry(
        uow=parts.stores.uow,
        records=parts.stores.catalogue.records,
        visibility=base.visibility,
        cage=parts.cage,
        base=parts.base,
    )
    return MeaningServices(
        check_data=CheckData(
            browse=browse,
            store=FolderDrafts(parts.places.drafts),
            check=partial(FileCheck(parts.cage), limit=SHOWN),
            limit=parts.settings.upload_limit,
        ),
        foresee=ForeseeImpact(browse=browse, cage=parts.cage, limit=parts.settings.description_limit),
        try_transformation=TryTransformation(browse=browse, transformer=Transformer(parts.cage)),
        draft_mapping=DraftMapping(browse=browse, publish=publish, transformations=KnownTransformations(browse)),
        find_offerable=FindOfferable(browse),
        align=AlignOntologies(browse=browse, publish=publish),
        publish_ontology=PublishOntology(
            publish=publish,
            get=WebSources(parts.egress).get,
            cage=parts.cage,
            limit=parts.settings.description_limit,
        ),
        read_schema=ReadSchema(browse=browse, cage=parts.cage),
        draft_schema=DraftSchema(browse=browse),
        registry=registry,
        schema_histories=SchemaHistories(registry),
        reason=ReasonOver(browse=browse, reasoner=HermitReasoner()),
    )
