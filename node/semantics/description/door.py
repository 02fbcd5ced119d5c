"""From a steward's submission to a checked, canonical description: the interface of this package.

All parsing, building and checking happens in the cage; this module unpacks the answer. Faults are returned as
findings, not raised: a caller shows them all, and publishes only if none is a violation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput
from node.cage.model import PARSE, Limits
from node.semantics.model import Described, File, Finding, Submission

TARGET: Final = "semantics.describe"


class Caller(Protocol):
    """The part of the cage that this module needs."""

    async def call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        owner: str | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]: ...


async def describe(
    cage: Caller,
    submission: Submission,
    owner: str | None = None,
    *,
    base: str,
    me: str,
    my_name: str,
    language: str = "en",
    advised: Sequence[str] = (),
    enforced: Sequence[str] = (),
) -> Described:
    """Return the description in ``submission``, checked against the shapes of its kind.

    ``base``: the node's public address; ``me``, ``my_name``: its DID and name, the publisher if the description names
    none. ``language``: of texts without a language. ``advised``, ``enforced``: further profiles (``dcat-ap-vl``);
    breaches of the first are only information, breaches of the second are violations. ``owner``: the caller who needs
    this, so that a child of the cage can serve the same caller again.

    Raises ``InvalidInput``, ``UnsupportedMediaType`` and ``TooLarge`` for a document that cannot be read, and
    ``Overloaded`` for a document that needs more resources than one request may have. All other faults are in
    ``findings``.
    """
    if submission.document is None and submission.fields is None:
        raise InvalidInput("the request has neither a document nor fields", remedy="send a document, or fields")
    message = {
        "submission": _as_json(submission),
        "base": base.rstrip("/"),
        "me": me,
        "myName": my_name,
        "language": language,
        "advised": list(advised),
        "enforced": list(enforced),
    }
    blobs = [] if submission.document is None else [submission.document]
    answer, answer_blobs = await cage.call(TARGET, message, blobs, limits=PARSE, owner=owner)
    return described(answer, answer_blobs[0])


def described(answer: Mapping[str, Any], nquads: bytes) -> Described:
    """Return the answer of the caged function as a value."""
    box = answer["bbox"]
    return Described(
        iri=answer["iri"],
        kind=answer["kind"],
        titles=answer["titles"],
        descriptions=answer["descriptions"],
        publisher=answer["publisher"],
        publisher_name=answer["publisherName"],
        keywords=tuple(answer["keywords"]),
        themes=tuple(answer["themes"]),
        nquads=nquads,
        sha256=answer["sha256"],
        findings=tuple(Finding.from_json(finding) for finding in answer["findings"]),
        conditions=answer["conditions"],
        audience=answer["audience"],
        files=tuple(File.from_json(file) for file in answer["files"]),
        bbox=(box[0], box[1], box[2], box[3]) if box else None,
        extra=answer["extra"],
    )


def _as_json(submission: Submission) -> dict[str, Any]:
    try:
        # YAML converts texts that look like a date; in a message they are texts again.
        text = json.dumps(submission.to_json(), default=str, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the fields cannot be read: {error}", remedy="write plain YAML or JSON") from error
    members: dict[str, Any] = json.loads(text)
    return members
