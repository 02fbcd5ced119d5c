"""conditions.md: templates, operands, purposes, from policies/ and node.policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference_pages.markdown import code, short, table

INTRO = """
# Conditions

`conditions:` in a description says who may *use* an asset. It names a template, alone (`conditions: open`) or with
parameters:

```yaml
conditions:
  template: mobility-partners
  until: 2027-12-31
```

A publisher who needs other terms writes an ODRL policy instead, with members `permission`, `prohibition` and
`obligation`; it travels as it is.

Who may *see* an asset is said apart, by `audience:` (default: everybody).

## What can be offered

Conditions other than those of everybody are only accepted where this node can deliver the asset under them: a file
whose bytes it keeps, or a model that it runs or calls. An asset whose bytes lie behind an address of their own, in a
service or with a broker is *described*: without `conditions`, or with `conditions: open`, and with its own access
address. It is not listed in the Dataspace Protocol's catalogue and not negotiated. What an older Hansa has published
under conditions that cannot be kept is not offered any more; `hansa doctor` names it.

## Templates
"""

NATURES = """
## Facts and undertakings

Each condition is a *fact* or an *undertaking*. A fact is checked by the provider at every access: while an agreement
is made, and again at every read under it. An undertaking is promised, recorded in the agreement and declared; it
refuses only where what is declared contradicts it. A condition that this node does not understand counts as not met.
"""

USES = """
## Uses

`odrl:count` says how often something may be done under an agreement. A *use* is

- one transfer of bytes that has begun to deliver: ranges, resumptions, suspensions and new tokens of one transfer
  are the same use;
- one execution of a model that was called, whether it succeeds or not; the same call asked again by its
  `Idempotency-Key` is the same use;
- one execution of a model that reads data where they are, under the agreement about those data.

All uses under an agreement are counted together, whatever the action. The provider's count binds. It takes a use in
the transaction that opens the first byte or makes the job, one at a time for each agreement, also with several
processes on one database. Looking after a call, and reading its results, is no use.

The consumer counts the same events as it sees them, so that both pages of the agreement, `hansa agreement ID` and
`uses` in `GET /api/agreements/{id}` say how many are left. Where a connection breaks before the first byte, the
provider may have counted one more than the consumer, until that transfer goes on. What the consumer does with bytes
that have arrived is counted by nobody.
"""

PURPOSES = """
`odrl:` is `http://www.w3.org/ns/odrl/2/`, `hz:` is `https://w3id.org/hansa/policy#`.

## Purposes

Purposes are terms of the Data Privacy Vocabulary (`dpv:`) or of ours. These names stand for groups of them:
"""

_EXAMPLES: Mapping[str, Any] = {
    "until": "2027-12-31",
    "models": ["https://data.plzen.example/models/road-noise@…"],
}
_REGION = "did:web:region.example"

_OPERANDS: Mapping[str, str] = {
    "odrl:dateTime": "The moment of the access.",
    "hz:credential": "A credential of this type, in force, from an issuer that counts here.",
    "hz:membership": "A MembershipCredential, in force, whose `memberOf` is this region.",
    "hz:participant": "The other party's DID.",
    "hz:rulebook": "The rulebook in force at the provider, or a version of it (`#vN`).",
    "hz:algorithm": "The model that reads the data, where they are. Checked at a run; promised before.",
    "hz:minimumCellSize": "How many persons each figure of a result covers. Checked at a run; promised before.",
    "odrl:count": "How often it was used, counted for the whole agreement: see *Uses*.",
    "odrl:purpose": "The purpose: one of these or a narrower one. A declared purpose outside of them is refused.",
    "odrl:recipient": "Whom it may be passed on to.",
    "odrl:spatial": "Where it may be used. Whether a place lies in another is known for NUTS regions only.",
    "odrl:elapsedTime": "How long a duty may take, such as deletion within 30 days.",
    "odrl:payAmount": "A price. Agreed and recorded; invoices are not Hansa's business.",
}


def conditions() -> str:
    """The page."""
    from node.policy.labels import purpose_names, purposes
    from node.policy.odrl import parse
    from node.policy.operands import OPERANDS
    from node.policy.summary import summary
    from node.policy.templates import compile_conditions, templates
    from node.policy.terms import VALUE_TYPES
    from node.policy.words import sentences

    parts = [INTRO]
    for template in templates():
        parts += [f"### {template.id}\n", template.explanation["en"] + "\n"]
        if template.policy is not None:
            given = {
                one.name: _EXAMPLES[one.name] for one in template.parameters if one.name in _EXAMPLES and one.required
            }
            compiled = compile_conditions(
                {"template": template.id, **given},
                target="https://data.ghent.example/datasets/example",
                offer_id="https://data.ghent.example/datasets/example#offer",
                region=_REGION,
            )
            assert compiled.offer is not None
            policy = parse(compiled.offer)
            said = f" with {', '.join(f'`{name}: {_yaml(value)}`' for name, value in given.items())}" if given else ""
            parts.append(f"Short{said}: *{summary(policy, 'en')}*. In the agreement:\n")
            parts.append("\n".join(f"- {sentence}" for sentence in sentences(policy, "en")) + "\n")
        facts = [f"Seen by: {template.audience}." if template.audience != "public" else "Seen by everybody."]
        if template.ask:
            facts.append("A person of the provider decides about each request.")
        if template.sealed is True:
            facts.append("Bytes travel sealed for the recipient.")
        parts.append(" ".join(facts) + "\n")
        if template.parameters:
            parts.append(
                table(
                    ["parameter", "what", "write", "default"],
                    [
                        [
                            code(one.name),
                            one.label["en"],
                            one.remedy,
                            _parameter_default(one),
                        ]
                        for one in template.parameters
                    ],
                )
            )
    parts += [
        NATURES,
        table(
            ["operand", "nature", "value", "operators", "what it says"],
            [
                [
                    code(short(iri)),
                    str(row.nature),
                    str(VALUE_TYPES[iri]),
                    ", ".join(code(name) for name in row.operators),
                    _OPERANDS[short(iri)],
                ]
                for iri, row in OPERANDS.items()
            ],
        ),
        USES,
        PURPOSES,
        table(
            ["name", "purposes"],
            [[code(name), ", ".join(code(short(iri)) for iri in purposes(name))] for name in purpose_names()],
        ),
    ]
    return "\n".join(parts)


def _parameter_default(parameter: Any) -> str:
    if parameter.name == "region":
        return "the region that this node joined"
    if parameter.default is not None:
        return code(_yaml(parameter.default))
    return "(must be given)" if parameter.required else "(none)"


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "[" + ", ".join(value) + "]" if isinstance(value, list) else str(value)
