"""Findings in plain words: the fault, the reason why it matters, and the remedy, in every language.

The sentences are the catalogue ``findings``. Those about shapes come from the shapes themselves. A shape without a
message uses the sentence of its constraint component (SHACL §4), so that no finding is ever without words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from node.semantics.codelists.lookup import Code, CodeList, suggestion
from node.semantics.model import Finding
from node.texts.catalogue import Catalogue
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import SH

FINDINGS: Final = Catalogue("findings")

NOTHING: Final = dict.fromkeys(LANGUAGES, "")
"""No suggestion, in any language."""


def expected_form(form: str) -> Mapping[str, str]:
    """Return a description of the expected form of a field, by language."""
    return FINDINGS.in_all(f"expected.{_key(form)}")


def guess(options: Iterable[str]) -> Mapping[str, str]:
    """Return ``did you mean a, b?`` by language; empty texts if there is no suggestion."""
    words = ", ".join(options)
    return FINDINGS.in_all("did-you-mean", options=words) if words else NOTHING


def code_guess(codes: CodeList, value: str) -> Mapping[str, str]:
    """Return a suggestion from a code list, labelled in each language; the whole list if no value is similar."""
    near = codes.suggest(value)
    choices: Sequence[Code] = near or codes.codes[:15]
    if not near:
        return FINDINGS.in_all("one-of", options=", ".join(code.code for code in choices))
    return {
        language: FINDINGS.say(language, "did-you-mean", options=suggestion(choices, language))
        for language in LANGUAGES
    }


def about_code(codes: CodeList) -> dict[str, Mapping[str, str]]:
    """Return the values ``list`` and ``why`` of the sentence ``not-a-code``."""
    key = f"list.{_key(codes.name)}"
    return {
        "list": FINDINGS.in_all(key) if FINDINGS.knows(key) else dict.fromkeys(LANGUAGES, codes.name),
        "why": FINDINGS.in_all(f"{key}.why") if FINDINGS.knows(f"{key}.why") else NOTHING,
    }


def leave_out() -> Mapping[str, str]:
    """Return the remedy for an unknown field that is similar to no known field."""
    return FINDINGS.in_all("leave-out")


def _key(name: str) -> str:
    return name.replace(" ", "-")


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
    """Return a finding about one field. ``values`` fill the sentence, as text or as text by language.

    ``name`` is the field's name in the sentence, if that is not its path.
    """
    facts = {}
    for language in LANGUAGES:
        texts = {key: text if isinstance(text, str) else text[language] for key, text in values.items()}
        texts |= {"field": name or field, "value": value}
        keys = (f"field.{sentence}", f"field.{sentence}.why", f"field.{sentence}.remedy")
        facts[language] = tuple(FINDINGS.say(language, key, **texts) if FINDINGS.knows(key) else "" for key in keys)
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
    """Return the words for a constraint component (its IRI), for a shape without words of its own.

    ``bound`` is the parameter as text; node kinds are put into words.
    """
    local = component.removeprefix(SH).removesuffix("ConstraintComponent")
    pattern = f"component.{local}"
    pattern = pattern if FINDINGS.knows(pattern) else "component.other"
    kind = f"node-kind.{bound}"
    kinds = FINDINGS.in_all(kind) if local == "NodeKind" and FINDINGS.knows(kind) else dict.fromkeys(LANGUAGES, bound)
    return {
        language: (
            FINDINGS.say(language, pattern, name=name.get(language) or name["en"], bound=kinds[language]),
            "",
            "",
        )
        for language in LANGUAGES
    }


def halves(message: str, language: str = "en") -> tuple[str, str]:
    """Split a message of a shape after its first sentence: into the fault and the reason why it matters.

    The fault is shown in a list, beside its line: it begins with a small letter, unless with an abbreviation or a
    German noun.
    """
    what, _, why = message.partition(". ")
    if language != "de" and (what[1:2].islower() or what[1:2].isspace()):
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
    """Return the finding with the texts ``facts``: language → (message, why, remedy)."""
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
            language: {"message": texts[0], "why": texts[1], "remedy": texts[2]}
            for language, texts in facts.items()
            if language != "en"
        },
    )
