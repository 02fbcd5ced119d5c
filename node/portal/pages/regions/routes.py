"""The addresses of the pages of a region and of its members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node.portal.pages.regions import blocks, membership, offices, place, templates

_PEOPLE: Final = {"people": True}
_FORM: Final = {"people": True, "form": True}


def regional(page: Callable[..., Any]) -> list[tuple[str, str, Callable[..., Any]]]:
    """Return method, path and end point of each page; ``page`` makes an end point of a function."""
    return [
        ("GET", "/applications", page(offices.applications, **_PEOPLE)),
        ("GET", "/issued", page(offices.issued_credentials, **_PEOPLE)),
        ("POST", "/issued/{id:path}/revoke", page(offices.revoke, **_FORM)),
        ("POST", "/issued/{id:path}/suspend", page(offices.suspend, **_FORM)),
        ("POST", "/issued/{id:path}/reinstate", page(offices.reinstate, **_FORM)),
        ("GET", "/members", page(offices.members)),
        ("GET", "/members/block", page(blocks.participant, **_PEOPLE)),
        ("POST", "/members/block", page(blocks.block, **_FORM)),
        ("POST", "/members/unblock", page(blocks.unblock, **_FORM)),
        ("GET", "/operate/place", page(place.place, **_PEOPLE)),
        ("POST", "/operate/place", page(place.state, **_FORM)),
        ("POST", "/operate/place/withdraw", page(place.withdraw, **_FORM)),
        ("GET", "/rulebook", page(offices.rulebook, **_PEOPLE)),
        ("GET", "/rulebook/templates", page(templates.show, **_PEOPLE)),
        ("POST", "/rulebook/templates", page(templates.publish, **_FORM)),
        ("POST", "/rulebook/templates/withdraw", page(templates.withdraw, **_FORM)),
        ("GET", "/region", page(membership.membership, **_PEOPLE)),
        ("POST", "/region/terms", page(membership.terms, **_FORM)),
        ("POST", "/region/join", page(membership.join, **_FORM)),
        ("GET", "/region/leave", page(membership.leaving, **_PEOPLE)),
        ("POST", "/region/leave", page(membership.leave, **_FORM)),
    ]
