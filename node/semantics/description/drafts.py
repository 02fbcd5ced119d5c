"""A submission → a draft: one graph about one asset of this node, with the findings so far.

A document and fields may come together: the fields then add statements about the document's main subject, and replace
contrary ones. Statements about things that have, or should have, records of their own are left out: a record makes
statements about itself only, so that no record can change the statements of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyoxigraph import Dataset, Literal, NamedNode, Quad

from node.semantics import policies
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.lookup import fold
from node.semantics.description import distributions
from node.semantics.description.builder import Builder, slug
from node.semantics.description.completion import Setting, complete
from node.semantics.description.fields import fields_of
from node.semantics.description.forms import find
from node.semantics.description.subjects import DOCUMENT, Subject, address, adopt, is_address, is_slug, main_subject
from node.semantics.description.values import is_link
from node.semantics.documents import parse
from node.semantics.findings import words
from node.semantics.kinds import KINDS, AssetKind, kind_named, kinds_like
from node.semantics.model import File, Finding, Submission
from node.semantics.triples import TYPE, drop, nodes, reachable, types
from node.vocab.namespaces import DCAT, DCT, IT6, local_name


@dataclass(slots=True, kw_only=True)
class Draft:
    """A record in the making. ``subject`` and ``kind`` are None if the submission is too broken to determine them."""

    dataset: Dataset = field(default_factory=Dataset)
    subject: NamedNode | None = None
    kind: AssetKind | None = None
    findings: list[Finding] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    conditions: dict[str, Any] | None = None
    audience: str | None = None


def draft(submission: Submission, setting: Setting) -> Draft:
    """Return the draft that ``submission`` makes. Raises ``InvalidInput`` and related errors for an unreadable
    document."""
    fields = dict(submission.fields or {})
    result = Draft(lines=_lines(fields.pop("__lines__", None)))
    kind = _kind(submission, fields, result)
    if result.findings:
        return result
    if submission.document is not None:
        document = parse(submission.document, submission.media_type or "", base=DOCUMENT)
        _from_document(document, submission, fields, kind, setting, result)
    elif kind is None:
        result.findings.append(words.about_field("no-kind", field="kind", guess=", ".join(KINDS)))
    else:
        _from_fields(submission, fields, kind, setting, result)
    if result.subject is not None and result.kind is not None:
        _agree(submission, fields, result)
        complete(
            result.dataset,
            result.subject,
            result.kind,
            setting,
            conditions=result.conditions,
            audience=result.audience,
        )
    return result


def _lines(lines: Any) -> dict[str, int]:
    """Return field path → line, as the command line sends it; empty for any other value."""
    if not isinstance(lines, Mapping):
        return {}
    return {str(path): line for path, line in lines.items() if isinstance(line, int)}


def _kind(submission: Submission, fields: Mapping[str, Any], result: Draft) -> AssetKind | None:
    name = submission.kind or fields.get("kind")
    if not name:
        return None
    kind = kind_named(str(name))
    if kind is None:
        guess = words.guess(kinds_like(str(name)) or tuple(KINDS))
        result.findings.append(
            words.about_field(
                "unknown-kind", field="kind", value=str(name)[:60], line=result.lines.get("kind"), guess=guess
            )
        )
    return kind


def _from_fields(
    submission: Submission, fields: dict[str, Any], kind: AssetKind, setting: Setting, result: Draft
) -> None:
    iri, foreign = _requested_address(submission, fields, kind, setting, result)
    if iri is None:
        if not result.findings:
            result.findings.append(words.about_field("no-name", field="id"))
        return
    result.kind, result.subject = kind, NamedNode(iri)
    builder = _builder(fields, kind, setting, result)
    _fill(builder, result.subject, submission, fields, setting, result)
    if foreign:
        builder.add(result.subject, f"{DCT}identifier", Literal(foreign))


def _from_document(
    document: Dataset,
    submission: Submission,
    fields: dict[str, Any],
    kind: AssetKind | None,
    setting: Setting,
    result: Draft,
) -> None:
    stated_iri = submission.iri or (fields["iri"] if is_link(fields.get("iri")) else None)
    candidate = main_subject(document, kind, stated_iri)
    if isinstance(candidate, Finding):
        result.findings.append(candidate)
        return
    iri: str | None = stated_iri if stated_iri and is_address(stated_iri, setting.base, candidate.kind) else None
    if iri is None and fields:
        iri, _ = _requested_address(submission, fields, candidate.kind, setting, result, titled=False)
    dataset, subject, notes = adopt(_part_about(document, candidate), candidate, setting.base, iri or submission.iri)
    result.findings.extend(notes)
    result.kind = candidate.kind
    if subject is None:
        return
    result.subject = subject
    result.dataset = _absolute(dataset, subject)
    _only_own(result, subject, candidate.kind, setting)
    _conditions_in_rdf(result, subject)
    builder = _builder(fields, candidate.kind, setting, result)
    if fields or submission.files:
        _fill(builder, subject, submission, fields, setting, result)


def _part_about(document: Dataset, subject: Subject) -> Dataset:
    """Return all of the document for an ontology; for anything else, the statements that are reachable from its
    subject."""
    if subject.kind.name == "ontology":
        return document
    triples = reachable(document, [subject.node])
    return Dataset(quad for quad in document if quad.subject in triples)


def _absolute(dataset: Dataset, subject: NamedNode) -> Dataset:
    """Return the dataset with addresses that were relative in the document made absolute, below the subject's own."""

    def own(term: Any) -> Any:
        if not (isinstance(term, NamedNode) and term.value.startswith(DOCUMENT)):
            return term
        rest = term.value.removeprefix(DOCUMENT).removeprefix("#")
        return NamedNode(f"{subject.value}#{rest.replace('#', '-').replace('/', '-')}") if rest else subject

    return Dataset(Quad(own(quad.subject), quad.predicate, own(quad.object)) for quad in dataset)


