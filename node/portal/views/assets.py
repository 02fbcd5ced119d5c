"""Facts on an asset's page beside its record: how it may be used, its quality, the start of a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from anyio.to_thread import run_sync

from node.catalogue.access import Access, AccessCode
from node.catalogue.measurement.data_checks import DataCheck, DataState
from node.catalogue.measurement.link_model import LinkCheck, LinkState
from node.catalogue.measurement.link_report import LinkReport
from node.catalogue.model import Record
from node.catalogue.publication.part_preview import PartTable
from node.catalogue.visibility import absent
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.policy.model import Decision
from node.semantics.documents import serialise
from node.semantics.metrics import METRICS
from node.semantics.model import BBox, File
from node.semantics.profiles.features_client import MOST, FeatureSet, StoredFeatures
from node.semantics.profiles.rows_client import RowQuery, TableRows
from node.semantics.profiles.scenes_client import HEAD, ObjectScene, StoredScenes, is_scene, may_be_scene
from node.semantics.profiles.scenes_client import MOST as MOST_OBJECTS
from node.semantics.quality import advice, score
from node.texts.catalogue import Catalogue
from node.vocab.namespaces import PREFIXES

Texts = dict[str, str]
"""Language tag → text."""

_TEXTS: Final = Catalogue("portal")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPart:
    """One dimension of the score, and sentences about how to raise it."""

    name: Texts
    points: int
    of: int
    raise_by: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The score of a description (MQA: 405 points in five dimensions) and its band in words."""

    points: int
    of: int
    band: Texts
    parts: tuple[QualityPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """A step that would raise the score: the field of the description, the points that it earns, and how."""

    field: str
    points: int
    advice: Mapping[str, str]


class Assets:
    """Assets as their pages show them."""

    def __init__(
        self,
        access: Access,
        files: AssetStore,
        ourselves: Callable[[], Awaitable[Caller]],
        *,
        me: str,
        tables: Callable[[str, str, RowQuery], Awaitable[TableRows]],
        features: StoredFeatures,
        scenes: StoredScenes,
        preview_part: Callable[[Record], Awaitable[Sequence[PartTable]]],
        links: LinkReport,
    ) -> None:
        """``ourselves`` reads the credentials that this node (DID ``me``) holds now; ``tables`` reads rows of a
        stored file, ``features`` its places, ``scenes`` its objects in three dimensions, ``preview_part`` what an
        offer gives of it; ``links`` knows which addresses work."""
        self._access = access
        self._files = files
        self._ourselves = ourselves
        self._me = me
        self._tables = tables
        self._features = features
        self._scenes = scenes
        self._preview_part = preview_part
        self._links = links

    async def access(self, record: Record, caller: Caller) -> AccessCode:
        """Return the access code of the record for this caller, as in ``CatalogueHit.access``."""
        return self._access.code(record, await self._user(record, caller))

    async def decision(self, record: Record, caller: Caller) -> Decision | None:
        """Return the contract policy's decision for this caller now; None if there is no offer.

        For a person of this node and an asset of another node: the decision for this node, with the credentials that
        it holds.
        """
        user = await self._user(record, caller)
        return await run_sync(lambda: self._access.decision(record, user))

    async def _user(self, record: Record, caller: Caller) -> Caller:
        """Return the caller whose credentials count: this node, if a person of it looks at another node's asset."""
        if caller.is_person and record.origin != caller.did:
            return await self._ourselves()
        return caller

    async def rdf(self, record: Record, media_type: str) -> str:
        """Return the description as text in ``text/turtle``, ``application/ld+json`` …"""
        return (await run_sync(lambda: serialise(record.nquads, media_type, prefixes=PREFIXES))).decode("utf-8")

    async def quality(self, record: Record) -> Quality | None:
        """Return the score and how to raise it; None if the kind has no score."""
        if record.kind != "dataset":
            return None
        quality_facts = record.extra.get("score")
        if isinstance(quality_facts, dict) and record.origin == self._me:
            # Scored at publication; links are checked since. Quality that other nodes state about themselves is
            # neither checked nor of a known form.
            return _quality(await run_sync(self._links.score, record))
        conforms = not any(warning.get("severity") == "violation" for warning in record.warnings)
        scored = await run_sync(lambda: score(record.nquads, record.subject, conforms=conforms))
        return _quality(scored.to_json())

    async def improvements(self, record: Record) -> Sequence[Improvement]:
        """Return what would raise the score of a record of this node, the largest gain first."""
        stored = record.extra.get("score")
        steps = stored["raise"] if isinstance(stored, dict) and record.origin == self._me else ()
        return [
            Improvement(field=step["field"], points=step["points"], advice=advice(step["metric"])) for step in steps
        ]

    async def broken_links(self, record: Record) -> Sequence[LinkCheck]:
        """Return the addresses in a record of this node that did not work when they were checked last."""
        if record.origin != self._me:
            return ()
        checks = await run_sync(self._links.checks, record)
        return [check for check in checks if check.state is LinkState.BROKEN]

    async def data_checks(self, record: Record) -> Sequence[DataCheck]:
        """Return what is known of the data of a harvested record: whether they conform to the schemas they name."""
        if record.origin != self._me or record.harvest_origin is None:
            return ()
        checks = await run_sync(self._links.data_checks, record)
        return [check for check in checks if check.state is not DataState.UNKNOWN]

    async def head(self, record: Record, file: str, limit: int) -> bytes | None:
        """Return the first ``limit`` bytes of an *open* file, for a preview; None if there is none to show."""
        file_of_name = self._open_file(record, file)
        if file_of_name is None or not self._files.has(file_of_name.sha256):
            return None
        body = bytearray()
        async for chunk in await self._files.open(file_of_name.sha256, end=limit):
            body += chunk
        return bytes(body[:limit])

    async def rows(self, record: Record, file: str, query: RowQuery) -> TableRows:
        """Return rows of an *open* file. Raises ``NotFound`` for any other, and the errors of reading a table."""
        open_file = self._here(record, file)
        return await self._tables(open_file.sha256, open_file.name, query)

    async def features(self, record: Record, file: str, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        """Return features of an *open* file for a map. Raises ``NotFound`` for any other, and the errors of reading
        features."""
        open_file = self._here(record, file)
        return await self._features(open_file.sha256, open_file.name, box, most=most)

    async def scene(self, record: Record, file: str, *, most: int = MOST_OBJECTS) -> ObjectScene:
        """Return objects of an *open* file for a view in 3D. Raises ``NotFound`` for any other, and the errors of
        reading a scene."""
        open_file = self._here(record, file)
        return await self._scenes(open_file.sha256, open_file.name, most=most)

    async def scene_tile(self, record: Record, file: str, member: str) -> bytes:
        """Return a tile of an *open* set of tiles. Raises ``NotFound`` for others, and the errors of reading it."""
        open_file = self._here(record, file)
        return await self._scenes.tile_of(open_file.sha256, open_file.name, member)

    async def scene_file(self, record: Record) -> str:
        """Return the name of the first open file that has a view in 3D; empty if none has."""
        for file in record.files:
            if not file.open or not may_be_scene(file.name, file.media_type):
                continue
            if is_scene(file.name, file.media_type, await self.head(record, file.name, HEAD)):
                return file.name
        return ""

    def _here(self, record: Record, file: str) -> File:
        open_file = self._open_file(record, file)
        if open_file is None or not self._files.has(open_file.sha256):
            raise absent()
        return open_file

    async def part_tables(self, record: Record, by: Caller) -> Sequence[PartTable]:
        """Return what a partner would get of each stored table of an offer with a part, for people who may publish
        it; else nothing."""
        if record.origin != self._me or not allowed(by, UseCase.PUBLISH):
            return ()
        return await self._preview_part(record)

    def _open_file(self, record: Record, file: str) -> File | None:
        """Return the file of this name if everybody who sees the record may download it, and this node has it."""
        if record.origin != self._me:
            return None
        return next((known for known in record.files if known.name == file and known.open), None)


def _quality(score: Mapping[str, Any]) -> Quality:
    """Return a score (``node.semantics.quality``, as JSON) with its dimensions in words."""
    dimension_of = {metric.name: metric.dimension for metric in METRICS}
    return Quality(
        points=score["points"],
        of=score["of"],
        band=_TEXTS.in_all(f"quality.band.{score['band']}"),
        parts=tuple(
            QualityPart(
                name=_TEXTS.in_all(f"quality.part.{name}"),
                points=points,
                of=of,
                raise_by=tuple(
                    advice(item["metric"]) for item in score["raise"] if dimension_of.get(item["metric"]) == name
                ),
            )
            for name, (points, of) in score["dimensions"].items()
        ),
    )
