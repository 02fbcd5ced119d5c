"""Check data against a schema, try a transformation on a sample, and draft a mapping, over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from node.base.errors import InvalidInput, TooLarge
from node.catalogue.drafts.alignments import AlignOntologies
from node.catalogue.drafts.contradictions import ReasonOver
from node.catalogue.drafts.data_check import CheckData
from node.catalogue.representations import language_in
from node.exchange.names import safe_name
from node.scenarios.transformations.drafts import DraftMapping, MappingOrder
from node.scenarios.transformations.trial import TryTransformation
from node.semantics.kinds import iri_meant
from node.semantics.ontologies.alignments import read_sssom, write_sssom
from node.web.api_router import PlacedApiRouter
from node.web.bodies import chunks
from node.web.caller_checks import knowing
from node.web.management.person import Person

TABLE: Final = 4 << 20
"""Bytes of a table of SSSOM."""


def router(
    *,
    person: Person,
    check: CheckData,
    try_transformation: TryTransformation,
    draft_mapping: DraftMapping,
    reason: ReasonOver,
    align: AlignOntologies,
    base: str,
) -> APIRouter:
    """Return the routes. ``base`` is the node's public URL."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/schemas/check",
        summary="Check a file against a schema",
        description=(
            "The body is the file itself: a table (CSV, TSV) or rows of JSON or GeoJSON. Each row is compared with "
            "the JSON Schema of the asset `schema` (an address, or `schema/NAME` of this node). Nothing of it is "
            "kept. `count` counts all breaches, `breaches` lists the first hundred with row, column and reason. "
            "`whole` is false if the file has more rows than are checked; `untried` lists patterns that take too "
            "long, and `notCompared` the rules of kinds that are not compared (`oneOf` with a table, a schema at "
            "another address …) with their fields. "
            "`X-File-Name` may name the file."
        ),
    )
    async def check_file(request: Request, schema: Annotated[str, Query(max_length=2048)] = "") -> Any:
        caller = await person(request)
        name = _file_name(request)
        report = await check(iri_meant(schema, base), name, chunks(request), caller)
        return report.to_json(language_in(request.headers.get("accept-language")))

    @api.post(
        "/transformations/try",
        summary="Try a transformation on a sample",
        description=(
            "The body is the sample itself: rows of CSV, TSV, JSON or GeoJSON, at most 4 MB; `X-File-Name` may name "
            "it. They go through the asset `transformation` (an address, or `transformation/NAME` of this node); "
            "repeated up to four times, it is a chain, and `steps` has the rows after each. "
            "Nothing is kept. `input` and `output` have the columns, the first fifty rows, the number of rows and "
            "a hash: of the file that has the input, of all rows in canonical form for the output. "
            "`repeatable` is false if a function gave another "
            "result when it was run a second time. With `whole=true`, `output` has all rows."
        ),
    )
    async def try_sample(
        request: Request,
        transformation: Annotated[list[str] | None, Query(max_length=20)] = None,
        whole: bool = False,
    ) -> Any:
        caller = await person(request)
        chain = " ".join(iri_meant(name, base) for name in transformation or [""])
        trial = await try_transformation(chain, _file_name(request), chunks(request), caller)
        return trial.to_json(whole=whole)

    @api.get(
        "/ontologies/alignment",
        summary="Draft which terms of two ontologies mean the same",
        description=(
            "Pairs of terms of the ontologies `from` and `to` (addresses, or `ontology/NAME` of this node) with "
            "labels or names in common, surest first; without `to`, the pairs that `from` states. `format=sssom` "
            "answers with a table of SSSOM (TSV)."
        ),
    )
    async def draft_alignment(
        request: Request,
        source: Annotated[str, Query(alias="from", max_length=2048)] = "",
        target: Annotated[str, Query(alias="to", max_length=2048)] = "",
        form: Annotated[str, Query(alias="format", pattern="^(json|sssom)$")] = "json",
    ) -> Any:
        caller = await person(request)
        language = language_in(request.headers.get("accept-language"))
        first, second = iri_meant(source, base), iri_meant(target, base)
        pairs = await align.draft(first, second, caller, language=language)
        if form == "sssom":
            return Response(write_sssom(pairs, first), media_type="text/tab-separated-values; charset=utf-8")
        return {"mappings": [pair.to_json() for pair in pairs]}

    @api.post(
        "/ontologies/alignment",
        status_code=201,
        summary="Publish an alignment",
        description=(
            "The body is a table of SSSOM (TSV) whose rows a person has confirmed. It is published as an ontology of "
            "its own: `id` is the last part of its address, `title` its title. A search for a term then finds those "
            "aligned with it, and mappings between schemas use it."
        ),
    )
    async def publish_alignment(
        request: Request,
        name: Annotated[str, Query(alias="id", max_length=63)] = "",
        title: Annotated[str, Query(max_length=300)] = "",
    ) -> Any:
        caller = await person(request)
        align.require_role(caller)
        body = bytearray()
        async for chunk in chunks(request):
            body += chunk
            if len(body) > TABLE:
                raise TooLarge(f"the table may have at most {TABLE} bytes", remedy="publish it in parts")
        fields = {"id": name, "title": title, "description": title}
        publication = await align.publish(read_sssom(body.decode("utf-8", "replace")), fields, caller)
        return {"iri": publication.record.iri, "version": publication.record.version}

    @api.post(
        "/ontologies/reason",
        summary="Check whether an ontology contradicts itself",
        description=(
            "HermiT (OWL 2 DL) classifies the asset `ontology` (an address, or `ontology/NAME` of this node), "
            "confined and limited in time. `verdict` is consistent, empty-classes or inconsistent; or no-java, "
            "no-library, not-confined, too-large, too-long or failed, without an answer. `empty` lists the classes "
            "that can have no members, `because` the axioms that are the reason; with `minimal` none of them can be "
            "left out. `below` lists what follows about classes and is not stated. Without `imports=false` the "
            "ontologies that it imports are read too, and listed in `imports`."
        ),
    )
    async def reason_over(
        request: Request, ontology: Annotated[str, Query(max_length=2048)] = "", imports: bool = True
    ) -> Any:
        caller = await person(request)
        language = language_in(request.headers.get("accept-language"))
        return (await reason(iri_meant(ontology, base), caller, imports=imports)).to_json(language)

    @api.get(
        "/transformations/draft",
        summary="Draft a mapping between two assets",
        description=(
            "Each of `from` and `to` is a schema, a dataset with described columns, or a model (an address, or "
            "`schema/NAME` of this node). `fromRole` and `toRole` name an output or input of a model. The fields "
            "of `to` are filled by linked terms first, then by names, labels and units; `column=TARGET:SOURCE` (may "
            "be repeated) chooses a column, `column=TARGET:` leaves it out. `columns` has the reasons, "
            "`gaps` the fields that nothing fills, `definition` the column mapping. `chains` are "
            "transformations of the catalogue that lead the same way, at most four steps, cheapest loss first."
        ),
    )
    async def draft(
        request: Request,
        source: Annotated[str, Query(alias="from", max_length=2048)] = "",
        target: Annotated[str, Query(alias="to", max_length=2048)] = "",
        source_role: Annotated[str, Query(alias="fromRole", max_length=200)] = "",
        target_role: Annotated[str, Query(alias="toRole", max_length=200)] = "",
        column: Annotated[list[str] | None, Query(max_length=200)] = None,
    ) -> Any:
        caller = await person(request)
        order = MappingOrder(
            source=iri_meant(source, base),
            target=iri_meant(target, base),
            source_role=source_role,
            target_role=target_role,
            choices=choices_of(column or ()),
        )
        return (await draft_mapping(order, caller)).to_json(language_in(request.headers.get("accept-language")))

    return api


def choices_of(pairs: Iterable[str]) -> dict[str, str]:
    """Return field of the target → column of the source, from texts like ``speed:v``. Raises ``InvalidInput``."""
    choices = {}
    for pair in pairs:
        name, colon, column = pair.partition(":")
        if not name or not colon:
            raise InvalidInput(f"{pair[:80]} chooses no column", remedy="write column=FIELD:COLUMN, such as speed:v")
        choices[name] = column
    return choices


def _file_name(request: Request) -> str:
    return safe_name(unquote(request.headers.get("x-file-name", "")) or "data")