def _only_own(result: Draft, subject: NamedNode, kind: AssetKind, setting: Setting) -> None:
    """Leave out statements about other assets of this node: they have records of their own."""
    base = setting.base.rstrip("/") + "/"
    mine = (f"{subject.value}#", f"{subject.value}/")
    others = [
        quad
        for quad in result.dataset
        if isinstance(quad.subject, NamedNode)
        and quad.subject != subject
        and quad.subject.value.startswith(base)
        and not quad.subject.value.startswith(mine)
    ]
    for quad in others:
        result.dataset.remove(quad)
    if others:
        result.findings.append(words.about_field("left-out", severity="info", value=str(len(others))))


def _conditions_in_rdf(result: Draft, subject: NamedNode) -> None:
    try:
        offer = policies.offer(result.dataset, subject)
    except policies.NotUnderstood as why:
        result.findings.append(words.about_field("policy-not-understood", field="conditions", value=str(why)[:200]))
        return
    if offer is not None:
        result.conditions = {"offer": offer}


def _requested_address(
    submission: Submission,
    fields: Mapping[str, Any],
    kind: AssetKind,
    setting: Setting,
    result: Draft,
    *,
    titled: bool = True,
) -> tuple[str | None, str]:
    """Return the address that the submission asks for, and a foreign one that it names as its own."""
    stated_name = submission.iri or fields.get("iri") or fields.get("id") or fields.get("name") or fields.get("slug")
    if is_link(stated_name):
        if is_address(str(stated_name), setting.base, kind):
            return str(stated_name), ""
        if str(stated_name).startswith(setting.base.rstrip("/") + "/") or submission.iri:
            below = address(setting.base, kind, "")
            result.findings.append(
                words.about_field("wrong-address", field="iri", value=str(stated_name), kind=kind.name, guess=below)
            )
            return None, ""
        name = slug(local_name(str(stated_name)))
        return (address(setting.base, kind, name), str(stated_name)) if name else (None, "")
    text = str(stated_name) if stated_name else (_any_text(fields.get("title")) if titled else "")
    name = text if stated_name and is_slug(text) else slug(text)
    return (address(setting.base, kind, name) if name else None), ""


def _any_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("en") or next(iter(value.values()), ""))
    return value if isinstance(value, str) else ""


def _builder(fields: Mapping[str, Any], kind: AssetKind, setting: Setting, result: Draft) -> Builder:
    language = setting.language
    stated_language = fields.get("language")
    if isinstance(stated_language, list) and stated_language:
        stated_language = stated_language[0]
    # A steward who states that the dataset is in Dutch writes its title in Dutch.
    if kind.name != "transformation" and isinstance(stated_language, str):
        known = LANGUAGES.find(stated_language)
        language = known.code if known else stated_language.casefold() if _is_tag(stated_language) else language
    return Builder(base=setting.base, kind=kind.name, language=language, lines=result.lines)


def _is_tag(word: str) -> bool:
    return 2 <= len(word) <= 3 and word.isascii() and word.isalpha()


