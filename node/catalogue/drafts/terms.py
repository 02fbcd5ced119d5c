"""The conditions that a draft may have, and the offer that they make."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from node.catalogue.drafts.answers import conditions_of
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.drafts.originals import KEEP
from node.catalogue.model import Record
from node.identity.model import Caller
from node.policy.templates import Template, compile_conditions, template, templates

_FOR_MODELS: Final = frozenset({"run-not-copy"})
"""Templates that no dataset can have: nothing could deliver them."""
_TRIAL: Final = "urn:hansa:draft"
"""The address of a dataset in an offer that nobody gets."""


class DraftTerms:
    """The conditions of drafts. ``region`` returns the DID of the region that conditions refer to; ``original`` the
    version that a draft was made from."""

    def __init__(
        self, region: Callable[[], str | None], original: Callable[[DatasetDraft, Caller], Awaitable[Record]]
    ) -> None:
        self._region = region
        self._original = original

    async def offer(self, draft: DatasetDraft, by: Caller) -> Mapping[str, Any] | None:
        """Return the offer that the conditions of ``draft`` make; None if they offer nothing, or none are chosen.
        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` for an imported record, and ``InvalidInput`` for conditions
        that lack a value."""
        conditions = draft.answers.get("conditions", "")
        if conditions == KEEP and draft.original is not None:
            return (await self._original(draft, by)).offer
        if not conditions:
            return None
        terms = conditions_of(template(conditions), draft.answers)
        return compile_conditions(terms, target=_TRIAL, offer_id=f"{_TRIAL}:offer", region=self._region()).offer

    def templates(self) -> list[tuple[Template, bool]]:
        """Return the templates for datasets, and whether this node can use each: some need a region."""
        has_region = self._region() is not None
        return [
            (template, has_region or not any(part.name == "region" and part.required for part in template.parameters))
            for template in templates()
            if template.id not in _FOR_MODELS
        ]
