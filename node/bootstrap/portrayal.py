"""What the portal's pages show, made from what the use cases answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from node.base.clock import moment
from node.base.errors import HansaError, NotAllowed
from node.identity.model import Caller
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.negotiation.uses import Tally
from node.policy.decide import decide, principal_action
from node.policy.model import Situation
from node.policy.odrl import parse
from node.policy.words import sentences
from node.portal.ports import AccessMade, Agreed, Asked, Quality, QualityPart
from node.portal.reasons import whys
from node.semantics.metrics import METRICS
from node.transfer.deletions import Due
from node.transfer.model import Transfer


def asked(decision: PendingDecision, language: str) -> Asked:
    """What waits for a person, with the offered conditions in words."""
    offer = decision.details.get("offer")
    return Asked(
        decision=decision,
        titles=dict(decision.details.get("title") or {}),
        iri=str(decision.details.get("dataset") or ""),
        conditions=tuple(sentences(parse(offer), language)) if isinstance(offer, dict) else (),
    )


def agreed(
    held: Agreement,
    look: asyncio.Future[Caller] | None,
    situation: Callable[[Caller, Agreement], Situation],
    *,
    uses: Tally | None = None,
    deletion: Due | None = None,
) -> Agreed:
    """``held`` for the pages, judged for the consumer that ``look`` has found, if it has; ``situation`` is made from
    the consumer and the agreement."""
    now, barred = None, False
    if look is not None and look.done() and not look.cancelled():
        failure = look.exception()
        barred = isinstance(failure, NotAllowed)
        if failure is not None and not isinstance(failure, HansaError):
            raise failure
        if failure is None:
            policy = parse(held.body)
            now = decide(policy, situation(look.result(), held), action=principal_action(policy))
    terms = held.body.get(TERMS) or {}
    asset = terms.get("asset") or {}
    return Agreed(
        agreement=held,
        title=dict(asset.get("title") or {}),
        kind=str(asset.get("kind") or ""),
        provider_name=str((terms.get("provider") or {}).get("name") or held.provider),
        consumer_name=str((terms.get("consumer") or {}).get("name") or held.consumer),
        now=now,
        barred=barred,
        uses=uses,
        deletion=deletion,
    )


def agreed_names(
    process: Negotiation | Transfer, held: Callable[[str], Agreement | None]
) -> tuple[dict[str, str], str]:
    """How the agreement of ``process`` calls its asset, by language, and the other party; nothing where there is no
    agreement, or it names neither. ``held`` finds an agreement by its id."""
    body: Mapping[str, Any] | None
    if isinstance(process.agreement, str):
        agreement = held(process.agreement)
        body = agreement.body if agreement else None
    else:
        body = process.agreement
    terms = (body or {}).get(TERMS) or {}
    asset, party = terms.get("asset") or {}, terms.get(str(process.role.other)) or {}
    return dict(asset.get("title") or {}), str(party.get("name") or "")


def access_made(kept: dict[str, Any]) -> AccessMade:
    """An access as the overview keeps it (``Overview.accesses``)."""
    outcome = str(kept.get("outcome", ""))
    span = kept.get("bytes")
    return AccessMade(
        at=moment(kept["at"]),
        by=kept["by"],
        permitted=outcome != "refused",
        what=outcome,
        size=span[1] - span[0] if isinstance(span, list) and None not in span else None,
        transfer=str(kept.get("transfer", "")),
        reasons=tuple(whys(kept.get("reasons") or kept.get("reason") or [])),
    )


_LANGUAGES = ("en", "nl", "cs")
_DIMENSION_NAMES = {
    "findability": ("Findability", "Vindbaarheid", "Nalezitelnost"),
    "accessibility": ("Accessibility", "Toegankelijkheid", "Přístupnost"),
    "interoperability": ("Interoperability", "Interoperabiliteit", "Interoperabilita"),
    "reusability": ("Reusability", "Herbruikbaarheid", "Opětovná použitelnost"),
    "contextuality": ("Context", "Context", "Souvislosti"),
}
_BAND_NAMES = {
    "excellent": ("excellent", "uitstekend", "výborné"),
    "good": ("good", "goed", "dobré"),
    "sufficient": ("sufficient", "voldoende", "dostatečné"),
    "bad": ("poor", "zwak", "slabé"),
}


def quality(found: Mapping[str, Any]) -> Quality:
    """A score (``node.semantics.quality``, as JSON) with its dimensions in words."""
    dimension_of = {metric.name: metric.dimension for metric in METRICS}
    return Quality(
        points=found["points"],
        of=found["of"],
        band=_texts(_BAND_NAMES[found["band"]]),
        parts=tuple(
            QualityPart(
                name=_texts(_DIMENSION_NAMES[name]),
                points=points,
                of=of,
                raise_by=tuple(one["advice"] for one in found["raise"] if dimension_of.get(one["metric"]) == name),
            )
            for name, (points, of) in found["dimensions"].items()
        ),
    )


def _texts(words: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(_LANGUAGES, words, strict=True))
