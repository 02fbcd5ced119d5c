"""Shapes: loaded from the packaged files, compiled once, and applied to one description at a time.

The engine is pyshifty; pyshacl is its oracle in the tests. The engine gets only bytes (text that looks like an
address would be fetched), infers nothing, and fails if it does not understand a shape. Its report names the broken
shape; ``words`` reads the sentence for people from the shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, RdfFormat, parse, serialize

from node.base.errors import LocalFault
from node.semantics import resources
from node.semantics.codelists.filetypes import FILE_TYPES
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, Code, CodeList
from node.semantics.codelists.themes import THEMES
from node.semantics.findings import words
from node.semantics.kinds import EVERY_KIND_SHAPES, AssetKind
from node.semantics.model import Finding
from node.texts import languages
from node.vocab.namespaces import DCAT, DCT, HANSA, RDF, RDFS, SH, SKOS, local_name

CODED: Final[Mapping[str, CodeList]] = {
    f"{DCAT}theme": THEMES,
    f"{DCT}license": LICENCES,
    f"{DCT}accessRights": ACCESS,
    f"{DCT}accrualPeriodicity": FREQUENCIES,
    f"{DCT}format": FILE_TYPES,
    f"{DCT}language": LANGUAGES,
}
"""Property → the code list that its values come from."""

_TYPE = NamedNode(f"{RDF}type")
_NODE_SHAPE = NamedNode(f"{SH}NodeShape")
_PARAMETERS: Final = {
    "minCount": "MinCount",
    "maxCount": "MaxCount",
    "datatype": "Datatype",
    "nodeKind": "NodeKind",
    "class": "Class",
    "pattern": "Pattern",
    "minLength": "MinLength",
    "maxLength": "MaxLength",
    "minInclusive": "MinInclusive",
    "maxInclusive": "MaxInclusive",
    "minExclusive": "MinExclusive",
    "maxExclusive": "MaxExclusive",
    "hasValue": "HasValue",
    "in": "In",
    "languageIn": "LanguageIn",
    "equals": "Equals",
    "disjoint": "Disjoint",
    "lessThan": "LessThan",
    "lessThanOrEquals": "LessThanOrEquals",
    "qualifiedMinCount": "QualifiedMinCount",
    "qualifiedMaxCount": "QualifiedMaxCount",
}
_FOR_PEOPLE: Final = frozenset(
    (f"{SH}message", f"{SH}name", f"{SH}description", f"{HANSA}field", f"{HANSA}remedy", f"{RDFS}comment")
)
_LONGEST: Final = 200
"""Characters of a value that a finding repeats."""
_LISTED: Final = frozenset({"in", "languageIn"})


@dataclass(frozen=True, slots=True)
class ShapeBreach:
    """One result of validation, as the report has it. ``path`` is empty if the path is not a single property."""

    severity: str
    focus: str
    path: str
    value: str
    shape: str
    component: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRule:
    """The texts of a shape for people, by language, and the parameters of its constraints as text."""

    messages: Mapping[str, str]
    remedies: Mapping[str, str]
    names: Mapping[str, str]
    field: str
    path: str
    bounds: Mapping[str, str]


_SILENT: Final = ShapeRule(messages={}, remedies={}, names={}, field="", path="", bounds={})


class Shapes:
    """Several shapes files, compiled together."""

    def __init__(self, sources: Iterable[bytes]) -> None:
        # Imported here, so that processes which never validate do not load the engine.
        from shifty._shifty import PreparedValidator

        statements = Dataset()
        try:
            for number, source in enumerate(sources):
                for quad in parse(source, format=RdfFormat.TURTLE, rename_blank_nodes=number > 0):
                    statements.add(quad)
        except SyntaxError as error:
            raise LocalFault(f"the shapes cannot be read: {error}") from error
        self._rules = _rules(statements)
        self.count = sum(quad.object == _NODE_SHAPE for quad in statements.quads_for_predicate(_TYPE))
        """The number of node shapes."""
        self.inverse = _inverse(statements)
        """The properties that the shapes follow backwards; None if they may look at any statement."""
        # The engine copies everything that it does not use into every report; texts for people are most of the
        # shapes.
        used = [quad.triple for quad in statements if quad.predicate.value not in _FOR_PEOPLE]
        try:
            self._engine = PreparedValidator(serialize(used, format=RdfFormat.N_TRIPLES))
        except ValueError as error:
            raise LocalFault(f"the shapes cannot be compiled: {error}") from error
        if self._engine.diagnostics:
            raise LocalFault(f"the shapes cannot be understood: {'; '.join(self._engine.diagnostics)}")

    def breaches(self, ntriples: bytes) -> tuple[ShapeBreach, ...]:
        """Return all results for the graph in ``ntriples``, of every severity, in a stable order."""
        report = self._engine.validate_w3c(
            data=ntriples, data_format="nt", graph_mode="data", run_infer=False, on_unsupported="error"
        )
        if report.conforms:
            return ()
        return _breaches(report.report_turtle.encode())

    def rule(self, shape: str) -> ShapeRule:
        """Return the rule of the shape with this IRI; an empty rule for shapes without texts."""
        return self._rules.get(shape, _SILENT)

    def finding(self, breach: ShapeBreach, *, severity: str | None = None) -> Finding:
        """Return ``breach`` in words. ``field`` is the bare name from the shape; the caller knows the place."""
        rule = self.rule(breach.shape)
        path = breach.path or rule.path
        facts = _messages(rule, breach, path)
        return words.finding(
            facts,
            severity=severity or breach.severity,
            rule=breach.shape or breach.component,
            field=rule.field,
            # A constraint on a node as a whole reports the node as value too, which does not help a reader.
            value="" if breach.value == breach.focus else breach.value[:_LONGEST],
            path=path,
            focus=breach.focus,
        )


def _messages(rule: ShapeRule, breach: ShapeBreach, path: str) -> dict[str, tuple[str, str, str]]:
    name = rule.names or {"en": local_name(path) if path else "it"}
    bound = rule.bounds.get(breach.component.removeprefix(SH).removesuffix("ConstraintComponent"), "")
    generic = words.about_component(breach.component, name=name, bound=bound)
    codes = CODED.get(path)
    near = words.code_guess(codes, local_name(breach.value)) if codes and breach.value and not codes.open else {}
    facts = {}
    for language in languages.LANGUAGES:
        what, why, remedy = generic[language]
        if language in rule.messages:
            what, why = words.halves(rule.messages[language], language)
        elif "en" in rule.messages:
            # The shape's own English sentence is more precise than a general one in the reader's language.
            continue
        facts[language] = (what, why, near.get(language) or rule.remedies.get(language, remedy))
    return facts


@lru_cache(maxsize=32)
def compile_shapes(files: tuple[str, ...]) -> Shapes:
    """Return the shapes of these files, compiled once for each process."""
    return Shapes(resources.read("shapes", file) for file in files)


def shapes_of(kind: AssetKind) -> Shapes:
    """Return the shapes that descriptions of ``kind`` must satisfy."""
    return compile_shapes((*EVERY_KIND_SHAPES, *kind.shapes))


def vocabulary(dataset: Dataset) -> bytes:
    """Return those concepts of our code lists to which ``dataset`` refers, as N-Triples.

    With them a shape can check whether a theme is in the scheme of EU data themes, and only the concepts that the
    description mentions are parsed.
    """
    lines: dict[str, None] = {}
    for property_, codes in CODED.items():
        for quad in dataset.quads_for_predicate(NamedNode(property_)):
            if isinstance(quad.object, NamedNode):
                code = codes.by_iri(quad.object.value)
                if code is not None:
                    lines.update(dict.fromkeys(_concept(quad.object, code, codes)))
    return "".join(lines).encode()


def _concept(iri: NamedNode, code: Code, codes: CodeList) -> tuple[str, ...]:
    return (
        f"{iri} {_TYPE} <{SKOS}Concept> .\n",
        f"{iri} <{SKOS}inScheme> <{codes.scheme}> .\n",
        *(f"{iri} <{SKOS}prefLabel> {Literal(text, language=tag)} .\n" for tag, text in code.labels.items()),
    )


def _rules(statements: Dataset) -> dict[str, ShapeRule]:
    rules: dict[str, ShapeRule] = {}
    annotations = {
        quad.subject
        for property_ in (f"{SH}message", f"{SH}path", f"{HANSA}remedy", f"{SH}targetClass", *map(_sh, _PARAMETERS))
        for quad in statements.quads_for_predicate(NamedNode(property_))
    }
    for shape in annotations:
        parameters: dict[str, list[Any]] = {}
        for quad in statements.quads_for_subject(shape):
            parameters.setdefault(quad.predicate.value, []).append(quad.object)
        path = parameters.get(f"{SH}path", [None])[0]
        fields = parameters.get(f"{HANSA}field", [])
        rules[_text(shape)] = ShapeRule(
            messages=_by_language(parameters.get(f"{SH}message", ())),
            remedies=_by_language(parameters.get(f"{HANSA}remedy", ())),
            names=_by_language(parameters.get(f"{SH}name", ())),
            field=fields[0].value if fields else "",
            path=path.value if isinstance(path, NamedNode) else "",
            bounds={
                component: _bound(statements, name, parameters[_sh(name)][0])
                for name, component in _PARAMETERS.items()
                if _sh(name) in parameters
            },
        )
    return rules


def _bound(statements: Dataset, name: str, value: Any) -> str:
    if name in _LISTED:
        return ", ".join(_display_text(item) for item in _items(statements, value))
    return _display_text(value)


def _items(statements: Dataset, head: Any) -> Iterable[Any]:
    first, rest, nil = (NamedNode(f"{RDF}{name}") for name in ("first", "rest", "nil"))
    while head != nil:
        items = {quad.predicate: quad.object for quad in statements.quads_for_subject(head)}
        if first not in items or rest not in items:
            return
        yield items[first]
        head = items[rest]


def _display_text(term: Any) -> str:
    return local_name(term.value) if isinstance(term, NamedNode) else str(term.value)


def _sh(name: str) -> str:
    return f"{SH}{name}"


def _by_language(terms: Iterable[Any]) -> dict[str, str]:
    return {term.language or "en": term.value for term in terms if isinstance(term, Literal)}


def _breaches(report: bytes) -> tuple[ShapeBreach, ...]:
    results: dict[Any, dict[str, Any]] = {}
    for quad in parse(report, format=RdfFormat.TURTLE):
        results.setdefault(quad.subject, {})[quad.predicate.value.removeprefix(SH)] = quad.object
    breaches = [
        ShapeBreach(
            severity=local_name(_text(result["resultSeverity"])).casefold(),
            focus=_text(result["focusNode"]),
            path=result["resultPath"].value if isinstance(result.get("resultPath"), NamedNode) else "",
            value=_text(result["value"]) if "value" in result else "",
            shape=_text(result["sourceShape"]) if "sourceShape" in result else "",
            component=_text(result["sourceConstraintComponent"]),
        )
        for result in results.values()
        if "focusNode" in result
    ]
    return tuple(sorted(breaches, key=in_order))


def in_order(breach: ShapeBreach) -> tuple[str, ...]:
    """Return the key by which the breaches of a description are sorted."""
    return breach.focus, breach.path, breach.shape, breach.component, breach.value


def _inverse(statements: Dataset) -> frozenset[str] | None:
    if any(True for _ in statements.quads_for_predicate(NamedNode(_sh("sparql")))):
        return None
    objects = [
        quad.object
        for name in ("inversePath", "targetObjectsOf")
        for quad in statements.quads_for_predicate(NamedNode(_sh(name)))
    ]
    properties = frozenset(term.value for term in objects if isinstance(term, NamedNode))
    return properties if len(properties) == len(set(objects)) else None


def _text(term: Any) -> str:
    return f"_:{term.value}" if isinstance(term, BlankNode) else str(term.value)