def _fill(
    builder: Builder,
    subject: NamedNode,
    submission: Submission,
    fields: dict[str, Any],
    setting: Setting,
    result: Draft,
) -> None:
    """Add the statements of fields and files; those about the subject replace the document's statements."""
    kind = result.kind
    assert kind is not None
    learned = fields.get("machine_learned") is True or f"{IT6}MachineLearningModel" in types(result.dataset, subject)
    builder.describe(subject, _with_publisher(fields, setting, kind), fields_of(kind.name))
    if learned:
        builder.add(subject, TYPE.value, NamedNode(f"{IT6}MachineLearningModel"))
    stated = {quad.predicate for quad in builder.dataset.quads_for_subject(subject)} - {TYPE}
    for predicate in stated:
        drop(result.dataset, subject, predicate.value)
    if submission.document is not None:
        result.files = _attach(result, subject, submission, builder.language, learned=learned)
    else:
        files = distributions.Distributions(builder, subject, submission.files, learned=learned)
        files.describe(fields)
        result.files = tuple(files.files)
    for quad in builder.dataset:
        result.dataset.add(quad)
    result.findings.extend(builder.findings)
    result.places.update(builder.places)


def _attach(
    result: Draft, subject: NamedNode, submission: Submission, language: str, *, learned: bool
) -> tuple[File, ...]:
    """Join the files of a document's submission to the distributions that the document describes."""
    file_facts: list[File] = []
    free = nodes(result.dataset, subject, f"{DCAT}distribution")
    for file in submission.files:
        if not distributions.is_safe_name(file.name):
            result.findings.append(words.about_field("unsafe-name", field="files", value=file.name[:60]))
            continue
        node = distributions.match(result.dataset, free, file)
        if node is None:
            node = NamedNode(f"{subject.value}#file-{slug(file.name) or file.sha256[:12]}")
            result.dataset.add(Quad(subject, NamedNode(f"{DCAT}distribution"), node))
        else:
            free.remove(node)
        result.dataset.add(Quad(node, TYPE, NamedNode(f"{DCAT}Distribution")))
        file_facts.append(distributions.attach(result.dataset, subject.value, node, file, language))
        if learned:
            distributions.as_model_file(result.dataset, subject, node)
    return tuple(file_facts)


def _with_publisher(fields: dict[str, Any], setting: Setting, kind: AssetKind) -> dict[str, Any]:
    """Return ``fields`` with the DID of this node as publisher, where they name this node or no publisher."""
    publisher = next(
        (name for name in fields if (f := find(fields_of(kind.name), str(name))) and f.name == "publisher"), None
    )
    if publisher is None:
        return fields
    value = fields[publisher]
    name = _any_text(value.get("name")) if isinstance(value, Mapping) else _any_text(value)
    identified = isinstance(value, Mapping) and any(key in value for key in ("iri", "id", "did"))
    if identified or fold(name) != fold(setting.my_name):
        return fields
    more = dict(value) if isinstance(value, Mapping) and "name" in value else {"name": value}
    return {**fields, publisher: {**more, "iri": setting.me}}


def _agree(submission: Submission, fields: Mapping[str, Any], result: Draft) -> None:
    """Set conditions and audience: those of the submission take precedence over the description."""
    conditions = fields.get("conditions")
    if conditions is not None:
        if result.conditions is not None:
            result.findings.append(words.about_field("twice", field="conditions", value="conditions, odrl:hasPolicy"))
        result.conditions = _conditions(conditions, result)
    if submission.conditions is not None:
        result.conditions = dict(submission.conditions)
    audience = submission.audience or fields.get("audience")
    if audience is not None and not (isinstance(audience, str) and audience.strip()):
        result.findings.append(
            words.about_field(
                "wrong-type",
                field="audience",
                line=result.lines.get("audience"),
                expected=words.expected_form("plain"),
            )
        )
        audience = None
    result.audience = audience.strip() if audience else None


def _conditions(value: Any, result: Draft) -> dict[str, Any] | None:
    if isinstance(value, str) and value.strip():
        return {"template": value.strip()}
    if isinstance(value, Mapping) and ("template" in value or "offer" in value):
        return dict(value)
    if isinstance(value, Mapping) and policies.has_rules(value):
        return {"offer": dict(value)}
    result.findings.append(
        words.about_field(
            "wrong-type",
            field="conditions",
            line=result.lines.get("conditions"),
            expected=words.expected_form("conditions"),
        )
    )
    return None
