"""Where the card of a model and its code differ, in words, for whoever publishes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.scenarios.models.draft import FACTS, PORTS, stated_as
from node.semantics.description.fields import PARAMETERS, fields_of
from node.semantics.description.forms import Field, find
from node.semantics.findings import words
from node.semantics.model import Finding

_NUMBERS: Final = frozenset({"minimum", "maximum", "decimals", "default"})
_MANY: Final = 6


def differences(card: Mapping[str, Any], said: Mapping[str, Any], lines: Mapping[str, Any]) -> list[Finding]:
    """What ``card`` (fields of a submission, or facts of a record) states otherwise than ``said``, the interface of
    the code; each is a violation. ``lines``: field path → line in the file that the card came from.
    """
    found = _Findings(lines)
    for name in ("version", "deterministic"):
        place = stated_as(card, name, fields_of("model"))
        if place is not None and not _same(name, card[place], said.get(name)):
            found.differs(place, name, card[place], said.get(name))
    for name, port in PORTS:
        for path, called, entry, meant in _pairs(found, card, name, port, said[name], "role"):
            _compare_step(found, entry, meant, path, called)
            variables = _subfield(port, "variables")
            for inner, column, variable, one in _pairs(
                found, entry, "variables", variables, meant["variables"], "name", f"{path}.", f" of {called}"
            ):
                _compare(found, variable, variables, one, inner, column)
    for path, called, entry, meant in _pairs(found, card, "parameters", PARAMETERS, said["parameters"], "name"):
        _compare(found, entry, PARAMETERS, meant, path, called)
    return found.found


@dataclass(slots=True)
class _Findings:
    lines: Mapping[str, Any]
    found: list[Finding] = field(default_factory=list)

    def differs(self, path: str, name: str, said: Any, meant: Any) -> None:
        self.found.append(
            words.about_field(
                "code-differs",
                field=path,
                name=name,
                line=line_of(self.lines, path),
                said=_shown(said),
                meant=_shown(meant),
            )
        )

    def lacks(self, path: str, name: str, options: Sequence[str]) -> None:
        guess, leave = words.guess(options[:_MANY]), words.leave_out()
        self.found.append(
            words.about_field(
                "code-lacks",
                field=path,
                name=name,
                line=line_of(self.lines, path),
                guess={language: guess[language] or leave[language] for language in leave},
            )
        )


def _pairs(
    found: _Findings,
    card: Mapping[str, Any],
    name: str,
    field_: Field,
    said: Sequence[Mapping[str, Any]],
    key: str,
    path: str = "",
    of: str = "",
) -> list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """The entries of a list of the card that the code has too: path, what they are called, card's and code's.
    An entry that the code has not is a finding; one that has no name is for those who check the card alone."""
    place = stated_as(card, name, (field_,))
    given = card.get(place) if place else None
    meant = {str(one[key]): one for one in said}
    pairs = []
    for index, entry in enumerate(given if isinstance(given, list) else []):
        key_place = stated_as(entry, key, field_.fields) if isinstance(entry, Mapping) else None
        if key_place is None:
            continue
        called, here = str(entry[key_place]), f"{path}{place}.{index}"
        if called in meant:
            pairs.append((here, f"{called}{of}", entry, meant[called]))
        else:
            found.lacks(here, f"{called}{of}", list(meant))
    return pairs


def _compare(
    found: _Findings, entry: Mapping[str, Any], field_: Field, said: Mapping[str, Any], path: str, called: str
) -> None:
    for name in (*FACTS, "type", "default"):
        place = stated_as(entry, name, field_.fields)
        # A card may name the quantity kind that the code leaves open; all else binds the code.
        if place is None or (name == "quantity" and said.get(name) is None):
            continue
        if not _same(name, entry[place], said.get(name)):
            found.differs(f"{path}.{place}", f"{called}, {name}", entry[place], said.get(name))


def _compare_step(
    found: _Findings, entry: Mapping[str, Any], said: Mapping[str, Any], path: str, called: str
) -> None:
    resolution = entry.get("resolution")
    if not isinstance(resolution, Mapping) or said.get("step") is None:
        return
    for name in ("time", "temporal"):
        if name in resolution and resolution[name] != said["step"]:
            found.differs(f"{path}.resolution.{name}", f"{called}, resolution", resolution[name], said["step"])


def _subfield(field_: Field, name: str) -> Field:
    found = find(field_.fields, name)
    assert found is not None
    return found


def _same(name: str, stated: Any, meant: Any) -> bool:
    if isinstance(stated, list) and len(stated) == 1 and isinstance(stated[0], list) >= isinstance(meant, list):
        stated = stated[0]
    if isinstance(stated, list) and isinstance(meant, list):
        pairs = zip(stated, meant, strict=False)
        return len(stated) == len(meant) and all(_same(name, one, other) for one, other in pairs)
    if stated is None or meant is None:
        return stated is None and meant is None
    if name in _NUMBERS and not isinstance(stated, bool) and not isinstance(meant, bool):
        try:
            return float(stated) == float(meant)
        except (TypeError, ValueError):
            return bool(stated == meant)
    if isinstance(stated, bool) or isinstance(meant, bool):
        return str(stated).casefold() == str(meant).casefold()
    return str(stated) == str(meant)


def line_of(lines: Mapping[str, Any], path: str) -> int | None:
    """The line of the field at ``path``, or of what it stands in."""
    while path:
        line = lines.get(path)
        if isinstance(line, int):
            return line
        path = path.rpartition(".")[0]
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value)[:80]
