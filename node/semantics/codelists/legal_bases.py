"""Legal bases for personal data: those of Article 6(1) GDPR, as the Data Privacy Vocabulary names them."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import Code, CodeList, labels_of

_SCHEME: Final = "https://w3id.org/dpv/legal/eu/gdpr#"

# code, letter of Article 6(1), other spellings
_ROWS: Final = (
    ("consent", "a", "6(1)(a);6-1-a"),
    ("contract", "b", "6(1)(b);6-1-b"),
    ("legal-obligation", "c", "6(1)(c);6-1-c;legal obligation"),
    ("vital-interest", "d", "6(1)(d);6-1-d;vital interests"),
    ("public-interest", "e", "6(1)(e);6-1-e;public task;public interest"),
    ("legitimate-interest", "f", "6(1)(f);6-1-f;legitimate interests"),
)

LEGAL_BASES: Final = CodeList(
    "legal basis",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}A6-1-{letter}",
            labels=labels_of(f"basis.{code}", code),
            also=tuple(also.split(";")),
        )
        for code, letter, also in _ROWS
    ),
)
