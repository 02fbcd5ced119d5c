"""Puts together what people begin on pages: drafts, and the files that arrive in pieces for them."""

from __future__ import annotations

from functools import partial

from node.adapters.planes.drafts import FolderDrafts
from node.bootstrap.foundation import Foundation
from node.catalogue.browse import Browse
from node.catalogue.drafts.usecases import DatasetDrafts
from node.catalogue.publication.catalogue import Catalogue
from node.catalogue.publication.publish import Publish
from node.exchange.resumable import ResumableUploads
from node.semantics.profiles.cage_client import profile


def dataset_drafts(base: Foundation, catalogue: Catalogue, publish: Publish, browse: Browse) -> DatasetDrafts:
    """Put together the drafts of people who publish on a page."""
    parts = base.parts
    return DatasetDrafts(
        store=FolderDrafts(parts.places.drafts),
        profile_of=partial(profile, parts.cage),
        publish=publish,
        assets=parts.assets,
        uploads=ResumableUploads(parts.places.uploads, clock=parts.clock, limit=parts.settings.upload_limit),
        clock=parts.clock,
        limit=parts.settings.upload_limit,
        region=catalogue.region,
        gallery=catalogue.gallery,
        record=browse.record,
    )
