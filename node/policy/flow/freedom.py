"""Normal forms of policies and licences, and the meet of several.

Normal form: for each action the *alternatives* under which it is permitted, each a set of conditions that must hold
together; permissions are closed down odrl:includedIn, prohibitions subtracted. The *meet* of two permits what both
permit: the intersection of actions, alternatives combined pairwise, and the union of all demands and prohibitions.
Conditions are kept as sets of (demand, origin), and simplified once, at the end. Therefore the meet is commutative,
associative and idempotent, and every condition of a result keeps the input that it comes from.

Not everything that binds an input binds a *result*. An input that is run or visited where it lives (permission
``odrl:execute``, or use by a named algorithm only) never reaches the recipient, who gets results. Therefore:

- its permission is one to use the results, as the agreement says ("and receives the results");
- ``hz:algorithm`` and conditions to be met before the run (consent, payment) are used up by the run;
- a prohibition to copy the *input* does not forbid copying a result.

If the policy lets permissions win over prohibitions (``conflict: perm``), a prohibition takes nothing from the
actions that a permission covers. A permission that became one to use the results wins over nothing: the policy gave
it for the run, and prohibitions to pass on still bind the results.

All other conditions flow: purposes, dates, places, recipients, credentials, no passing on, deletion, naming the
source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

from node.base.errors import TooLarge
from node.policy import terms
from node.policy.decide import declared_void
from node.policy.flow.licences import Licence
from node.policy.operands import operand_of
from node.policy.rules import Condition, Constraint, Logical, Policy, Rule
from node.policy.terms import (
    ACTIONS,
    ALGORITHM,
    DERIVE,
    DUTIES,
    EXECUTE,
    PART,
    REPRODUCE,
    USE,
    includes,
)
from node.vocab.namespaces import CC, ODRL

MAX_ALTERNATIVES: Final = 64
_MAX_COMPARED: Final = 512
LICENCE: Final = "licence"
"""The rule of a condition that comes from a licence."""

_DERIVATIVES: Final = CC + "DerivativeWorks"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """The origin of a condition: the IRI of the input, and the path of the rule in its policy (or ``licence``)."""

    input: str
    rule: str

    @property
    def is_licence(self) -> bool:
        return self.rule == LICENCE


Demand = Constraint | Logical | Rule
"""A condition; or a duty, or a prohibition that holds only sometimes, as rules."""


@dataclass(frozen=True, slots=True)
class Element:
    """A demand and its origin."""

    demand: Demand
    origin: Origin


@dataclass(frozen=True, slots=True, order=True)
class Bar:
    """The reason why an input allows no result at all. ``code`` is stable; ``fact`` is the subject of the reason."""

    code: str
    origin: Origin
    fact: str = ""


Alternative = frozenset[Element]
Alternatives = frozenset[Alternative]
ALWAYS: Final[Alternatives] = frozenset({frozenset()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Freedom:
    """A normal form. ``TOP`` (no demands) is that of CC0.

    ``permits``: action → alternatives. ``withheld``: each action that is not permitted, and the rule that withholds
    it. ``prohibitions`` are those with conditions; ``duties`` those of the recipient. ``alike``: the only licences
    under which a result may be published. ``licences``: those of the inputs. ``bars``: reasons that forbid any
    result.
    """

    permits: Mapping[str, Alternatives]
    withheld: frozenset[tuple[str, Origin]] = frozenset()
    prohibitions: frozenset[Element] = frozenset()
    duties: frozenset[Element] = frozenset()
    alike: frozenset[tuple[str, Origin]] = frozenset()
    licences: frozenset[tuple[Licence, Origin]] = frozenset()
    seal_origins: frozenset[Origin] = frozenset()
    bars: frozenset[Bar] = field(default_factory=frozenset)

    def meet(self, other: Freedom) -> Freedom:
        """Return the freedom that both permit. Raises ``TooLarge`` beyond ``MAX_ALTERNATIVES`` alternatives."""
        joint: dict[tuple[Alternatives, Alternatives], Alternatives] = {}
        permits: dict[str, Alternatives] = {}
        for action in self.permits.keys() & other.permits.keys():
            pair = (self.permits[action], other.permits[action])
            if pair not in joint:
                joint[pair] = _least(mine | yours for mine, yours in product(*pair))
            permits[action] = joint[pair]
        return Freedom(
            permits=permits,
            withheld=self.withheld | other.withheld,
            prohibitions=self.prohibitions | other.prohibitions,
            duties=self.duties | other.duties,
            alike=self.alike | other.alike,
            licences=self.licences | other.licences,
            seal_origins=self.seal_origins | other.seal_origins,
            bars=self.bars | other.bars,
        )


TOP: Final = Freedom(permits=dict.fromkeys(sorted(ACTIONS), ALWAYS))


def under_licence(licence: Licence, input_: str) -> Freedom:
    """Return the normal form of a licence, for a work made from ``input_``."""
    origin = Origin(input_, LICENCE)
    withheld = {action for action in ACTIONS for wide in licence.withheld if includes(wide, action)}
    return Freedom(
        permits={action: ALWAYS for action in ACTIONS if action not in withheld},
        withheld=frozenset((action, origin) for action in withheld),
        duties=frozenset(Element(Rule(action=action), origin) for action in licence.duties),
        alike=frozenset({(licence.alike, origin)} if licence.alike else ()),
        licences=frozenset({(licence, origin)}),
        bars=frozenset(() if licence.derivatives else {Bar("no-derivatives", origin, licence.title)}),
    )


def under_policy(policy: Policy, input_: str, *, of_result: bool = True) -> Freedom:
    """Return the normal form of a policy. ``of_result``: for results, not for the asset itself (see above)."""
    permissions: list[_Grant] = []
    in_place = of_result and bool(policy.permissions) and all(_in_place(rule) for rule in policy.permissions)
    bars: set[Bar] = set()
    for index, rule in enumerate(policy.permissions):
        here = of_result and _in_place(rule)
        alternatives = _alternatives(
            rule, f"permission[{index}]", input_, met_operands=_met_operands(of_result=of_result, in_place=here)
        )
        wins = policy.permissions_win and not here
        permissions.append(_Grant(USE if here else rule.action, alternatives, wins))
    forbidden: dict[str, Origin] = {}
    prohibitions: set[Element] = set()
    for index, rule in enumerate(policy.prohibitions):
        origin = Origin(input_, f"prohibition[{index}]")
        if in_place and rule.action in {REPRODUCE, EXECUTE}:
            continue
        if rule.action not in ACTIONS or not all(_is_understood(item) for item in rule.constraints):
            bars.add(Bar("not-understood", origin, terms.compact(rule.action)))
        elif not rule.constraints:
            forbidden.setdefault(rule.action, origin)
        elif not policy.permissions_win or not all(grant.wins for grant in permissions):
            # If each permission wins over it, it takes nothing away: without a permission nothing is permitted.
            prohibitions.add(Element(rule, origin))
    duties: set[Element] = set()
    for index, rule in enumerate(policy.obligations):
        origin = Origin(input_, f"obligation[{index}]")
        if understood_duty(rule):
            duties.add(Element(_with_provider(rule, policy) if of_result else rule, origin))
        else:
            bars.add(Bar("not-understood", origin, terms.compact(rule.action)))
    permits, withheld = _permits_by_action(permissions, forbidden, input_)
    if declared_void(policy):
        bars.add(Bar("void", Origin(input_, "conflict")))
    if of_result:
        bars |= {Bar("no-derivatives", origin) for action, origin in withheld if action in {DERIVE, _DERIVATIVES}}
    return Freedom(
        permits=permits,
        withheld=withheld,
        prohibitions=frozenset(prohibitions),
        duties=frozenset(duties),
        seal_origins=frozenset({Origin(input_, "sealed")} if policy.sealed else ()),
        bars=frozenset(bars),
    )


def is_understood(demand: Demand) -> bool:
    """Return whether all of ``demand`` is understood. If not, it counts as a demand that no caller meets."""
    return understood_duty(demand) if isinstance(demand, Rule) else _is_understood(demand)


def understood_duty(rule: Rule) -> bool:
    inner = (*rule.duties, *rule.remedies, *rule.consequences)
    return (
        rule.action in DUTIES
        and all(_is_understood(item) for item in rule.constraints)
        and all(understood_duty(duty) for duty in inner)
    )


def _is_understood(condition: Condition) -> bool:
    if isinstance(condition, Constraint):
        return operand_of(condition) is not None
    return all(_is_understood(item) for item in condition.operands)


def _in_place(rule: Rule) -> bool:
    named = [item for item in rule.constraints if isinstance(item, Constraint) and item.left_operand == ALGORITHM]
    return rule.action == EXECUTE or any(operand_of(item) is not None for item in named)


@dataclass(frozen=True, slots=True)
class _Grant:
    """The action and alternatives of a permission; ``wins``: it holds even if a prohibition forbids the action."""

    action: str
    ways: Alternatives
    wins: bool


def _permits_by_action(
    permissions: Sequence[_Grant], forbidden: Mapping[str, Origin], input_: str
) -> tuple[dict[str, Alternatives], frozenset[tuple[str, Origin]]]:
    """Return every action with its alternatives, and the withheld actions: forbidden, or within no permission."""
    permits: dict[str, Alternatives] = {}
    withheld: set[tuple[str, Origin]] = set()
    for action in ACTIONS:
        origins = [origin for wide, origin in forbidden.items() if includes(wide, action)]
        grants = [grant for grant in permissions if includes(grant.action, action) and (grant.wins or not origins)]
        if grants:
            permits[action] = _least(way for grant in grants for way in grant.ways)
        elif origins:
            withheld |= {(action, origin) for origin in origins}
        else:
            withheld.add((action, Origin(input_, "permission")))
    return permits, frozenset(withheld)


def _met_operands(*, of_result: bool, in_place: bool) -> frozenset[str]:
    """Return the operands of conditions that are met once and for all when a result is made: the part of the data
    that was given, and the model that read data where they are."""
    if not of_result:
        return frozenset()
    return frozenset({*PART, ALGORITHM} if in_place else PART)


def _alternatives(rule: Rule, path: str, input_: str, *, met_operands: frozenset[str]) -> Alternatives:
    alternatives: Alternatives = ALWAYS
    for index, condition in enumerate(rule.constraints):
        ways = _ways(condition, f"{path}.constraint[{index}]", input_)
        if met_operands:
            ways = frozenset(
                frozenset(item for item in way if not _is_about(item.demand, met_operands)) for way in ways
            )
        alternatives = _least(alternative | other for alternative, other in product(alternatives, ways))
    if ALGORITHM not in met_operands:
        demands = frozenset(
            Element(duty, Origin(input_, f"{path}.duty[{index}]")) for index, duty in enumerate(rule.duties)
        )
        alternatives = frozenset(alternative | demands for alternative in alternatives)
    return alternatives


def _is_about(demand: Demand, operands: frozenset[str]) -> bool:
    return isinstance(demand, Constraint) and demand.left_operand in operands and operand_of(demand) is not None


def _ways(condition: Condition, path: str, input_: str) -> Alternatives:
    """Return a condition as alternatives. ``xone`` and ``andSequence`` stay whole: their parts alone mean less."""
    if isinstance(condition, Logical) and len(condition.operands) == 1:
        return _ways(condition.operands[0], f"{path}.{condition.operator}[0]", input_)
    if isinstance(condition, Logical) and condition.operator == "or":
        inner = [_ways(item, f"{path}.or[{index}]", input_) for index, item in enumerate(condition.operands)]
        return _least(way for ways in inner for way in ways)
    if isinstance(condition, Logical) and condition.operator == "and":
        alternatives: Alternatives = ALWAYS
        for index, item in enumerate(condition.operands):
            alternatives = _least(
                one | other for one, other in product(alternatives, _ways(item, f"{path}.and[{index}]", input_))
            )
        return alternatives
    return frozenset({frozenset({Element(condition, Origin(input_, path))})})


def _least(alternatives: Iterable[Alternative]) -> Alternatives:
    """Return the alternatives without those that demand more than another one and therefore add nothing."""
    every = set(alternatives)
    if len(every) <= _MAX_COMPARED:
        least = frozenset(one for one in every if not any(other < one for other in every))
        if len(least) <= MAX_ALTERNATIVES:
            return least
    raise TooLarge(
        f"the conditions of the inputs allow more than {MAX_ALTERNATIVES} alternatives together",
        remedy="use fewer inputs at once, or ask their owners for offers with fewer alternatives",
        facts={"limit": MAX_ALTERNATIVES},
    )


def _with_provider(rule: Rule, policy: Policy) -> Rule:
    """Name the provider of the input in a duty towards "the provider": the result has another provider."""
    function = {terms.ATTRIBUTE: "attributedParty", terms.INFORM: "informedParty"}.get(rule.action)
    if function is None or rule.parties or not policy.assigner:
        return rule
    return replace(rule, parties=((ODRL + function, policy.assigner),))
