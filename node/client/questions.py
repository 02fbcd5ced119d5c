"""Questions on assets, from the caller's side."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing

PATH = "/api/questions"


class QuestionCalls(CallGroup[C_co]):
    """Questions that the caller asked, and those that the node received. All methods raise ``Refusal`` if the node
    refuses, ``PeerUnreachable``."""

    @endpoint
    def ask(self, iri: str, text: str, *, private: bool = False) -> Call[dict[str, Any]]:
        """Ask the publisher of an asset; ``private``: the answer is for the caller only."""
        return document("POST", PATH, json={"iri": iri, "text": text, "private": private})

    @endpoint
    def mine(self, *, limit: int = 100) -> Call[dict[str, Any]]:
        """Return the caller's ``questions``, the newest first."""
        return document("GET", PATH, params={"list": "mine", "limit": limit})

    @endpoint
    def waiting(self, *, limit: int = 100) -> Call[dict[str, Any]]:
        """Return the ``questions`` that wait for an answer of this node, the oldest first."""
        return document("GET", PATH, params={"list": "waiting", "limit": limit})

    @endpoint
    def list_settled(self, *, limit: int = 100) -> Call[dict[str, Any]]:
        """Return the ``questions`` that this node answered, hid or refused, the newest first."""
        return document("GET", PATH, params={"list": "settled", "limit": limit})

    @endpoint
    def of_asset(self, iri: str, *, limit: int = 100) -> Call[dict[str, Any]]:
        """Return the ``questions`` on an asset that were answered for everybody, the newest first."""
        return document("GET", "/api/catalogue/questions", params={"iri": iri, "limit": limit})

    @endpoint
    def answer(self, question_id: str, text: str, *, public: bool) -> Call[dict[str, Any]]:
        """Answer a question, for everybody who may see the asset or for the asker only."""
        return document("POST", f"{_path(question_id)}/answer", json={"text": text, "public": public})

    @endpoint
    def refuse(self, question_id: str, reason: str) -> Call[dict[str, Any]]:
        """Refuse to answer; the asker reads the reason."""
        return document("POST", f"{_path(question_id)}/refuse", json={"reason": reason})

    @endpoint
    def hide(self, question_id: str, reason: str) -> Call[dict[str, Any]]:
        """Hide a public question from everybody but the asker, who reads the reason."""
        return document("POST", f"{_path(question_id)}/hide", json={"reason": reason})

    @endpoint
    def mark_seen(self) -> Call[None]:
        """Mark the answers to the caller's questions as seen."""
        return nothing("POST", f"{PATH}/seen")


def _path(question_id: str) -> str:
    return f"{PATH}/{quote(question_id, safe='')}"
