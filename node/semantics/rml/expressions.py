"""Read the small languages in mappings: templates, their escapes, and the references in them."""

from __future__ import annotations

import re
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.rml.model import Reference, Template

MOST_REFERENCES: Final = 20
_YARRRML: Final = re.compile(r"\\(?P<escape>[()$\\])|\$\((?P<path>(?:\\.|[^\\()]|\([^()]*\))+)\)")


def r2rml_template(text: str) -> Template:
    """Return a template of R2RML §7.3: ``{path}``; a backslash makes a brace or a backslash plain.

    Raises ``InvalidInput`` if a brace has no partner.
    """
    parts: list[str | Reference] = []
    plain, position = "", 0
    while position < len(text):
        char = text[position]
        if char == "\\" and text[position + 1 : position + 2] in ("{", "}", "\\"):
            plain += text[position + 1]
            position += 2
        elif char == "{":
            path, position = _until_brace(text, position + 1)
            parts += [plain, Reference(path)] if plain else [Reference(path)]
            plain = ""
        elif char == "}":
            raise _pair_fault(text)
        else:
            plain += char
            position += 1
    return _check([*parts, plain] if plain else parts, text)


def _until_brace(text: str, position: int) -> tuple[str, int]:
    path = ""
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            path += text[position + 1]
            position += 2
        elif char == "}":
            if not path:
                raise InvalidInput(f"the template {text[:80]} has an empty reference", remedy="write {column}")
            return path, position + 1
        elif char == "{":
            raise _pair_fault(text)
        else:
            path += char
            position += 1
    raise _pair_fault(text)


def yarrrml_template(text: str) -> str | Reference | Template:
    """Return a value of YARRRML: a plain text, one reference ``$(path)``, or a template of both."""
    parts: list[str | Reference] = []
    plain, end = "", 0
    for match in _YARRRML.finditer(text):
        plain += text[end : match.start()]
        end = match.end()
        if match["path"] is None:
            plain += match["escape"]
            continue
        parts += [plain] if plain else []
        parts.append(Reference(re.sub(r"\\(.)", r"\1", match["path"])))
        plain = ""
    plain += text[end:]
    if not parts:
        return plain
    parts += [plain] if plain else []
    template = _check(parts, text)
    return template.parts[0] if len(parts) == 1 and isinstance(template.parts[0], Reference) else template


def _check(parts: list[str | Reference], text: str) -> Template:
    if sum(isinstance(part, Reference) for part in parts) > MOST_REFERENCES:
        raise InvalidInput(
            f"the template {text[:80]} has more than {MOST_REFERENCES} references", remedy="write a shorter template"
        )
    return Template(tuple(parts))


def _pair_fault(text: str) -> InvalidInput:
    return InvalidInput(
        f"the template {text[:80]} has a brace without a partner",
        remedy="write {column}, and a backslash before a brace that is meant as such",
    )
