"""Findings in plain words: what is wrong, why it matters, what to write, in English, Dutch and Czech.

The sentences about single fields stand here; those about shapes come from the shapes themselves, and for a shape
without a message from its constraint component (SHACL §4), so that no finding is ever without words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from node.semantics.codelists.lookup import Code, CodeList, suggestion
from node.semantics.findings import phrases
from node.semantics.model import Finding
from node.vocab.namespaces import SH

TONGUES: Final = ("en", "nl", "cs")
"""The languages that findings speak. English is always there."""

NOTHING: Final = dict.fromkeys(TONGUES, "")
"""No suggestion, in any language."""


def expected(form: str) -> Mapping[str, str]:
    """What a field of this form looks like, by language."""
    return dict(zip(TONGUES, phrases.EXPECTED[form], strict=True))


def guess(options: Iterable[str]) -> Mapping[str, str]:
    """``did you mean a, b?`` by language; empty texts where there is nothing to suggest."""
    words = ", ".join(options)
    return {
        tongue: text.format(words) if words else ""
        for tongue, text in zip(TONGUES, phrases.DID_YOU_MEAN, strict=True)
    }


def code_guess(codes: CodeList, value: str) -> Mapping[str, str]:
    """A suggestion from a code list, labelled in each language; the whole list where nothing is near."""
    near = codes.suggest(value)
    pattern = phrases.DID_YOU_MEAN if near else phrases.ONE_OF
    offered: Sequence[Code] = near or codes.codes[:15]
    return {
        tongue: text.format(suggestion(offered, tongue) if near else ", ".join(code.code for code in offered))
        for tongue, text in zip(TONGUES, pattern, strict=True)
    }


def about_code(codes: CodeList) -> dict[str, Mapping[str, str]]:
    """The values ``list`` and ``why`` of the sentence ``not-a-code``."""
    nothing = ("", "", "")
    return {
        "list": dict(zip(TONGUES, phrases.LISTS.get(codes.name, (codes.name,) * 3), strict=True)),
        "why": dict(zip(TONGUES, phrases.WHY.get(codes.name, nothing), strict=True)),
    }


def leave_out() -> Mapping[str, str]:
    """What to do about a field that nothing resembles."""
    return dict(zip(TONGUES, phrases.LEAVE_OUT, strict=True))


def about_field(
    sentence: str,
    *,
    severity: str = "violation",
    field: str = "",
    name: str = "",
    line: int | None = None,
    value: str = "",
    path: str = "",
    focus: str = "",
    **values: str | Mapping[str, str],
) -> Finding:
    """A finding about one field. ``values`` fill the sentence, as text or as text by language.

    ``name`` is what the sentence calls the field, where that is not its path.
    """
    facts = {
        tongue: tuple(
            part.format(
                field=name or field,
                value=value,
                **{key: text if isinstance(text, str) else text[tongue] for key, text in values.items()},
            )
            for part in parts
        )
        for tongue, parts in phrases.FIELD[sentence].items()
    }
    return finding(
        facts,
        severity=severity,
        rule=f"field:{sentence}",
        field=field,
        line=line,
        value=value,
        path=path,
        focus=focus,
    )


def about_component(component: str, *, name: Mapping[str, str], bound: str = "") -> dict[str, tuple[str, str, str]]:
    """Words for a constraint component (its IRI), when its shape has none of its own.

    ``bound`` is the parameter as text; node kinds are put into words.
    """
    local = component.removeprefix(SH).removesuffix("ConstraintComponent")
    patterns = phrases.COMPONENT.get(local, ("{name} breaks a rule",) * 3)
    kinds = phrases.NODE_KINDS.get(bound, (bound,) * 3) if local == "NodeKind" else (bound,) * 3
    return {
        tongue: (pattern.format(name=name.get(tongue) or name["en"], bound=shown), "", "")
        for tongue, pattern, shown in zip(TONGUES, patterns, kinds, strict=True)
    }


def halves(message: str) -> tuple[str, str]:
    """A message of a shape as what is wrong and why it matters: cut after the first sentence.

    What is wrong stands in a list, beside its line: it begins small, unless with an abbreviation.
    """
    what, _, why = message.partition(". ")
    if what[1:2].islower() or what[1:2].isspace():
        what = what[0].lower() + what[1:]
    return what.removesuffix("."), why


def finding(
    facts: Mapping[str, Sequence[str]],
    *,
    severity: str,
    rule: str,
    field: str = "",
    line: int | None = None,
    value: str = "",
    path: str = "",
    focus: str = "",
) -> Finding:
    """The finding that says ``facts``: language → (message, why, remedy)."""
    message, why, remedy = facts["en"]
    return Finding(
        severity=severity,
        message=message,
        why=why,
        remedy=remedy,
        rule=rule,
        field=field,
        line=line,
        value=value,
        path=path,
        focus=focus,
        translations={
            tongue: {"message": texts[0], "why": texts[1], "remedy": texts[2]}
            for tongue, texts in facts.items()
            if tongue != "en"
        },
    )
