"""The conditions that a draft may have, and the offer that they make."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from node.base.clock import Clock
from node.catalogue.drafts.answers import chosen_conditions
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.drafts.originals import KEEP
from node.catalogue.drafts.own_conditions import OWN, ConditionsReport, own_policy
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.policy.conflicts import lint
from node.policy.editor.outlines import offer_form, template_form
from node.policy.editor.reader import policy_form
from node.policy.editor.rows import PERMISSION, PolicyForm, RuleForm
from node.policy.gallery import Gallery
from node.policy.templates import Template, compile_conditions

_FOR_MODELS: Final = frozenset({"run-not-copy"})
"""Templates that no dataset can have: nothing could deliver them."""
_TRIAL: Final = "urn:hansa:draft"
"""The address of a dataset in an offer that nobody gets."""


class DraftTerms:
    """The conditions of drafts. ``region`` returns the DID of the region that conditions refer to, ``gallery`` has
    the templates; ``original`` returns the version that a draft was made from."""

    def __init__(
        self,
        region: Callable[[], str | None],
        gallery: Gallery,
        original: Callable[[DatasetDraft, Caller], Awaitable[Record]],
        clock: Clock,
    ) -> None:
        self._region = region
        self.gallery = gallery
        self._original = original
        self._clock = clock

    async def offer(self, draft: DatasetDraft, by: Caller) -> Mapping[str, Any] | None:
        """Return the offer that the conditions of ``draft`` make; None if they offer nothing, or none are chosen.
        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` for an imported record, and ``InvalidInput`` for conditions
        that lack a value."""
        conditions = draft.answers.get("conditions", "")
        if conditions == KEEP and draft.original is not None:
            return (await self._original(draft, by)).offer
        if not conditions:
            return None
        terms = chosen_conditions(draft.answers, self.gallery)
        return compile_conditions(terms, target=_TRIAL, offer_id=f"{_TRIAL}:offer", region=self._region()).offer

    def check(self, conditions: Mapping[str, Any] | str, by: Caller) -> ConditionsReport:
        """Return what ``conditions`` of a description would offer, and whether they contradict themselves. Nothing is
        saved. Raises ``NotAllowed``, and ``InvalidInput`` for conditions that cannot be read."""
        require(by, UseCase.PUBLISH)
        if isinstance(conditions, Mapping) and set(conditions) == {"offer"}:
            conditions = conditions["offer"]
        conditions = self.gallery.expand(conditions)
        terms = compile_conditions(conditions, target=_TRIAL, offer_id=f"{_TRIAL}:offer", region=self._region())
        return ConditionsReport(
            offer=terms.offer,
            sealed=terms.sealed,
            audience=terms.audience,
            findings=tuple(lint(terms.offer, at=self._clock.now())) if terms.offer else (),
        )

    async def rows(self, draft: DatasetDraft, start: str, by: Caller) -> PolicyForm:
        """Return a policy to change in a form: that of the template ``start``, or of the conditions that ``draft``
        has. Raises the errors of ``offer``, and ``InvalidInput`` for an unknown template."""
        start = start or draft.answers.get("conditions", "")
        if start == OWN:
            return policy_form(own_policy(draft.answers))
        if start == KEEP and draft.original is not None:
            offer = (await self._original(draft, by)).offer
            return _blank() if offer is None else offer_form(offer)
        if not start:
            return _blank()
        choice = self.gallery.template(start)
        prefix = f"{choice.id}."
        answers: dict[str, Any] = {
            name.removeprefix(prefix): text for name, text in draft.answers.items() if name.startswith(prefix)
        }
        # Of the boxes of a template that is chosen, those that are not ticked were answered too.
        if draft.answers.get("conditions") == choice.id:
            boxes = (parameter.name for parameter in choice.parameters if parameter.type == "boolean")
            answers |= {name: answers.get(name) or "no" for name in boxes}
        form = template_form(*self.gallery.basis(start, answers), self._region())
        return form if form.rules else _blank()

    def templates(self) -> list[tuple[Template, bool]]:
        """Return the templates for datasets, and whether this node can use each: some need a region."""
        has_region = self._region() is not None
        return [
            (template, has_region or not any(part.name == "region" and part.required for part in template.parameters))
            for template in self.gallery.templates()
            if template.id not in _FOR_MODELS
        ]


def _blank() -> PolicyForm:
    """Return a form with the rule that every offer has."""
    return PolicyForm(rules=(RuleForm(section=PERMISSION, action="odrl:use"),))
