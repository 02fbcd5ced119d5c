"""terms: find the term of an ontology for a word, and read what it means."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, remark, say, words


def register(app: typer.Typer) -> None:
    app.command("terms")(terms)


def terms(
    query: Annotated[str, typer.Argument(help="Words of the label or the definition; or the address of a term.")],
    kind: Annotated[str, typer.Option(help="Only class, property, datatype, concept, scheme or individual.")] = "",
    ontology: Annotated[str, typer.Option(help="Only terms of the ontology with this address.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="The most terms.")] = 20,
    fields: Annotated[
        bool, typer.Option("--fields", help="Show the datasets and schemas with a field that means it.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Find a term of an ontology, or show one.

    Terms whose label has the words come first, and of these those that most assets use.
    """
    with connect(node) as client:
        if fields:
            _show_fields(client.fields(query), lang)
            return
        if "://" in query or query.startswith("urn:"):
            _show(client.term(query, language=lang), lang)
            return
        answer = client.terms(query, kind=kind, ontology=ontology, limit=limit, language=lang)
    if Mode.json:
        emit(answer)
        return
    for term in answer["terms"]:
        say(f"{term['label']}   ({term['kind']}, used by {count_of(term['uses'], 'asset')})")
        line("", term["iri"], style="cyan")
        if term["definitions"]:
            line("", words(term["definitions"], lang))
        line("", f"of {words(term['ontology']['titles'], lang)}")
    if not answer["terms"]:
        say("No term has these words. Try fewer or other words.")
    elif answer["total"] > len(answer["terms"]):
        remark(f"{answer['total'] - len(answer['terms'])} more: --limit shows more")


def _show(term: dict[str, Any], lang: str) -> None:
    if Mode.json:
        emit(term)
        return
    say(f"{term['label']}   ({term['kind']}{', deprecated' if term.get('deprecated') else ''})")
    line("address", term["iri"], style="cyan")
    line("ontology", f"{words(term['ontology']['titles'], lang)}  {term['ontology']['iri']}")
    for tag, label in sorted(term["labels"].items()):
        line(f"label {tag}", label)
    for tag, labels in sorted(term.get("synonyms", {}).items()):
        line(f"also {tag}", ", ".join(labels))
    for tag, definition in sorted(term["definitions"].items()):
        line(f"meaning {tag}", definition)
    rows = (
        ("below", "wider"),
        ("applies to", "domain"),
        ("values", "range"),
        ("narrower", "narrower"),
        ("properties", "properties"),
        ("scheme", "schemes"),
        ("rule", "restrictions"),
        ("same as", "matches"),
        ("aligned with", "alignedWith"),
        ("use instead", "replacedBy"),
    )
    for label, name in rows:
        for value in term.get(name, ()):
            line(label, value)
    for entry in term.get("hierarchy", ()):
        line("concept", f"{'  ' * entry['depth']}{words(entry['labels'], lang) or entry['iri']}")
    for user in term["users"]:
        line("used by", f"{user['kind']} {words(user['titles'], lang)}  {user['iri']}")


def _show_fields(fields: list[dict[str, Any]], lang: str) -> None:
    if Mode.json:
        emit(fields)
        return
    for field in fields:
        unit = f" [{field['unit']}]" if field.get("unit") else ""
        say(f"{field['field']}{unit}   ({field['kind']} {words(field['titles'], lang)})")
        line("", field["iri"], style="cyan")
        line("means", field["term"])
    if not fields:
        say("No dataset or schema that you may see has a field with this meaning.")
