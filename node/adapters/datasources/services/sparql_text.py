"""The text of a SPARQL query that a reader sends to another server: what it may contain, word by word.

The server evaluates the query, so the node does not parse it. It takes out texts, IRIs and comments as SPARQL 1.1
§19.8 has them, and looks at the words that remain. Where servers could read a text in two ways, it is refused.
"""

from __future__ import annotations

import re
from typing import Final

from node.base.errors import InvalidInput

LONGEST: Final = 8000
"""The longest query, in characters: servers take no longer address."""
_OPAQUE: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n\r]|\\.)*"'
    r"|'(?:[^'\\\n\r]|\\.)*'"
    r'|<[^<>"{}|^`\\\x00-\x20]*>'
    r"|#[^\n\r]*"
    # In a name, an escaped quote begins no text: ex:o\'clock (PN_LOCAL_ESC).
    r"|\\.",
    re.DOTALL,
)
# A word may follow a number or a full stop at once: only what continues a name or a variable is none.
_WORD: Final = re.compile(r"(?<![A-Za-z_?$:@])[A-Za-z]+(?![\w:])")
_FORMS: Final = frozenset({"SELECT", "CONSTRUCT", "DESCRIBE", "ASK"})
_ELSEWHERE: Final = {
    "SERVICE": "leads to other servers",
    "LOAD": "leads to other servers",
}
_OTHER_GRAPHS: Final = {"GRAPH": "chooses other graphs", "FROM": "chooses other graphs"}


def check_query(text: str, *, is_one_graph: bool) -> str:
    """Return ``text`` if it is a query that stays within the server, and within its dataset if ``is_one_graph``.

    Raises ``InvalidInput`` with the word that is not understood.
    """
    if not text.strip() or len(text) > LONGEST:
        raise InvalidInput(
            f"a query has 1 to {LONGEST} characters", remedy="such as SELECT * WHERE { ?s ?p ?o } LIMIT 10"
        )
    if "\\u" in text or "\\U" in text:
        # Replaced before anything else is read (SPARQL 1.1 §19.2), so they could spell a keyword.
        raise InvalidInput("a query has characters written as \\u…", remedy="write the characters themselves")
    words = [word.upper() for word in _WORD.findall(_OPAQUE.sub(" ", text))]
    if not _FORMS & set(words):
        raise InvalidInput("this is no query that reads", remedy="begin with SELECT, CONSTRUCT, DESCRIBE or ASK")
    reasons = _ELSEWHERE | (_OTHER_GRAPHS if is_one_graph else {})
    for word in words:
        if word in reasons:
            raise InvalidInput(
                f"{word} is not understood here: it {reasons[word]}", remedy=f"write the query without {word}"
            )
    return text
