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

If you need other terms, write an ODRL policy instead, with the members `permission`, `prohibition` and `obligation`.
The node offers it unchanged.

`audience:` says who may *see* an asset (default: everybody).

## What can be offered

A node accepts conditions other than `open` only for an asset that it can deliver under them: a file that it stores,
or a model that it runs or calls. If the data is at another address, in a service or with a broker, the asset is only
*described*: give its access address, and leave out `conditions` or write `conditions: open`. Such an asset is not in
the catalogue of the Dataspace Protocol, and cannot be negotiated. An older version of Hansa may have published assets
under conditions that the node cannot keep. They are no longer offered; `hansa doctor` names them.

## Templates
"""

NATURES = """
## Facts and undertakings

Each condition is a *fact* or an *undertaking*. The provider checks a fact when an agreement is made, and again at
every read under it. An undertaking is a promise, which is recorded in the agreement. A request is refused because of
an undertaking only if what the consumer declares contradicts it. A condition that the node does not understand counts
as not met.
"""

PARTS = """
## A part of the data

Beside a template or a policy, `part` says which part of a table is given, or of a layer or an entity type of a
data source:

```yaml
conditions:
  template: members
  part:
    columns: [id, name, kind]
    rows:
      - {column: kind, operator: eq, value: berth}
      - {column: capacity, operator: gteq, value: 10}
    box: [3.6, 51.0, 3.8, 51.1]
    period: {column: updated, from: 2026-01-01, until: 2026-06-30}
    conceal:
      plate: pseudonym
      seen: time hour
      speed: bins 10
      lon: grid 0.01
      owner: suppress
    group: {size: 5, columns: [kind, seen]}
```

All that is named holds together. Operators are `eq`, `neq`, `lt`, `lteq`, `gt` and `gteq`; a row without a value in
the column is left out. A table compares as the type of the column, a layer numbers as numbers and all else as text.
`box` is west, south, east, north in degrees: whatever touches it is given whole (a feature of a layer: whatever
extent touches it). `period` is short for two conditions about a column; the day after `until` is the first that is
left out. Of a layer, `geometry` and `id` count as columns.

The node keeps to the part at every read: in the query to the source, and for layers once more on each feature of
the answer. To a reader, what is left out does not exist: not as parameter, in the list of columns, in errors or in
links. Readers of a part of a layer can ask for pages, columns, a box, one value of a column and an order, and for
no other filter. If the part has conditions about rows other than `eq`, they can only ask for pages and columns.

Of entities of a context broker, attributes are the columns; `id`, `scope`, `createdAt` and `modifiedAt` count as
columns, and the type is always shown. A condition can be about a member of an attribute, such as
`intensity.observedAt`; numbers are compared as numbers and all else as text, and of several instances all must meet
it. Where a condition orders numbers (`lt`, `lteq`, `gt`, `gteq`), a text that is a number, such as `"5000"`, is
compared as a number too. A box is about `location`. Readers of some attributes can ask queries about these, and for
their history. If the part has conditions about rows or a box, readers can only turn pages and choose attributes;
`count` is refused, and there is no history. The broker itself chooses the entities of a box, and those whose
attribute `eq` a word that begins with a letter (`A` to `Z`) and has letters, digits, spaces and `_`, `:` or `-`.
Any other condition, or a second box, is met by the node on each page of the broker: pages then have fewer entities
than `limit`, so a reader can see from them how many entities are left out and where in the order they stand, but
nothing else of them.

The part is a condition of the offer, so it is signed with the agreement: a later offer changes nothing for it. In
ODRL it is `hz:columns`, `hz:rows`, `hz:box`, `hz:concealed` and `hz:smallestGroup`, in each permission. If an offer
has several permissions, all parts in it hold for each of them. A node refuses to offer a part of something that it
can only give whole. Each read is recorded with its part.

`conceal` gives columns in a less telling form. Conditions for rows, and the box, are about the values as they are;
whatever the partner asks, sorts or filters is about the form that it gets.

- `pseudonym`: 32 hexadecimal digits (HMAC-SHA-256), the same for the same value under one agreement, and other ones
  under every other agreement. The key comes from the wrapping key of the node. A database conceals its tables itself,
  and gets the key with each query.
- `time STEP`: the moment or day, rounded down to a `minute`, `hour`, `day`, `week`, `month`, `quarter` or `year`
  (UTC).
- `bins WIDTH`: the number, rounded down to a multiple of the width.
- `grid WIDTH`: the number, rounded to a multiple of the width. A place of a database becomes the nearest point of a
  grid of so many degrees.
- `suppress`: no value.

A value of which no such form can be made is left empty. `group` leaves out all rows whose values in these columns, in
the form that the partner gets, are shared by fewer rows than `size`. A partner who reads a table that changes can
compare two readings: a group hides persons in one reading, and not between readings. Pseudonyms hide who somebody is,
and not how often, or with what, the same value occurs.

