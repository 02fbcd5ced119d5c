"""Publishing a model with its code: the card must agree with the annotations, or is refused.

The missing parts of a card are filled in from the code, so a card need only state what people alone know: the purpose
of the model, its owner, its range of validity. If both state something, they must agree.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput, RemoteFault, TooLarge
from node.cage.model import AsyncCage
from node.exchange.ports import AssetStore
from node.scenarios.models.code import MOST_CODE, describe_code
from node.scenarios.models.comparison import differences, line_of
from node.scenarios.models.draft import filled_in, stated_as
from node.semantics.description.fields import fields_of
from node.semantics.findings import words
from node.semantics.kinds import kind_named
from node.semantics.model import CheckedDescription, Submission

Describe = Callable[[Submission, str], Awaitable[CheckedDescription]]
DescribeAll = Callable[[Sequence[Submission], str], Awaitable[list[CheckedDescription | HansaError]]]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class DescribeWithCode:
    """Describes submissions and reads the code of models, for ``node.catalogue.publication.publish``."""

    def __init__(
        self,
        describe: Describe,
        describe_all: DescribeAll,
        *,
        cage: AsyncCage,
        code: Callable[[str], Awaitable[bytes | None]],
    ) -> None:
        """``code`` returns the bytes in the asset store with a SHA-256, or None."""
        self._describe = describe
        self._describe_all = describe_all
        self._cage = cage
        self._code = code

    async def __call__(self, submission: Submission, owner: str) -> CheckedDescription:
        """Return the description of ``submission``. Raises as describing does, and ``InvalidInput`` if the code has
        not been uploaded."""
        fields = submission.fields
        if fields is None or not _is_model(submission):
            return await self._compare(await self._describe(submission, owner), submission)
        code, fields = _named_code(fields)
        if code is None:
            return await self._describe(submission, owner)
        submission = replace(submission, fields=fields)
        try:
            interface = await self._interface(code)
        except InvalidInput as fault:
            return _unfit(await self._describe(submission, owner), fault, _lines(fields))
        filled = filled_in(fields, interface)
        described = await self._describe(replace(submission, fields=filled), owner)
        return replace(described, findings=(*described.findings, *differences(filled, interface, _lines(fields))))

    async def describe_all(
        self, submissions: Sequence[Submission], owner: str
    ) -> list[CheckedDescription | HansaError]:
        """Return for each of ``submissions`` the description or the error that a call of this object alone would
        return or raise."""
        models = [submission.fields is not None and _is_model(submission) for submission in submissions]
        others = [submission for submission, is_model in zip(submissions, models, strict=True) if not is_model]
        descriptions = iter(await self._describe_all(others, owner) if others else ())
        return [
            await self._model_or_fault(submission, owner)
            if is_model
            else await self._compare_if_described(next(descriptions), submission)
            for submission, is_model in zip(submissions, models, strict=True)
        ]

    async def _model_or_fault(self, submission: Submission, owner: str) -> CheckedDescription | HansaError:
        try:
            return await self(submission, owner)
        except RemoteFault as fault:
            return fault

    async def _compare_if_described(
        self, description: CheckedDescription | HansaError, submission: Submission
    ) -> CheckedDescription | HansaError:
        try:
            return (
                description if isinstance(description, HansaError) else await self._compare(description, submission)
            )
        except RemoteFault as fault:
            return fault

    async def _compare(self, description: CheckedDescription, submission: Submission) -> CheckedDescription:
        """Compare a model submitted as RDF with its code; nothing is filled in."""
        facts = description.extra or {}
        if description.kind != "model" or not isinstance(facts.get("code"), str):
            return description
        try:
            interface = await self._interface(_Code(name="the code", sha256=facts["code"]))
        except InvalidInput as fault:
            return _unfit(description, fault, {})
        return replace(description, findings=(*description.findings, *differences(facts, interface, {})))

    async def _interface(self, reference: _Code) -> dict[str, Any]:
        if not _SHA256.fullmatch(reference.sha256):
            raise InvalidInput(
                f"{reference.sha256[:80] or reference.name} is not the SHA-256 of an uploaded file",
                remedy="publish it with hansa publish, which uploads the file that code: names",
            )
        code = await self._code(reference.sha256)
        if code is None:
            raise InvalidInput(
                f"the file {reference.name} was not uploaded", remedy="upload the file first, then publish"
            )
        return await describe_code(self._cage, code, reference.name)


def stored_code(assets: AssetStore) -> Callable[[str], Awaitable[bytes | None]]:
    """Return a function that reads the code of models from the asset store: None if absent. Raises ``TooLarge``."""

    async def read(sha256: str) -> bytes | None:
        size = assets.size(sha256)
        if size is None:
            return None
        if size > MOST_CODE:
            raise TooLarge(
                f"the code has {size} bytes; a model may have {MOST_CODE}", remedy="give data to it as inputs"
            )
        return b"".join([piece async for piece in await assets.open(sha256)])

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    name: str
    sha256: str


def _is_model(submission: Submission) -> bool:
    kind = kind_named(str(submission.kind or (submission.fields or {}).get("kind") or ""))
    return kind is not None and kind.name == "model"


def _named_code(fields: Mapping[str, Any]) -> tuple[_Code | None, dict[str, Any]]:
    """Return the code that the fields name, and the fields with its hash in the place of its name."""
    key = stated_as(fields, "code", fields_of("model"))
    if key is None or not fields[key]:
        return None, dict(fields)
    code = fields[key]
    if isinstance(code, Mapping):
        named = _Code(name=str(code.get("name") or "model.py")[:100], sha256=str(code.get("sha256") or ""))
        return named, {**fields, key: named.sha256}
    name = str(fields.get("id") or fields.get("name") or "model")
    return _Code(name=f"{name[:80]}.py", sha256=str(code)), dict(fields)


def _lines(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    lines = fields.get("__lines__")
    return lines if isinstance(lines, Mapping) else {}


def _unfit(description: CheckedDescription, fault: InvalidInput, lines: Mapping[str, Any]) -> CheckedDescription:
    finding = words.about_field(
        "code-unfit", field="code", line=line_of(lines, "code"), why=fault.detail, correction=fault.remedy
    )
    return replace(description, findings=(*description.findings, finding))
