"""A template of conditions as a form: its policy with the values that there are, and blanks for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.policy.editor.reader import policy_form
from node.policy.editor.rows import PolicyForm
from node.policy.odrl import SEALED
from node.policy.templates import Template, outline


def template_form(template: Template, answers: Mapping[str, Any], region: str | None) -> PolicyForm:
    """Return the rows of ``template``. ``answers`` are its parameters; one that cannot be read is left blank. An
    offer of a template that offers nothing has no rows."""
    policy, sealed = outline(template, answers, region)
    return policy_form({"odrl:conflict": {"@id": "odrl:prohibit"}, **policy, **({SEALED: True} if sealed else {})})


def offer_form(offer: Mapping[str, Any]) -> PolicyForm:
    """Return the rows of an offer of this node, without what publishing makes anew: its id, its kind, its asset."""
    return policy_form({name: value for name, value in offer.items() if name not in ("@id", "@type", "target")})