Stored tables and tables of a database (`postgis`) take all of it. Streams take `pseudonym`, `bins` and `suppress`:
the arrival of an observation tells its time, and a group is never complete. Layers and entities take none, and such
an offer is refused.

Of a stored file in CSV or Parquet, a part of columns, rows and a period can be given, but no box. The file itself
then leaves for nobody: the partner asks it in SQL (`hansa query`) and gets the part. Such an offer cannot be sealed.
"""

USES = """
## Uses

`odrl:count` limits how often an asset may be used under an agreement. A *use* is

- one transfer that has begun to deliver bytes; ranges, resumptions, suspensions and new tokens of this transfer
  belong to the same use;
- one execution of a model that was called, whether it succeeds or not; a repeated call with the same
  `Idempotency-Key` belongs to the same use;
- one execution of a model that reads data at its owner's node, under the agreement about this data;
- one read of a data source, or one question to a table; also a question that fails after the table was read.

All uses under an agreement are counted together, for every action. The provider's count decides. The provider counts
a use in the transaction that opens the first byte or creates the job, one at a time for each agreement, even if
several processes share a database. Requests for the status of a call or for its results are not counted.

The consumer counts the same events. The pages of the agreement on both sides, `hansa agreement ID` and `uses` in
`GET /api/agreements/{id}` therefore show how many uses are left. If a connection breaks before the first byte, the
provider may have counted one use more than the consumer, until this transfer continues. Reads and questions of a
program that has an address and a token of its own are counted by the provider alone. Nobody counts what the consumer
does with the bytes that it received.
"""

PURPOSES = """
`odrl:` is `http://www.w3.org/ns/odrl/2/`, `hz:` is `https://w3id.org/hansa/policy#`.

## Purposes

Purposes are terms of the Data Privacy Vocabulary (`dpv:`) or of Hansa (`hz:`). These names stand for groups of them:
"""

_EXAMPLES: Mapping[str, Any] = {
    "until": "2027-12-31",
    "models": ["https://data.plzen.example/models/road-noise@…"],
}
_REGION = "did:web:region.example"

_OPERANDS: Mapping[str, str] = {
    "odrl:dateTime": "The time of the access.",
    "hz:credential": "The consumer has a valid credential of this type, from an issuer that the provider trusts.",
    "hz:membership": "The consumer has a valid MembershipCredential of this region (`memberOf`).",
    "hz:participant": "The DID of the consumer.",
    "hz:rulebook": "The rulebook that applies at the provider, or a version of it (`#vN`).",
    "hz:algorithm": "The model that reads the data at its owner's node. Checked at each run.",
    "hz:minimumCellSize": "The smallest number of persons in each figure of a result. Checked at each run.",
    "hz:columns": "The columns that are given. The node leaves out the others: see *A part of the data*.",
    "hz:rows": "What the rows that are given meet, such as `kind eq berth`. The node leaves out the others.",
    "hz:box": "What is given touches this box. The node leaves out the rest.",
    "hz:concealed": "The form in which columns are given, such as `plate pseudonym`: see *A part of the data*.",
    "hz:smallestGroup": "The fewest rows equal in these columns, such as `5 district`. Smaller groups are left out.",
    "odrl:count": "How often the asset may be used under the agreement: see *Uses*.",
    "odrl:purpose": "One of these purposes, or a narrower one. Access is refused if another purpose is declared.",
    "odrl:recipient": "To whom the asset may be passed on.",
    "odrl:spatial": "Where the asset may be used. The node knows which regions contain others only for NUTS regions.",
    "odrl:elapsedTime": "The time within which a duty must be done, such as deletion within 30 days.",
    "odrl:payAmount": "A price. It is part of the agreement; Hansa writes no invoices.",
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
            values = {
                one.name: _EXAMPLES[one.name] for one in template.parameters if one.name in _EXAMPLES and one.required
            }
            compiled = compile_conditions(
                {"template": template.id, **values},
                target="https://data.ghent.example/datasets/example",
                offer_id="https://data.ghent.example/datasets/example#offer",
                region=_REGION,
            )
            assert compiled.offer is not None
            policy = parse(compiled.offer)
            filling = (
                f" with {', '.join(f'`{name}: {_yaml(value)}`' for name, value in values.items())}" if values else ""
            )
            parts.append(f"Short{filling}: *{summary(policy, 'en')}*. In the agreement:\n")
            parts.append("\n".join(f"- {sentence}" for sentence in sentences(policy, "en")) + "\n")
        facts = [f"Seen by: {template.audience}." if template.audience != "public" else "Seen by everybody."]
        if template.ask:
            facts.append("A person of the provider decides about each request.")
        if template.sealed is True:
            facts.append("Files are sealed (encrypted) for the recipient.")
        parts.append(" ".join(facts) + "\n")
        if template.parameters:
            parts.append(
                table(
                    ["parameter", "what", "write", "default"],
                    [
                        [
                            code(parameter.name),
                            parameter.label["en"],
                            parameter.remedy,
                            _parameter_default(parameter),
                        ]
                        for parameter in template.parameters
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
        PARTS,
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
