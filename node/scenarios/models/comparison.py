"""Differences between the card of a model and its code, in words, for the publisher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.scenarios.models.draft import FACTS, PORTS, stated_as
from node.semantics.description.fields import fields_of
from node.semantics.description.forms import Field, find
from node.semantics.description.model_fields import PARAMETERS
from node.semantics.findings import words
from node.semantics.model import Finding

_NUMBERS: Final = frozenset({"minimum", "maximum", "decimals", "default"})
_MANY: Final = 6


def differences(card: Mapping[str, Any], interface: Mapping[str, Any], lines: Mapping[str, Any]) -> list[Finding]:
    """Return the statements of ``card`` (fields of a submission, or facts of a record) that differ from
    ``interface``, the interface of the code; each is a violation. ``lines``: field path → line in the file of the
    card.
    """
    findings = _Findings(lines)
    for name in ("version", "deterministic"):
        place = stated_as(card, name, fields_of("model"))
        if place is not None and not _same(name, card[place], interface.get(name)):
            findings.differs(place, name, card[place], interface.get(name))
    for name, port in PORTS:
        for path, entry_of_code, entry, name_in_card in _pairs(findings, card, name, port, interface[name], "role"):
            _compare_step(findings, entry, name_in_card, path, entry_of_code)
            variables = _subfield(port, "variables")
            for inner, column, variable, column_meant in _pairs(
                findings,
                entry,
                "variables",
                variables,
                name_in_card["variables"],
                "name",
                f"{path}.",
                f" of {entry_of_code}",
            ):
                _compare(findings, variable, variables, column_meant, inner, column)
    for path, entry_of_code, entry, name_in_card in _pairs(
        findings, card, "parameters", PARAMETERS, interface["parameters"], "name"
    ):
        _compare(findings, entry, PARAMETERS, name_in_card, path, entry_of_code)
    return findings.items


@dataclass(slots=True)
class _Findings:
    lines: Mapping[str, Any]
    items: list[Finding] = field(default_factory=list)

    def differs(self, path: str, name: str, value: Any, expectation: Any) -> None:
        self.items.append(
            words.about_field(
                "code-differs",
                field=path,
                name=name,
                line=line_of(self.lines, path),
                value=_display_text(value),
                expected=_display_text(expectation),
            )
        )

    def lacks(self, path: str, name: str, options: Sequence[str]) -> None:
        guess, leave = words.guess(options[:_MANY]), words.leave_out()
        self.items.append(
            words.about_field(
                "code-lacks",
                field=path,
                name=name,
                line=line_of(self.lines, path),
                guess={language: guess[language] or leave[language] for language in leave},
            )
        )


def _pairs(
    findings: _Findings,
    card: Mapping[str, Any],
    name: str,
    field_: Field,
    interface: Sequence[Mapping[str, Any]],
    key: str,
    path: str = "",
    of: str = "",
) -> list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Return the entries of a list of the card that the code has too: path, name, card's entry and code's. An entry
    that the code lacks is a finding; entries without a name are left to the checks of the card alone."""
    place = stated_as(card, name, (field_,))
    entries = card.get(place) if place else None
    entries_of_code = {str(one[key]): one for one in interface}
    pairs = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        key_place = stated_as(entry, key, field_.fields) if isinstance(entry, Mapping) else None
        if key_place is None:
            continue
        name_in_card, here = str(entry[key_place]), f"{path}{place}.{index}"
        if name_in_card in entries_of_code:
            pairs.append((here, f"{name_in_card}{of}", entry, entries_of_code[name_in_card]))
        else:
            findings.lacks(here, f"{name_in_card}{of}", list(entries_of_code))
    return pairs


def _compare(
    findings: _Findings, entry: Mapping[str, Any], field_: Field, interface: Mapping[str, Any], path: str, title: str
) -> None:
    for name in (*FACTS, "type", "default"):
        place = stated_as(entry, name, field_.fields)
        # A card may name the quantity kind if the code leaves it open; all else must match the code.
        if place is None or (name == "quantity" and interface.get(name) is None):
            continue
        if not _same(name, entry[place], interface.get(name)):
            findings.differs(f"{path}.{place}", f"{title}, {name}", entry[place], interface.get(name))


def _compare_step(
    findings: _Findings, entry: Mapping[str, Any], interface: Mapping[str, Any], path: str, title: str
) -> None:
    resolution = entry.get("resolution")
    if not isinstance(resolution, Mapping) or interface.get("step") is None:
        return
    for name in ("time", "temporal"):
        if name in resolution and resolution[name] != interface["step"]:
            findings.differs(f"{path}.resolution.{name}", f"{title}, resolution", resolution[name], interface["step"])


def _subfield(field_: Field, name: str) -> Field:
    found = find(field_.fields, name)
    assert found is not None
    return found


def _same(name: str, value: Any, expectation: Any) -> bool:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) >= isinstance(expectation, list):
        value = value[0]
    if isinstance(value, list) and isinstance(expectation, list):
        pairs = zip(value, expectation, strict=False)
        return len(value) == len(expectation) and all(_same(name, one, other) for one, other in pairs)
    if value is None or expectation is None:
        return value is None and expectation is None
    if name in _NUMBERS and not isinstance(value, bool) and not isinstance(expectation, bool):
        try:
            return float(value) == float(expectation)
        except (TypeError, ValueError):
            return bool(value == expectation)
    if isinstance(value, bool) or isinstance(expectation, bool):
        return str(value).casefold() == str(expectation).casefold()
    return str(value) == str(expectation)


def line_of(lines: Mapping[str, Any], path: str) -> int | None:
    """Return the line of the field at ``path``, or of the nearest field around it that has a line."""
    while path:
        line = lines.get(path)
        if isinstance(line, int):
            return line
        path = path.rpartition(".")[0]
    return None


def _display_text(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value)[:80]
