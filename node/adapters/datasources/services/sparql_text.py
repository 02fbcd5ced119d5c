"""The text of a SPARQL query that a reader sends to another server: what it may contain, word by word.

The server evaluates the query, so the node does not parse it: it looks at the words outside of texts, names, IRIs and
comments. Where servers could read a text in two ways, it is refused.
"""

from __future__ import annotations

from typing import Final

from node.base.errors import InvalidInput
from node.semantics.sparql import tokens_of

LONGEST: Final = 8000
"""The longest query, in characters: servers take no longer address."""
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
    words = [token.text.upper() for token in tokens_of(text) if token.kind == "word"]
    if not _FORMS & set(words):
        raise InvalidInput("this is no query that reads", remedy="begin with SELECT, CONSTRUCT, DESCRIBE or ASK")
    reasons = _ELSEWHERE | (_OTHER_GRAPHS if is_one_graph else {})
    for word in words:
        if word in reasons:
            raise InvalidInput(
                f"{word} is not understood here: it {reasons[word]}", remedy=f"write the query without {word}"
            )
    return text
