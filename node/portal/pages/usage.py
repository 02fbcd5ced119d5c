"""The answer of an asset's page to "how may I use it": a verdict, and the state of each condition for the reader."""

from __future__ import annotations

from dataclasses import dataclass

from node.catalogue.access import AccessCode
from node.catalogue.model import Record
from node.identity.model import Caller
from node.policy.model import Decision, Nature, Reason
from node.policy.terms import OBTAIN_CONSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition for the reader. ``state``: met, missing, promise, wait (a person decides), open (it depends on the
    caller)."""

    state: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The answer to "how may I use it".

    ``verdict``: free, some (some files are free, the others need an agreement), agree (free for everybody, by an
    agreement), yes, ask, stranger, no, described (nobody offers it), rulebook (a text to read, offered to nobody),
    own (the reader's node publishes it), unoffered (the reader's node publishes it, and offers it to nobody), or
    harvested (it was imported; the data are available at the source). ``words`` are the conditions as sentences, for
    use without a decision about them.
    """

    verdict: str
    access: AccessCode
    conditions: tuple[Condition, ...]
    words: tuple[str, ...]

    @property
    def tone(self) -> str:
        """Return the colour for the verdict's word."""
        tones = {"free": "ok", "some": "ok", "agree": "ok", "yes": "ok", "own": "ok", "ask": "wait", "no": "no"}
        return tones.get(self.verdict, "plain")


def use_of(
    record: Record, decision: Decision | None, caller: Caller, access: AccessCode, words: tuple[str, ...]
) -> Use:
    """Return the page's answer to "how may I use it"."""
    own = caller.is_person and caller.did == record.origin
    if record.kind == "rulebook" and not record.files:
        return Use(verdict="rulebook", access=access, conditions=(), words=words)
    if decision is None:
        verdict = "harvested" if record.harvest_origin is not None else "unoffered" if own else "described"
        if any(file.open for file in record.files):
            verdict = _free(record)
        return Use(verdict=verdict, access=access, conditions=(), words=words)
    if own:
        return Use(verdict="own", access=access, conditions=(), words=words)
    stranger = caller.is_anonymous
    conditions = conditions_of(decision, stranger=stranger)
    if decision.permits:
        verdict = _free(record) if access is AccessCode.OPEN else "yes"
    elif decision.asks:
        verdict = "ask"
    else:
        verdict = "stranger" if stranger else "no"
    return Use(verdict=verdict, access=access, conditions=conditions, words=words)


def _free(record: Record) -> str:
    """Return ``free`` if all of it can be downloaded at once, ``some`` if some files can, ``agree`` if the reader's
    own node has to make an agreement first, without a person's decision."""
    if record.kind == "model":
        return "agree"
    open_ = [file.open for file in record.files]
    return "free" if all(open_) else "some" if any(open_) else "agree"


def conditions_of(decision: Decision, *, stranger: bool) -> tuple[Condition, ...]:
    """Return one condition for each sentence: several leaves of a policy may have the same words."""
    conditions: dict[tuple[tuple[str, str], ...], Condition] = {}
    for reason in decision.reasons:
        if not reason.text:
            continue
        words = tuple(sorted(reason.text.items()))
        condition = Condition(state=state_of(reason, stranger=stranger), reason=reason)
        if words not in conditions or conditions[words].reason.met:
            conditions[words] = condition
    return tuple(conditions.values())


def state_of(reason: Reason, *, stranger: bool = False) -> str:
    """Return the state of a condition for the reader: one of the states of ``Condition``."""
    if reason.operand == OBTAIN_CONSENT and not reason.met:
        return "wait"
    if reason.nature is Nature.UNDERTAKING and reason.met:
        return "promise"
    if reason.met:
        return "met"
    return "open" if stranger else "missing"
