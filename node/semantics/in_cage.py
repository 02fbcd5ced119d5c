"""The functions for descriptions that run in the cage: they turn submissions into checked, canonical descriptions.

A child is forked for each call from a process that has imported this module: data compiled here at import are
compiled once, and a description of sixty triples takes a few milliseconds. The functions also work outside the cage,
for tests and for this node's own data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from node.base.errors import RemoteFault
from node.cage.wire import fault_to_json
from node.semantics.description import summary, tables
from node.semantics.description.completion import Setting, is_open
from node.semantics.description.drafts import Draft, draft
from node.semantics.description.personal_data import is_offered, require_grounds
from node.semantics.description.schema_definitions import describe_definition
from node.semantics.documents import canonical
from node.semantics.kinds import KINDS
from node.semantics.model import Finding, Submission
from node.semantics.ontologies.terms import vocabulary
from node.semantics.quality import measure
from node.semantics.triples import nodes
from node.semantics.validation.breaches import Candidate, check_all, tidy, with_places
from node.semantics.validation.shapes import shapes_of
from node.vocab.namespaces import DCAT

TERMS: Final = 300
"""Terms of an ontology that pages list; the rest is in the description itself."""


def describe(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.describe``: see ``node.semantics.description.cage_client`` for arguments and results."""
    drafted = draft(Submission.from_json(message["submission"], blobs[0] if blobs else None), _setting(message))
    ((answer, nquads),) = _describe([drafted], message)
    return answer, [nquads]


def describe_all(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.describe_all``: describe many submissions, or say why one cannot be read.

    ``message`` is that of ``describe`` with ``submissions``, and ``documents``: for each the place of its document
    among ``blobs``, or None. Returns ``{"descriptions": [answer of describe | {"fault"}, …]}`` and a blob with the
    canonical N-Quads of each.
    """
    setting = _setting(message)
    drafts: list[Draft | RemoteFault] = []
    for members, place in zip(message["submissions"], message["documents"], strict=True):
        try:
            drafts.append(draft(Submission.from_json(members, None if place is None else blobs[place]), setting))
        except RemoteFault as fault:
            drafts.append(fault)
    answers = iter(_describe([item for item in drafts if isinstance(item, Draft)], message))
    results = [
        ({"fault": fault_to_json(item)}, b"") if isinstance(item, RemoteFault) else next(answers) for item in drafts
    ]
    return {"descriptions": [answer for answer, _ in results]}, [nquads for _, nquads in results]


def _setting(message: dict[str, Any]) -> Setting:
    return Setting(base=message["base"], me=message["me"], my_name=message["myName"], language=message["language"])


def _describe(drafts: Sequence[Draft], message: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
    """Return the answer about each draft, and its canonical N-Quads; all are validated together."""
    descriptions, tables_of = [], []
    for item in drafts:
        if item.subject is None or item.kind is None:
            continue
        dataset, subject = item.dataset, item.subject
        if item.kind.name == "schema":
            item.findings += describe_definition(dataset, subject, line=item.lines.get("definition"))
        for_all = item.conditions is not None and is_open(item.conditions, item.audience)
        about = tables.settle(dataset, subject, is_open=for_all, line=item.lines.get("personal_data"))
        if is_offered(item.conditions, item.audience):
            asks = bool(message.get("asksAssessment"))
            about += require_grounds(dataset, subject, item.lines, asks_assessment=asks)
        tables_of.append(about)
        files = nodes(dataset, subject, f"{DCAT}distribution")
        covered = () if is_open(item.conditions, item.audience) else (subject, *files)
        descriptions.append(
            Candidate(dataset=dataset, subject=subject, kind=item.kind, nodes_under_conditions=covered)
        )
    findings = check_all(descriptions, advised_profiles=message["advised"], enforced_profiles=message["enforced"])
    reports = zip(descriptions, tables_of, findings, strict=True)
    setting = _setting(message)
    return [
        _answer_without_subject(item)
        if item.subject is None or item.kind is None
        else _answer(item, *next(reports), setting)
        for item in drafts
    ]


def _answer(
    draft: Draft,
    description: Candidate,
    about_tables: Sequence[Finding],
    breaches: Sequence[Finding],
    setting: Setting,
) -> tuple[dict[str, Any], bytes]:
    dataset, subject, kind = description.dataset, description.subject, description.kind

    def line(path: str) -> int | None:
        while path and path not in draft.lines:
            path = path.rpartition(".")[0]
        return draft.lines.get(path)

    report = tidy([*draft.findings, *about_tables, *with_places(breaches, draft.places, line)])
    nquads, sha256 = canonical(dataset)
    facts = summary.overview(dataset, subject, kind)
    if kind.name == "dataset":
        conforms = not any(f.severity == "violation" and "/shapes/dcat-ap#" in f.rule for f in report)
        own = {iri: True for iri in _addresses(facts) if iri.startswith(f"{subject.value}/files/")}
        own[subject.value] = True
        facts["score"] = measure(dataset, subject, conforms=conforms, reachability=own).to_json()
    if kind.name == "ontology":
        terms = list(vocabulary(dataset, subject).terms.values())
        facts["terms"] = [term.to_json() for term in terms[:TERMS]]
        facts["term_count"] = len(terms)
    publisher, publisher_name = summary.publisher(dataset, subject)
    is_another = publisher_name.casefold() not in ("", setting.my_name.casefold())
    answer = {
        "iri": subject.value,
        "kind": kind.name,
        "titles": summary.titles(dataset, subject),
        "descriptions": summary.descriptions(dataset, subject),
        # A publisher without an IRI is identified by its name.
        "publisher": publisher or (publisher_name if is_another else setting.me),
        "publisherName": publisher_name or setting.my_name,
        "keywords": list(summary.keywords(dataset, subject)),
        "themes": list(summary.themes(dataset, subject)),
        "sha256": sha256,
        "findings": [finding.to_json() for finding in report],
        "conditions": draft.conditions,
        "audience": draft.audience,
        "files": [file.to_json() for file in draft.files],
        "bbox": summary.bbox(dataset, subject),
        "extra": facts,
    }
    return answer, nquads


def _addresses(facts: dict[str, Any]) -> list[str]:
    return [str(file["download_url"]) for file in facts.get("files", ()) if "download_url" in file]


def _answer_without_subject(draft: Draft) -> tuple[dict[str, Any], bytes]:
    """Return the answer about a submission without a subject: the findings, and empty values for the rest."""
    answer: dict[str, Any] = {
        "iri": "",
        "kind": draft.kind.name if draft.kind else "",
        "titles": {},
        "descriptions": {},
        "publisher": "",
        "publisherName": "",
        "keywords": [],
        "themes": [],
        "sha256": "",
        "findings": [finding.to_json() for finding in tidy(draft.findings)],
        "conditions": None,
        "audience": None,
        "files": [],
        "bbox": None,
        "extra": None,
    }
    return answer, b""


for _kind in KINDS.values():
    shapes_of(_kind)
