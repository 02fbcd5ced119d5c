"""A visit of a reader: the caller, the language, the page; and links between pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from node.base.errors import HansaError
from node.catalogue.model import Record
from node.identity.model import Caller, UserRole
from node.portal.forms import csrf_token
from node.portal.languages import Speaker
from node.portal.markup import language_tag
from node.portal.settings import PortalSettings
from node.portal.wording import ProblemWords, explain_problem
from node.semantics.kinds import KINDS
from node.texts.languages import LANGUAGES, own_name, pick

_ORDER: Final = ("dataset", "service", "model", "scenario", "ontology", "schema", "transformation", "rulebook")

PLURALS: Final[dict[str, str]] = {
    name: KINDS[name].plural for name in (*_ORDER, *(name for name in KINDS if name not in _ORDER))
}
"""Kind → the plural under which its records have their IRIs, in the order in which pages list the kinds."""

_OWN_PATH: Final = re.compile(f"/(?:{'|'.join(PLURALS.values())})/[A-Za-z0-9][A-Za-z0-9._-]*")


class TextInLanguage(NamedTuple):
    """A text, and its language if it differs from the language of the page."""

    text: str
    lang: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The facts about the reader of a page. ``session`` is the session token, empty without one; ``waiting`` is how
    many requests and questions wait, if the reader may decide or answer them."""

    request: Request
    caller: Caller
    settings: PortalSettings
    speaker: Speaker
    session: str = ""
    form_cookie: str = ""
    waiting: int = 0
    is_framed: bool = False
    """The page may stand in a frame of another site: no cookie is read or set, and every reader is a stranger."""
    fields: Mapping[str, str] = field(default_factory=dict)

    # who --------------------------------------------------------------------------------------------------
    @property
    def language(self) -> str:
        return self.speaker.language

    @property
    def now(self) -> datetime:
        return self.speaker.now

    @property
    def signed_in(self) -> bool:
        return self.caller.is_person

    @property
    def csrf(self) -> str:
        """Return the token for forms of this session, or before sign-in for this browser."""
        return csrf_token(self.settings.secret, self.session or self.form_cookie)

    # what it says -----------------------------------------------------------------------------------------
    def t(self, key: str, count: int | None = None, /, **values: object) -> str:
        """Return a text of the interface."""
        return self.speaker.say(key, count, **values)

    def is_done(self, action: str) -> bool:
        """Return whether the address says that the reader has just done ``action``."""
        return self.request.query_params.get("done") == action

    @property
    def outcome(self) -> str:
        """Return the sentence about what the reader has just done, as the address says; empty if there is none."""
        key = f"done.{self.request.query_params.get('done', '')}"
        return self.t(key) if self.speaker.knows(key) else ""

    def translate(self, texts: Mapping[str, str]) -> TextInLanguage:
        """Return a text of the content in the reader's language if it exists, else in another one."""
        text, tag = pick(texts, self.language)
        foreign = tag and not tag.lower().startswith(self.language)
        return TextInLanguage(text, language_tag(tag) if foreign else "")

    def foreign(self, language: str) -> str:
        """Return the tag of ``language`` if it is not the language of the page, else nothing."""
        return "" if language.startswith(self.language) else language_tag(language)

    def explain(self, problem: Any) -> ProblemWords:
        """Return a finding, a caveat, an error, or a stored error object in the reader's language."""
        if isinstance(problem, Mapping):
            detail, remedy, facts = problem.get("detail", ""), problem.get("remedy", ""), problem.get("facts")
            known = facts if isinstance(facts, Mapping) else {}
            return explain_problem(self.speaker, str(problem.get("code", "")), str(detail), str(remedy or ""), known)
        if isinstance(problem, HansaError):
            return explain_problem(self.speaker, problem.code, problem.detail, problem.remedy, problem.facts)
        remedy, fitting = getattr(problem, "remedy", ""), getattr(problem, "transformations", ())
        return explain_problem(self.speaker, problem.code, problem.sentence, remedy, problem.facts, fitting)

    def missing_role(self, key: str, *roles: str) -> str:
        """Return the text ``key``, which says that the reader needs one of ``roles``; or, if the reader has one that
        does not work yet, which step is missing."""
        unready = self.caller.unready(*(UserRole(role) for role in roles))
        if unready is None:
            return self.t(key)
        # The notice above each page leads to the step.
        sentence, login = self.explain(unready).text, str(unready.facts.get("by", ""))
        begins_with_name = bool(login) and sentence.startswith(login)
        return f"{sentence if begins_with_name else sentence[:1].upper() + sentence[1:]}."

    # where things are -------------------------------------------------------------------------------------
    def url(self, path: str, /, **query: object) -> str:
        """Return the address of a page of this portal; empty parameters are left out."""
        pairs = [(name, str(value)) for name, value in query.items() if value not in (None, "", False)]
        return self.settings.prefix + path + (f"?{urlencode(pairs)}" if pairs else "")

    @property
    def path(self) -> str:
        """Return the path of this page without the prefix."""
        path = self.request.url.path
        prefix = self.settings.prefix
        return path.removeprefix(prefix) if prefix and path.startswith(f"{prefix}/") else path

    def here(self, **changes: object) -> str:
        """Return the address of this page with some parameters changed (None: left out)."""
        pairs = [(n, v) for n, v in self.parameters() if n not in changes]
        pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
        address = self.settings.prefix + quote(self.path, safe="/:@!$&'()*+,;=~%._-")
        return address + (f"?{urlencode(pairs)}" if pairs else "")

    def parameters(self) -> Sequence[tuple[str, str]]:
        """Return the query of this page in order, at most 200 parameters."""
        try:
            return parse_qsl(self.request.url.query, keep_blank_values=False, max_num_fields=200)
        except ValueError:
            return ()

    def owns(self, iri: str) -> bool:
        """Return whether ``iri`` is the address of a record page of this node."""
        base = self.settings.public_url.rstrip("/")
        return iri.startswith(base) and bool(_OWN_PATH.fullmatch(iri[len(base) :]))

    def asset(self, record: Record | str, /, **query: object) -> str:
        """Return the page of an asset: its own IRI if this node publishes it, else our page about it."""
        iri = record if isinstance(record, str) else record.iri
        if self.owns(iri):
            return self.url(iri[len(self.settings.public_url.rstrip("/")) :], **query)
        return self.url("/record", iri=iri, **query)

    @property
    def languages(self) -> Mapping[str, str]:
        """Return the languages of the interface: tag → the language's own name."""
        return {tag: own_name(tag) for tag in LANGUAGES}
