"""From a steward's submission to a checked, canonical description: the interface of this package.

All parsing, building and checking happens in the cage; this module unpacks the answer. Faults are returned as
findings, not raised: a caller shows them all, and publishes only if none is a violation.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict, Unpack

from node.base.errors import HansaError, InvalidInput, LocalFault, Overloaded, RemoteFault, TooLarge
from node.cage.model import PARSE, AsyncCage, Limits, has_full_queue
from node.cage.wire import fault_from_json
from node.semantics.model import CheckedDescription, File, Finding, Submission

TARGET: Final = "semantics.describe"
TARGET_OF_MANY: Final = "semantics.describe_all"
MANY: Final = Limits(cpu=60, wall=90.0)
"""Limits of a call that describes many submissions, or a large one."""
LARGE: Final = 512 << 10
"""Bytes of a document that is described within the limits of many: an ontology of 60,000 statements takes seconds."""


class DescribeOptions(TypedDict):
    """The node for which submissions are described.

    ``base``: the node's public address; ``me``, ``my_name``: its DID and name, the publisher if the description names
    none. ``language``: of texts without a language. ``advised``, ``enforced``: further profiles (``dcat-ap-vl``);
    breaches of the first are only information, breaches of the second are violations. ``asks_assessment``: offers of
    personal data name an impact assessment.
    """

    base: str
    me: str
    my_name: str
    language: NotRequired[str]
    advised: NotRequired[Sequence[str]]
    enforced: NotRequired[Sequence[str]]
    asks_assessment: NotRequired[bool]


def limits_of(size: int) -> Limits:
    """Return the limits within which a document of ``size`` bytes is read."""
    return MANY if size > LARGE else PARSE


async def describe(
    cage: AsyncCage, submission: Submission, owner: str | None = None, **options: Unpack[DescribeOptions]
) -> CheckedDescription:
    """Return the description in ``submission``, checked against the shapes of its kind.

    ``owner``: the caller who needs this, so that a child of the cage can serve the same caller again.

    Raises ``InvalidInput``, ``UnsupportedMediaType`` and ``TooLarge`` for a document that cannot be read, and
    ``Overloaded`` for a document that needs more resources than one request may have. All other faults are in
    ``findings``.
    """
    message = {"submission": _as_json(submission), **_message(options)}
    blobs = [] if submission.document is None else [submission.document]
    limits = limits_of(sum(map(len, blobs)))
    answer, answer_blobs = await cage.call(TARGET, message, blobs, limits=limits, owner=owner)
    return unpack_description(answer, answer_blobs[0])


async def describe_all(
    cage: AsyncCage, submissions: Sequence[Submission], owner: str | None = None, **options: Unpack[DescribeOptions]
) -> list[CheckedDescription | HansaError]:
    """Return for each of ``submissions`` what ``describe`` returns or raises, in one call of the cage.

    If they exceed the limits of one call together, or end it, each is described in a call of its own. Raises
    ``Overloaded`` if the cage has no place for the call.
    """
    results: list[CheckedDescription | HansaError | None] = [None] * len(submissions)
    members: dict[int, dict[str, Any]] = {}
    for place, submission in enumerate(submissions):
        try:
            members[place] = _as_json(submission)
        except InvalidInput as fault:
            results[place] = fault
    documents = {place: submissions[place].document for place in members}
    blobs = [document for document in documents.values() if document is not None]
    numbers = itertools.count()
    message = {
        "submissions": list(members.values()),
        "documents": [None if document is None else next(numbers) for document in documents.values()],
        **_message(options),
    }
    try:
        answer, answer_blobs = await cage.call(TARGET_OF_MANY, message, blobs, limits=MANY, owner=owner)
    except (Overloaded, LocalFault, TooLarge) as fault:
        if has_full_queue(fault):
            raise  # Each alone would wait in the same queue.
        for place in members:
            results[place] = await _alone(cage, submissions[place], **options)
    else:
        for place, facts, nquads in zip(members, answer["descriptions"], answer_blobs, strict=True):
            is_fault = "fault" in facts
            results[place] = fault_from_json(facts["fault"]) if is_fault else unpack_description(facts, nquads)
    return [result for result in results if result is not None]


async def _alone(
    cage: AsyncCage, submission: Submission, **options: Unpack[DescribeOptions]
) -> CheckedDescription | HansaError:
    try:
        return await describe(cage, submission, **options)
    except RemoteFault as fault:
        return fault


def _message(options: DescribeOptions) -> dict[str, Any]:
    return {
        "base": options["base"].rstrip("/"),
        "me": options["me"],
        "myName": options["my_name"],
        "language": options.get("language", "en"),
        "advised": list(options.get("advised", ())),
        "enforced": list(options.get("enforced", ())),
        "asksAssessment": options.get("asks_assessment", False),
    }


def unpack_description(answer: Mapping[str, Any], nquads: bytes) -> CheckedDescription:
    """Return the answer of the caged function as a value."""
    box = answer["bbox"]
    return CheckedDescription(
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
    if submission.document is None and submission.fields is None:
        raise InvalidInput("the request has neither a document nor fields", remedy="send a document, or fields")
    try:
        # YAML converts texts that look like a date; in a message they are texts again.
        text = json.dumps(submission.to_json(), default=str, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the fields cannot be read: {error}", remedy="write plain YAML or JSON") from error
    members: dict[str, Any] = json.loads(text)
    return members
