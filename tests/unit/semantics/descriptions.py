"""What the tests of descriptions share: a node's particulars, submissions, and the caged function called in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pyoxigraph import Dataset

from node.cage.model import Limits
from node.semantics import in_cage
from node.semantics.description.cage_client import describe
from node.semantics.documents import quads
from node.semantics.model import CheckedDescription, File, Finding, Submission

BASE = "https://data.gent.example"
ME = "did:web:data.gent.example"
NAME = "Stad Gent"


class Here:
    """Runs the caged function in this process."""

    async def call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        owner: str | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        assert target == "semantics.describe"
        return in_cage.describe(dict(message), list(blobs))


def file(name: str, media_type: str = "text/csv", *, open_: bool = False) -> File:
    return File(name=name, media_type=media_type, size=1234, sha256="ab" * 32, open=open_)


def fields(text: str) -> dict[str, Any]:
    """Fields as a steward writes them."""
    return dict(yaml.safe_load(text))


async def described(submission: Submission, **options: Any) -> CheckedDescription:
    return await describe(Here(), submission, base=BASE, me=ME, my_name=NAME, **options)


async def of_fields(text: str, *names: str, **options: Any) -> CheckedDescription:
    """The description of YAML ``text`` with the files ``names``."""
    return await described(Submission(fields=fields(text), files=tuple(file(name) for name in names)), **options)


async def of_turtle(text: str, *names: str, **options: Any) -> CheckedDescription:
    submission = Submission(
        document=text.encode(), media_type="text/turtle", files=tuple(file(name) for name in names)
    )
    return await described(submission, **options)


def graph(description: CheckedDescription) -> Dataset:
    return Dataset(quads(description.nquads))


def refusals(description: CheckedDescription) -> list[Finding]:
    return [finding for finding in description.findings if finding.severity == "violation"]


def rules(description: CheckedDescription, severity: str = "violation") -> set[str]:
    """The last part of the rules that were broken."""
    return {
        finding.rule.rpartition("#")[2] or finding.rule
        for finding in description.findings
        if finding.severity == severity
    }


GOOD = """
kind: dataset
id: traffic-counts
title: {nl: Verkeerstellingen, en: Traffic counts}
description: {nl: Tellingen per kwartier}
contact: {name: Mobiliteitsbedrijf, email: mobiliteit@gent.example}
license: CC-BY-4.0
theme: TRAN
keywords: {nl: [verkeer, telling]}
language: nl
spatial: Gent
temporal: {from: 2026-10-01, to: 2026-10-31}
files: [{name: counts.csv, description: Alles, open: true}]
"""
"""A dataset with nothing to mend."""
