"""repairs.md: the rules that repair imported records, in the order in which they are applied."""

from __future__ import annotations

from typing import Final

from reference_pages.markdown import table

INTRO: Final = """
# Repair rules

`hansa import FILE --repair` applies the safe rules to each record, in this order. `--rule NAME` applies one rule. You
can repeat it. Lossy rules are applied only if you name them. In the API: `POST /api/imports?rule=safe&rule=NAME`.

A rule changes statements of a record. The report shows each change: rule, property, value before and value after. A
value that no rule understands stays as it is. To undo repairs, import the file again without rules: the record gets a
new version with the statements of the source, and the repaired version stays in its history.
"""


def repairs() -> str:
    """The page."""
    from node.semantics.harvest.rules.table import RULES

    parts = [
        INTRO,
        "## Safe\n",
        "These rules do not change the meaning of a record. They write it as the profile requires.\n",
    ]
    parts.append(table(("rule", "what it does", "example"), _rows(safe=True, rules=RULES)))
    parts.append("\n## Lossy\n\nThese rules lose or guess something. They are applied only if you name them.\n")
    parts.append(table(("rule", "what it does", "example"), _rows(safe=False, rules=RULES)))
    return "\n".join(parts)


def _rows(*, safe: bool, rules: tuple[object, ...]) -> list[tuple[str, str, str]]:
    from node.semantics.harvest.rules.model import Rule

    return [
        (f"`{rule.name}`", rule.what, rule.example) for rule in rules if isinstance(rule, Rule) and rule.safe is safe
    ]
