"""description-fields.md: every field of every kind, from node.semantics.description.fields and the shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reference_pages.markdown import code, short, table

INTRO = """
# Fields of a description

This page lists the fields of a description in YAML, and what each field becomes in the linked-data record. Write
field names with hyphens, spaces or underscores. A field of the form *text* takes one text in the first language of
the node, or one text for each language: `title: {nl: Fietstellingen, en: Bicycle counts}`.

The shapes in `shapes/` say which fields are *required* and *advised*. If a required field is missing, the asset is
not published. If an advised field is missing, the asset is published and you get a warning. The column *what to
write* shows the same hint as the report of `hansa publish`. A `license` at the top applies to all files.

Some names are not fields of the record. They say how to publish it:
"""

FILES = """
Each entry of `files` may also have `path` (where the file is, relative to the description), `open: true` (everybody
who sees the asset may download the file from its page, without an agreement), `sample: true` and `media_type`.
In place of `path`, `data_source` and `item` name a file, table or layer that is read where it is, under an agreement
([how](../how-to/share-a-table-of-postgis.md)).
"""

_FORMS: Mapping[str, str] = {
    "text": "text, or a map of language tags to texts",
    "plain": "text without a language",
    "words": "list, text with commas, or a map of language tags to lists",
    "link": "address, or `kind/name` of an asset of the same node",
    "code": "a value of the list below",
    "date": "date such as 2026-11-20, or a moment",
    "duration": "ISO 8601 duration such as PT15M",
    "mail": "e-mail address",
    "phone": "telephone number",
    "crs": "coordinate reference system such as EPSG:31370",
    "value": "number, truth value or text",
    "json": "object or list, kept as JSON",
    "text or link": "text, or an address",
    "statement": "text, or an address",
    "source": "text of a program or query, or an object",
    "period": "`{from: 2026-01-01, to: 2026-12-31}`",
    "place": "name of a place, a box, or an address",
    "node": "fields of its own, below",
    "group": "fields of its own, below",
    "bindings": "map of roles to assets",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
}


def description_fields() -> str:
    """The page."""
    from node.semantics.description import fields as module
    from node.semantics.kinds import KINDS
    from node.texts.catalogue import Catalogue

    common = module._EVERY
    lists: dict[str, Any] = {}
    parts = [
        INTRO,
        table(
            ["name", "meaning"],
            [
                ["`kind`", "one of " + ", ".join(code(name) for name in KINDS)],
                [
                    "`id` (or `slug`, `name`)",
                    "last part of the asset's address; without it, it is made from the title. "
                    "Give one: a new title would otherwise be a new asset",
                ],
                ["`iri`", "the whole address, in place of `id`"],
                ["`files`", "list of files, see below"],
                ["`conditions`", "who may use it: [conditions.md](conditions.md)"],
                [
                    "`audience`",
                    "who may see it: `public` (default), `internal`, or one of the settings, such as `members`",
                ],
                ["`machine_learned`", "`true` for a model that was trained: MLDCAT-AP applies too"],
            ],
        ),
        "## Fields of every kind\n",
        _fields(common, lists),
        "## Files\n",
        FILES,
        _fields(module.FILE, lists),
    ]
    for name in KINDS:
        own = module._OWN[name]
        parts += [
            f"## {Catalogue('portal').say('en', f'kind.{name}')}: `kind: {name}`\n",
            table(["asked for", "", "what to write"], _asked(name, [field.name for field in (*common, *own)])),
            _fields(own, lists),
        ]
    parts.append("## Lists of values\n")
    for title, codes in lists.items():
        more = " Other addresses are taken too." if codes.open else ""
        names = ", ".join(f"`{one.code}` ({one.label('en')})" for one in list(codes)[:60])
        rest = f", and {len(codes) - 60} more" if len(codes) > 60 else ""
        parts += [f"### {title}\n", f"{names}{rest}.{more}\n"]
    return "\n".join(parts)


def _fields(fields: Sequence[Any], lists: dict[str, Any], above: str = "") -> str:
    rows: list[list[str]] = []
    below: list[str] = []
    for field in fields:
        name = f"{above}{field.name}"
        form = _FORMS[str(field.form)]
        if field.codes is not None:
            lists.setdefault(field.codes.name, field.codes)
            form = f"a value of the list “{field.codes.name}”"
        if field.many:
            form += "; may be a list"
        also = f" (also {', '.join(code(one) for one in field.also)})" if field.also else ""
        rows.append([code(name) + also, form, code(short(field.property))])
        if field.fields:
            inner = _rows_below(field.fields, lists, f"{name}.")
            below += inner
    return table(["field", "form", "property"], rows) + (
        "\n" + table(["field inside", "form", "property"], below) if below else ""
    )


def _rows_below(fields: Sequence[Any], lists: dict[str, Any], above: str) -> list[list[str]]:
    rows = []
    for field in fields:
        form = _FORMS[str(field.form)]
        if field.codes is not None:
            lists.setdefault(field.codes.name, field.codes)
            form = f"a value of the list “{field.codes.name}”"
        rows.append(
            [
                code(f"{above}{field.name}"),
                form + ("; may be a list" if field.many else ""),
                code(short(field.property)),
            ]
        )
        rows += _rows_below(field.fields, lists, f"{above}{field.name}.")
    return rows


def _asked(kind: str, order: Sequence[str]) -> list[list[str]]:
    """What the shapes ask of an otherwise empty description: field, required or advised, what to write."""
    from node.semantics.in_cage import describe

    file = {"name": "example.csv", "mediaType": "text/csv", "size": 1, "sha256": "0" * 64}
    with_file = kind == "dataset"
    submission = {
        "kind": kind,
        "mediaType": None,
        "fields": {"kind": kind, "id": "example", "files": [{"path": "example.csv"}] if with_file else []},
        "files": [file] if with_file else [],
        "conditions": None,
        "audience": None,
        "iri": None,
    }
    setting = {
        "base": "https://data.ghent.example",
        "me": "did:web:data.ghent.example",
        "myName": "Ghent",
        "language": "en",
        "advised": [],
        "enforced": [],
    }
    answer, _ = describe({"submission": submission, **setting}, [])
    words = {"violation": "required", "warning": "advised"}
    rows: dict[str, list[str]] = {}
    for severity, word in words.items():
        for finding in answer["findings"]:
            field = re.sub(r"\.\d+(?=\.|$)", "", str(finding.get("field", "")))
            if field and finding["severity"] == severity and field not in rows:
                rows[field] = [code(field), word, str(finding.get("remedy", ""))]
    places = {name: place for place, name in enumerate(order)}

    def place(field: str) -> tuple[bool, int]:
        return rows[field][1] != "required", places.get(field.partition(".")[0], len(places))

    return [rows[field] for field in sorted(rows, key=place)]
