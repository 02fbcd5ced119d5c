"""Findings about the files of a dataset and the versions of a schema."""

from __future__ import annotations

from collections.abc import Callable

from node.semantics.findings.words import FINDINGS, finding
from node.semantics.model import Finding
from node.texts.languages import LANGUAGES

Words = str | Callable[[str], str]
"""A text that is the same in each language, or the text in a language."""


def file_finding(
    key: str, rule: str, *, field: str, severity: str = "warning", value: str = "", **values: Words
) -> Finding:
    """Return the finding with the text ``file.<key>`` of the catalogue, filled with ``values``."""
    remedy = f"file.{key}.remedy"
    translations = {}
    for language in LANGUAGES:
        here = {name: words if isinstance(words, str) else words(language) for name, words in values.items()}
        message = FINDINGS.say(language, f"file.{key}", **here)
        translations[language] = (message, "", FINDINGS.say(language, remedy) if FINDINGS.knows(remedy) else "")
    return finding(translations, severity=severity, rule=rule, field=field, value=value)
