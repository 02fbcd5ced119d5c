"""Findings of the catalogue in every language, in addition to the errors in a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.semantics.model import Finding
from node.texts.catalogue import Catalogue
from node.texts.languages import FALLBACK

CATALOGUE: Final = Catalogue("catalogue")
"""The texts about published assets and their audiences."""


def finding(
    rule: str,
    message: Mapping[str, str],
    *,
    field: str,
    severity: str = "warning",
    why: Mapping[str, str] | None = None,
    remedy: Mapping[str, str] | None = None,
    value: str = "",
) -> Finding:
    """Return a finding with ``message``, ``why`` and ``remedy``, each by language."""
    why, remedy = why or {}, remedy or {}
    return Finding(
        severity=severity,
        rule=rule,
        field=field,
        value=value,
        message=message[FALLBACK],
        why=why.get(FALLBACK, ""),
        remedy=remedy.get(FALLBACK, ""),
        translations={
            language: {"message": text, "why": why.get(language, ""), "remedy": remedy.get(language, "")}
            for language, text in message.items()
            if language != FALLBACK
        },
    )
