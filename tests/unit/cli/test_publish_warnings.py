"""What the terminal says before a publication shows something to more people than before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.cli.commands.publish import _publish_one

WIDER = {
    "rule": "audience-widened",
    "severity": "warning",
    "message": "The audience is wider: everyone.",
    "remedy": "to prevent this, set the audience: internal",
    "translations": {
        "nl": {"message": "Het publiek is ruimer: iedereen.", "remedy": "stel het publiek in: internal"}
    },
}


class Client:
    """Notes what it is asked, and what had been printed by then."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.before: list[str] = []
        self._capsys = capsys

    def publish(self, submission: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(submission)
        printed = self._capsys.readouterr()
        self.before.append(printed.out + printed.err)
        return {"kind": "dataset", "iri": "https://gent.example/datasets/x", "version": 2, "warnings": [WIDER]}


@pytest.mark.parametrize(
    ("lang", "text"), [("en", "The audience is wider: everyone."), ("nl", "Het publiek is ruimer: iedereen.")]
)
def test_a_wider_audience_is_told_before_it_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, text: str
) -> None:
    description = tmp_path / "x.yaml"
    description.write_text("kind: dataset\ntitle: X\n", "utf-8")
    client = Client(capsys)
    read: tuple[Any, ...] = ({"fields": {"kind": "dataset", "title": "X"}}, {}, [])
    given: tuple[Any, ...] = (client, description, read, [], None, None, "public", True)
    _publish_one(*given, check=False, lang=lang)
    checked, published = client.asked
    assert (checked["dryRun"], checked["earlierVersions"], checked["audience"]) == (True, True, "public")
    assert published["earlierVersions"] is True
    assert text not in client.before[0]
    assert text in client.before[1].replace("\n", " "), "told before anything is published"
    printed = capsys.readouterr()
    assert text not in printed.out + printed.err, "and told once"


def test_many_descriptions_are_sent_once_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The node checks each before it saves anything; only the last one waits for search and SPARQL."""
    client = Client(capsys)
    for number, audience in enumerate((None, "members", None), 1):
        fields = {"kind": "dataset", "title": "X", **({"audience": audience} if audience else {})}
        read: tuple[Any, ...] = ({"fields": fields}, {}, [])
        given: tuple[Any, ...] = (client, tmp_path / "x.yaml", read, [], None, None, None, False)
        _publish_one(*given, check=False, lang="en", together=True, wait=number == 3)
    ways = [(asked.get("dryRun", False), asked.get("wait", True)) for asked in client.asked]
    assert ways == [(False, False), (True, True), (False, False), (False, True)]
    printed = capsys.readouterr()
    assert "The audience is wider: everyone." in "".join(client.before) + printed.out + printed.err
