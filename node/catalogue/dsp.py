"""The catalogue as the Dataspace Protocol shows it (DSP 2025-1 §5): one Dataset for each offered asset.

Every offered asset of any kind is a Dataset, and its ``@id`` is the asset's IRI. A catalogue lists what this node
itself provides; assets of another node are requested from that node. The answer is plain JSON in the form of the
official schemas. Members that other connectors do not know (title, kind) have names that they ignore and that
JSON-LD expands. A region lists the catalogues of its members as nested ones, each with its end point.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound
from node.base.threads import read_briefly
from node.base.work import UnitOfWork
from node.catalogue.deliverability import OWN, WHY, live_files, stored_files
from node.catalogue.filters import Filter
from node.catalogue.model import NodeFacts, Record
from node.catalogue.ports import FollowStore, RecordStore
from node.catalogue.visibility import Visibility, absent
from node.identity.blocks import Blocks
from node.identity.model import Caller
from node.vocab.dsp import V2025_1, DspVersion
from node.vocab.namespaces import FOAF, HANSA

PAGE: Final = 50
SCAN: Final = 1000
"""The number of records that one request reads when a filter excludes most of them."""


def formats_of(record: Record) -> tuple[str, ...]:
    """Return the transfer formats of an asset in the data planes that come with Hansa; empty if none delivers it."""
    return OWN.formats(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a region as the nested catalogue shows it; ``url`` is the public URL of its node."""

    did: str
    name: str
    url: str


class FollowedMembers:
    """The nodes that a region follows and has not blocked: their catalogues are nested in its own."""

    def __init__(self, uow: UnitOfWork, follows: FollowStore, blocks: Blocks) -> None:
        self._uow = uow
        self._follows = follows
        self._blocks = blocks

    def __call__(self) -> list[Member]:
        blocked_dids = {block.did for block in self._blocks.all()}
        with self._uow.read() as tx:
            followed = self._follows.all(tx)
        return [
            Member(did=node.did, name=node.name, url=node.url)
            for node in followed
            if node.did is not None and node.did not in blocked_dids
        ]


