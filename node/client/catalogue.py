"""Finding and reading assets, from the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from node.client.calls import Call, Page, content, document, endpoint, listing, rows

PAGE = 100
"""The assets that one request of ``search_all`` returns."""


class QueryResults(bytes):
    """The answer to a SPARQL query. ``is_partial``: statements are missing, since the store is being filled."""

    is_partial = False

    @classmethod
    def of(cls, answer: httpx2.Response) -> QueryResults:
        """Return the results in an HTTP answer."""
        results = cls(answer.content)
        results.is_partial = answer.headers.get("hansa-partial") == "true"
        return results


class CatalogueCalls:
    """The part of a client that is about the catalogue."""

    @endpoint
    def quality(self, *, language: str = "en") -> Call[list[dict[str, Any]]]:
        """Return the quality of all records of this node, and of each publisher, over time."""
        return rows("GET", "/api/quality", params={"language": language})

    @endpoint
    def record_quality(self, iri: str) -> Call[list[dict[str, Any]]]:
        """Return the points of each version of a record, oldest first."""
        return rows("GET", "/api/quality/record", params={"iri": iri})

    @endpoint
    def links(
        self, *, state: str | None = None, iri: str = "", source: str = "", after: str = "", limit: int = 100
    ) -> Call[dict[str, Any]]:
        """Return links in the records of this node, in one, or in those harvested from ``source``, with what they
        answered; ``state`` is ``works``, ``broken`` or ``unknown``, ``after`` the ``next`` of the page before."""
        params = {"state": state, "iri": iri, "source": source, "after": after, "limit": limit}
        return document("GET", "/api/quality/links", params={name: text for name, text in params.items() if text})

    @endpoint
    def checked_data(
        self, *, state: str = "", iri: str = "", after: str = "", limit: int = 100, language: str = "en"
    ) -> Call[dict[str, Any]]:
        """Return harvested files that were compared with the schema that they name; ``state`` is ``conforms``,
        ``breaks`` or ``unknown``, ``after`` the ``next`` of the page before."""
        params = {"state": state, "iri": iri, "after": after, "limit": limit, "language": language}
        return document("GET", "/api/quality/data", params={name: text for name, text in params.items() if text})

    @endpoint
    def check_links(self, iri: str = "") -> Call[dict[str, Any]]:
        """Have all links of this node, or those of one record, checked soon; return how many."""
        return document("POST", "/api/quality/links/check", params={"iri": iri} if iri else {})

    @endpoint
    def profiles(self) -> Call[list[dict[str, Any]]]:
        """Return the profiles that the node can check besides DCAT-AP, and whether it uses them."""
        return rows("GET", "/api/profiles")

    @endpoint
    def check_profile(self, name: str) -> Call[dict[str, Any]]:
        """Return whether the node understands the shapes of a profile: ``shapes``, ``gaps`` and ``error``. Raises
        ``Refusal`` for a profile that does not exist."""
        return document("GET", f"/api/profiles/{quote(name, safe='')}/check")

    @endpoint
    def search(self, /, text: str = "", *, region: bool = False, **facets: Any) -> Call[dict[str, Any]]:
        """Search: ``kind, theme, keyword, publisher, access, format, license, node, spatial, year, quality``,
        ``bbox, place, since, until``, ``offset, limit, sort, cursor, lang, widen``; with ``region`` in the region's
        catalogue, as this node.

        ``sort`` is ``best``, ``newest``, ``quality`` or ``published``; ``cursor`` leads to the next page.
        ``since`` and ``until`` are a day, a month or a year. Raises ``Refusal`` for an unknown facet.
        """
        return document("GET", _search_path(region), params=_search_params(text, facets))

    @listing
    def search_all(self, /, text: str = "", *, region: bool = False, **facets: Any) -> Call[Page[dict[str, Any]]]:
        """Yield every asset that ``search`` finds, in the order of publication, oldest first.

        Each asset comes once, also while others are published, changed or withdrawn in the meantime.
        """
        params = {"limit": PAGE, **_search_params(text, facets), "sort": "published"}
        return _page_of_hits(_search_path(region), params)

    @endpoint
    def record(
        self, iri: str, *, version: int | None = None, as_of: str | None = None, language: str = "en"
    ) -> Call[dict[str, Any]]:
        """Return an asset as JSON, with its texts in ``language`` where they are there."""
        params: dict[str, Any] = {"iri": iri, "lang": language}
        if version is not None:
            params["version"] = version
        if as_of is not None:
            params["asOf"] = as_of
        return document("GET", "/api/catalogue/record", params=params)

    @endpoint
    def versions(self, iri: str) -> Call[list[dict[str, Any]]]:
        """Return all versions of an asset that the caller may see."""
        params = {"iri": iri}
        return Call(
            "GET", "/api/catalogue/versions", lambda answer: list(answer.json()["versions"]), {"params": params}
        )

    @endpoint
    def story(self, iri: str, *, version: int | None = None) -> Call[dict[str, Any]]:
        """Return the story of a published result, as far as the caller may know it."""
        params = {"iri": iri, **({"version": version} if version is not None else {})}
        return document("GET", "/api/catalogue/story", params=params)

    @endpoint
    def story_file(self, iri: str, *, version: int, lang: str = "en") -> Call[bytes]:
        """Return the story of a published result as a page in one file."""
        return content("GET", "/record/story.html", params={"iri": iri, "version": version, "lang": lang})

    @endpoint
    def changes(self, iri: str, *, before: int | None = None, after: int | None = None) -> Call[dict[str, Any]]:
        """Return the differences between two versions of an asset; by default the newest and the one before it."""
        numbers = {"from": before, "to": after}
        params = {"iri": iri, **{name: number for name, number in numbers.items() if number is not None}}
        return document("GET", "/api/catalogue/changes", params=params)

    @endpoint
    def schema_fields(self, iri: str, *, part: str = "", to: str = "", language: str = "en") -> Call[dict[str, Any]]:
        """Return the fields of a schema, and with ``to`` the schema in that language and what is lost."""
        params = {"schema": iri, "part": part, "to": to}
        return document("GET", "/api/schemas/fields", params=params, headers={"Accept-Language": language})

    @endpoint
    def schema_subjects(self, text: str = "") -> Call[list[dict[str, Any]]]:
        """Return the schemas of the node's schema registry; with ``text``, those with it in name or title."""
        params = {"params": {"q": text} if text else {}}
        return Call("GET", "/api/catalogue/subjects", lambda answer: list(answer.json()["subjects"]), params)

    @endpoint
    def schema_versions(self, subject: str) -> Call[dict[str, Any]]:
        """Return the versions of a schema in the registry, each with its verdict against the one before."""
        return document("GET", "/api/catalogue/subject", params={"subject": subject})

    @endpoint
    def draft_schema(self, source: str, *, language: str = "en") -> Call[dict[str, Any]]:
        """Draft a schema from a dataset, a model or a class: ``{"title", "definition"}``."""
        headers = {"Accept-Language": language}
        return document("GET", "/api/schemas/draft", params={"from": source}, headers=headers)

    @endpoint
    def fields(self, means: str) -> Call[list[dict[str, Any]]]:
        """Return the fields that mean a term, by its address or a word: ``[{"iri", "field", "term", …}]``."""
        return Call(
            "GET", "/api/catalogue/fields", lambda answer: list(answer.json()["fields"]), {"params": {"means": means}}
        )

    @endpoint
    def terms(
        self, query: str, *, kind: str = "", ontology: str = "", limit: int = 20, language: str = "en"
    ) -> Call[dict[str, Any]]:
        """Find terms of ontologies by words of their labels and definitions: ``{"total", "terms"}``."""
        params: dict[str, Any] = {"q": query, "limit": limit, "lang": language}
        params |= {name: value for name, value in (("kind", kind), ("ontology", ontology)) if value}
        return document("GET", "/api/catalogue/terms", params=params)

    @endpoint
    def try_transformation(
        self, iris: str | Sequence[str], sample: Path, *, whole: bool = False
    ) -> Call[dict[str, Any]]:
        """Carry out a transformation, or a chain of them, on a file of rows: ``{"input", "output"}``, each with
        columns, the first rows (all of the output if ``whole``), count and hash; ``steps`` of a chain."""
        headers = {"X-File-Name": quote(sample.name)}
        return document(
            "POST",
            "/api/transformations/try",
            params={
                "transformation": [iris] if isinstance(iris, str) else list(iris),
                **({"whole": "true"} if whole else {}),
            },
            content=sample.read_bytes(),
            headers=headers,
        )

    @endpoint
    def draft_alignment(self, source: str, target: str = "", *, language: str = "en") -> Call[dict[str, Any]]:
        """Draft which terms of two ontologies mean the same: ``{"mappings"}``; without ``target``, those stated."""
        params = {"from": source, "to": target}
        return document("GET", "/api/ontologies/alignment", params=params, headers={"Accept-Language": language})

    @endpoint
    def draft_alignment_table(self, source: str, target: str = "") -> Call[bytes]:
        """Return the same as a table of SSSOM (TSV)."""
        params = {"from": source, "to": target, "format": "sssom"}
        return content("GET", "/api/ontologies/alignment", params=params)

    @endpoint
    def publish_alignment(self, table: Path, *, name: str, title: str) -> Call[dict[str, Any]]:
        """Publish a table of SSSOM as an alignment: ``{"iri", "version"}``."""
        params = {"id": name, "title": title}
        return document("POST", "/api/ontologies/alignment", params=params, content=table.read_bytes())

    @endpoint
    def imports(self, iri: str, *, version: int | None = None) -> Call[dict[str, Any]]:
        """Return the imports of an ontology in the catalogue: ``{"iri", "version", "imports"}``."""
        params: dict[str, Any] = {"iri": iri} | ({} if version is None else {"version": version})
        return document("GET", "/api/catalogue/imports", params=params, headers={"Accept": "application/json"})

    @endpoint
    def fairness(self, iri: str, *, language: str = "en") -> Call[dict[str, Any]]:
        """Return the FAIR points of an ontology, and how complete its documentation is: ``{"points", "criteria",
        "first", "languages", "pitfalls"}``."""
        headers = {"Accept-Language": language}
        return document("GET", "/api/catalogue/fairness", params={"iri": iri}, headers=headers)

    @endpoint
    def publish_ontology(self, order: dict[str, Any]) -> Call[dict[str, Any]]:
        """Publish the ontology that the node reads at ``order["url"]``; further members: ``fields``, ``conditions``,
        ``audience``, ``dryRun``, ``allowBreaking``. The answer is that of ``publish``."""
        return document("POST", "/api/ontologies", json=order, timeout=None)

    @endpoint
    def reason(self, iri: str, *, imports: bool = True, language: str = "en") -> Call[dict[str, Any]]:
        """Check with a reasoner whether an ontology, with its ``imports`` or without, contradicts itself:
        ``{"verdict", "text", "empty", "below"}``."""
        headers = {"Accept-Language": language}
        params = {"ontology": iri, "imports": imports}
        return document("POST", "/api/ontologies/reason", params=params, headers=headers, timeout=None)

    @endpoint
    def draft_mapping(
        self,
        source: str,
        target: str,
        *,
        source_role: str = "",
        target_role: str = "",
        columns: Sequence[str] = (),
        language: str = "en",
    ) -> Call[dict[str, Any]]:
        """Draft a mapping between two assets: ``{"columns", "gaps", "unread", "definition", "chains"}``. ``columns``
        are choices such as ``speed:v``."""
        pairs = {"from": source, "to": target, "fromRole": source_role, "toRole": target_role}
        params: dict[str, Any] = {name: value for name, value in pairs.items() if value}
        params |= {"column": list(columns)} if columns else {}
        headers = {"Accept-Language": language}
        return document("GET", "/api/transformations/draft", params=params, headers=headers)

    @endpoint
    def term(self, iri: str, *, language: str = "en") -> Call[dict[str, Any]]:
        """Return a term of an ontology, with the assets that use it."""
        return document("GET", "/api/catalogue/term", params={"iri": iri, "lang": language})

    @endpoint
    def sparql(
        self,
        query: str,
        *,
        accept: str = "application/sparql-results+json",
        as_of: str | None = None,
        region: bool = False,
        entailment: str = "",
    ) -> Call[QueryResults]:
        """Return the unchanged answer of the SPARQL end point (of the region's, with ``region``). With ``entailment``
        ``rl``, what follows from the statements is found too."""
        options: dict[str, Any] = {"data": {"query": query}, "headers": {"Accept": accept}}
        parameters = {"asOf": as_of, "entailment": entailment}
        options["params"] = {name: value for name, value in parameters.items() if value}
        return Call("POST", "/api/region/sparql" if region else "/sparql", QueryResults.of, options)


def _search_path(region: bool) -> str:
    return "/api/region/search" if region else "/api/catalogue/search"


def _search_params(text: str, facets: dict[str, Any]) -> dict[str, Any]:
    names = {"since": "from", "until": "to"}
    chosen = {names.get(name, name): value for name, value in facets.items() if value not in (None, "", [], ())}
    return {"q": text, **chosen}


def _page_of_hits(path: str, params: dict[str, Any]) -> Call[Page[dict[str, Any]]]:
    def read(answer: httpx2.Response) -> Page[dict[str, Any]]:
        page = answer.json()
        cursor = page.get("cursor")
        return Page(page["hits"], _page_of_hits(path, {**params, "cursor": cursor}) if cursor else None)

    return Call("GET", path, read, {"params": params})