class DspCatalogue:
    """Catalogue and datasets for one caller. A region nests the catalogues of the ``members`` in its own."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
        node: NodeFacts,
        formats: Callable[[Record], Sequence[str]] = formats_of,
        page: int = PAGE,
        members: Callable[[], Sequence[Member]] = tuple,
    ) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._node = node
        self._formats = formats
        self.page = page
        self._members = members

    async def catalog(
        self,
        caller: Caller,
        *,
        filter: Any = (),  # noqa: A002 - the protocol's name
        token: str | None = None,
        version: DspVersion = V2025_1,
    ) -> tuple[dict[str, Any], str | None]:
        """Return a page of the catalogue: (Catalog, token of the next page or None).

        ``filter`` is the array of a CatalogRequestMessage: objects with members that ``Filter`` knows; an asset has
        to match all of them. Raises ``InvalidInput`` for any other filter, which the HTTP route answers with a
        CatalogError (§5.2.2), and for a token that is not ours. Nested catalogues are on the first page, and only
        without a filter.
        """
        criteria = Filter.read(filter)
        after = _read_token(token)
        records, following = await asyncio.to_thread(self._collect, caller, criteria, after)
        catalog: dict[str, Any] = {
            "@context": [version.context],
            "@id": f"{self._node.base}/dsp/catalog",
            "@type": "Catalog",
            "participantId": self._node.did,
            "dct:title": [{"@value": f"Catalogue of {self._node.name}", "@language": "en"}],
            "dct:description": [
                {"@value": f"What {self._node.name} offers to participants of the data space.", "@language": "en"}
            ],
            "dct:publisher": _publisher(self._node.did, self._node.name),
            "service": [self._service(version)],
        }
        if records:
            # The schema demands at least one item in an array: an empty catalogue has no `dataset` at all.
            catalog["dataset"] = [self._dataset(record, version) for record in records]
        nested = await asyncio.to_thread(self._members) if not after and criteria.fits_all else ()
        if nested:
            catalog["catalog"] = [_nested_catalog(member) for member in nested]
        return catalog, following and _token(following)

    async def previous(
        self,
        caller: Caller,
        *,
        filter: Any = (),  # noqa: A002 - the protocol's name
        token: str | None = None,
    ) -> str | None:
        """Return the token of the page before that of ``token``: empty for the first page, None if there is none."""
        after = _read_token(token)
        if not after:
            return None
        start = await asyncio.to_thread(self._page_before, caller, Filter.read(filter), after)
        return start and _token(start)

    async def dataset(self, iri: str, caller: Caller, *, version: DspVersion = V2025_1) -> dict[str, Any]:
        """Return one Dataset. Raises ``NotFound`` for an asset that is not offered here to this caller; if the caller
        may see the asset and no data plane of this node delivers it, the error states this."""

        def read() -> Record | None:
            with self._uow.read() as tx:
                return self._records.get(tx, iri, audiences=self._visibility.audiences(caller))

        record = await read_briefly(self._uow, read)
        if record is None or not self._offers(record):
            raise absent()
        if not self._formats(record):
            raise NotFound(WHY, remedy="open the asset at the address that its description gives")
        return {"@context": [version.context], **self._dataset(record, version)}

    def _page_before(self, caller: Caller, criteria: Filter, last: str) -> str:
        """Return the IRI before the beginning of the page that ends with ``last``; empty for the first page."""
        current = self._current(caller, criteria)
        page = min(self.page, criteria.limit or self.page)
        fitting = position = 0
        with self._uow.read() as tx:
            while position < SCAN:
                batch = current(tx, down_from=last, limit=self.page + 1)
                # The first record of every batch but the first is the last one of the batch before.
                for record in batch[1 if position else 0 :]:
                    if fitting == page:
                        return record.iri
                    fitting += self._shows(record, criteria)
                    last = record.iri
                if len(batch) <= self.page:
                    return ""
                position += len(batch)
        return last

    def _current(self, caller: Caller, criteria: Filter) -> Callable[..., Sequence[Record]]:
        """Return a function that reads, page by page, our records of the wanted kinds offered to ``caller``."""
        return partial(
            self._records.current,
            audiences=self._visibility.audiences(caller),
            kinds=criteria.kinds,
            origins=(self._node.did,),
            offered=True,
        )

    def _collect(self, caller: Caller, criteria: Filter, after: str) -> tuple[list[Record], str | None]:
        current = self._current(caller, criteria)
        fitting: list[Record] = []
        page = min(self.page, criteria.limit or self.page)
        skip = 0 if after else criteria.skip
        count = 0
        with self._uow.read() as tx:
            while count < SCAN + criteria.skip:
                # One record more than a page shows whether there is a next page.
                batch = current(tx, after=after, limit=self.page + 1)
                for record in batch:
                    if len(fitting) == page:
                        return fitting, after
                    after = record.iri
                    if not self._shows(record, criteria):
                        continue
                    if skip:
                        skip -= 1
                    else:
                        fitting.append(record)
                count += len(batch)
                if len(batch) <= self.page:
                    return fitting, None
        return fitting, after

    def _shows(self, record: Record, criteria: Filter) -> bool:
        """Return whether the catalogue lists the offered asset ``record``: it is deliverable and matches."""
        formats = self._formats(record)
        return bool(formats) and criteria.fits(record, formats)

    def _offers(self, record: Record) -> bool:
        return not record.withdrawn and record.offer is not None and record.origin == self._node.did

    def _dataset(self, record: Record, version: DspVersion) -> dict[str, Any]:
        assert record.offer is not None
        offer = {name: value for name, value in record.offer.items() if name != "target"}
        dataset: dict[str, Any] = {
            "@id": record.iri,
            "@type": "Dataset",
            "hasPolicy": [{"@type": "Offer", **offer}],
            "distribution": [
                {
                    "@type": "Distribution",
                    "format": form,
                    "accessService": self._service(version),
                    "dcat:accessURL": {"@id": record.iri},
                }
                for form in self._formats(record)
            ],
            "dct:publisher": _publisher(record.publisher, record.publisher_name),
            "dct:title": _texts(record.titles),
            "dct:description": _texts(record.descriptions),
            f"{HANSA}kind": record.kind,
            f"{HANSA}version": str(record.version),
            f"{HANSA}sha256": record.sha256,
        }
        if record.keywords:
            dataset["dcat:keyword"] = list(record.keywords)
        files = (*stored_files(record), *live_files(record))
        if files:
            file_facts = [
                {
                    "name": file.name,
                    "mediaType": file.media_type,
                    **({} if file.is_live else {"size": str(file.size)}),
                    **({"formats": list(file.formats)} if file.formats else {}),
                    **({"systems": list(file.systems)} if file.systems else {}),
                    **({"through": list(file.through)} if file.through else {}),
                }
                for file in files
            ]
            # As @json, so that readers of JSON-LD keep it whole: the protocol's context defines these names
            # differently or not at all.
            dataset[f"{HANSA}files"] = {"@type": "@json", "@value": file_facts}
        return dataset

    def _service(self, version: DspVersion) -> dict[str, Any]:
        address = version.at(self._node.dsp)
        return {
            "@id": address,
            "@type": "DataService",
            "endpointURL": address,
            "dct:title": [{"@value": f"Dataspace Protocol of {self._node.name}", "@language": "en"}],
        }


def _publisher(iri: str, name: str) -> dict[str, Any]:
    """Return the publisher as an Agent (DCAT-AP 3 §5), with a name for people."""
    return {"@id": iri, "@type": f"{FOAF}Agent", f"{FOAF}name": name or iri}


def _nested_catalog(member: Member) -> dict[str, Any]:
    """Return a nested Catalog (DSP 2025-1 §5.3.2): its participant and its end point."""
    base = member.url.rstrip("/")
    endpoint = f"{base}{V2025_1.path}"
    title = {"@value": f"Dataspace Protocol of {member.name}", "@language": "en"}
    service = {"@id": endpoint, "@type": "DataService", "endpointURL": endpoint, "dct:title": [title]}
    return {
        "@id": f"{base}/dsp/catalog",
        "@type": "Catalog",
        "participantId": member.did,
        "dct:title": [{"@value": f"Catalogue of {member.name}", "@language": "en"}],
        "dct:description": [
            {"@value": f"What {member.name} offers to participants of the data space.", "@language": "en"}
        ],
        "dct:publisher": _publisher(member.did, member.name),
        "service": [service],
        "distribution": [
            {
                "@type": "Distribution",
                "format": "Catalog",
                "accessService": service,
                "dcat:accessURL": {"@id": f"{base}/dsp/catalog"},
            }
        ],
    }


def _texts(texts: Mapping[str, str]) -> list[dict[str, str]]:
    # "und" is our mark for a text without language; JSON-LD has no tag then.
    return [
        {"@value": text} if language == "und" else {"@value": text, "@language": language}
        for language, text in sorted(texts.items())
    ]


def _token(iri: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(["after", iri]).encode()).decode("ascii").rstrip("=")


def _read_token(token: str | None) -> str:
    if not token:
        return ""
    try:
        raw = base64.urlsafe_b64decode(token[:4096] + "=" * (-len(token) % 4))
        mark, iri = json.loads(raw)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput("the continuation token is not one of this node") from error
    if mark != "after" or not isinstance(iri, str):
        raise InvalidInput("the continuation token is not one of this node")
    return iri
