"""Publishing from the terminal: wider audiences are shown first, many descriptions are sent together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.cli.commands.publication.publish import _paths, _show_choices
from node.cli.commands.publication.submissions import PublishOptions, publish_alone, publish_together, read_file
from node.client.api import Refusal
from node.policy.templates import templates

WIDER = {
    "rule": "audience-widened",
    "severity": "warning",
    "message": "The audience is wider: everyone.",
    "remedy": "to prevent this, set the audience: internal",
    "translations": {
        "nl": {"message": "Het publiek is ruimer: iedereen.", "remedy": "stel het publiek in: internal"}
    },
}

FAULTS = [{"severity": "violation", "message": "it has no licence"}]


class Client:
    """Notes what it is asked, and what had been printed by then."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.before: list[str] = []
        self.batches: list[tuple[int, bool, bool]] = []
        self._capsys = capsys

    def publish(self, submission: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(submission)
        printed = self._capsys.readouterr()
        self.before.append(printed.out + printed.err)
        return {"kind": "dataset", "iri": "https://gent.example/datasets/x", "version": 2, "warnings": [WIDER]}

    def publish_all(
        self, submissions: Sequence[dict[str, Any]], *, dry_run: bool = False, wait: bool = True
    ) -> dict[str, Any]:
        self.batches.append((len(submissions), dry_run, wait))
        answers = []
        for submission in submissions:
            if submission["fields"]["title"] == "wrong":
                answers.append({"problem": {"status": 422, "detail": "it has errors", "findings": FAULTS}})
            elif submission["fields"]["title"] == "taken":
                answers.append({"problem": {"status": 400, "code": "invalid-input", "detail": "it is taken"}})
            else:
                answers.append({"published": self.publish(submission)})
        return {"results": answers}


@pytest.mark.parametrize(
    ("lang", "text"), [("en", "The audience is wider: everyone."), ("nl", "Het publiek is ruimer: iedereen.")]
)
def test_a_wider_audience_is_told_before_it_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, text: str
) -> None:
    description = write(tmp_path, "X")
    client = Client(capsys)
    options = PublishOptions(audience="public", earlier_versions=True, lang=lang)
    publish_alone(client, read_file(description, [], options, as_is=False), options)  # type: ignore[arg-type]
    checked, published = client.asked
    assert (checked["dryRun"], checked["earlierVersions"], checked["audience"]) == (True, True, "public")
    assert published["earlierVersions"] is True
    assert text not in client.before[0]
    assert text in client.before[1].replace("\n", " "), "told before anything is published"
    printed = capsys.readouterr()
    assert text not in printed.out + printed.err, "and told once"


def publish(client: Client, paths: Sequence[Path], *, wait: bool = True) -> list[dict[str, Any]]:
    options = PublishOptions()
    descriptions = [read_file(path, [], options, as_is=False) for path in paths]
    return publish_together(client, descriptions, options, wait=wait)  # type: ignore[arg-type]


def test_many_descriptions_are_sent_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The node checks each before it saves anything; those that name an audience are sent for a check before."""
    client = Client(capsys)
    paths = [write(tmp_path, f"x{number}", audience) for number, audience in enumerate((None, "members", None))]
    assert len(publish(client, paths, wait=False)) == 3
    assert client.batches == [(1, True, True), (3, False, False)]
    printed = capsys.readouterr()
    assert "The audience is wider: everyone." in "".join(client.before) + printed.out + printed.err


def test_the_others_enter_where_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(capsys)
    paths = [write(tmp_path, title) for title in ("fine", "wrong", "taken", "last")]
    results = publish(client, paths)
    assert [result.get("version") for result in results] == [2, None, None, 2]
    assert results[1] == {"file": str(paths[1]), "findings": FAULTS}
    assert (results[2]["file"], results[2]["error"]) == (str(paths[2]), "it is taken")
    printed = capsys.readouterr().err.replace("\n", "")
    assert f"{paths[1]}: 1 error" in printed
    assert f"{paths[2]}: it is taken" in printed


def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(capsys)

    def refuse(*_: Any, **__: Any) -> dict[str, Any]:
        raise Refusal(413, {"detail": "too large"})

    monkeypatch.setattr(client, "publish_all", refuse)
    assert len(publish(client, [write(tmp_path, "a"), write(tmp_path, "b")])) == 2
    assert [submission["fields"]["title"] for submission in client.asked] == ["a", "b"]


def test_a_folder_stands_for_its_descriptions(tmp_path: Path) -> None:
    descriptions = [write(tmp_path, title) for title in ("b", "a")]
    (tmp_path / "data.csv").write_text("a,b\n1,2\n", "utf-8")
    assert _paths([tmp_path, descriptions[0]]) == sorted(descriptions)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="has no descriptions"):
        _paths([tmp_path / "empty"])


def write(folder: Path, title: str, audience: str | None = None) -> Path:
    path = folder / f"{title}.yaml"
    audience_line = f"audience: {audience}\n" if audience else ""
    path.write_text(f"kind: dataset\ntitle: {title}\n{audience_line}", "utf-8")
    return path


def test_templates_are_shown_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    _show_choices("conditions", "en")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    expected = [name for one in templates() for name in (one.id, *(f"  {each.name}" for each in one.parameters))]
    ends = {name: line for name in expected for line in lines if line.startswith(f"{name} ")}
    assert set(ends) == set(expected)
    assert "required" in ends["  models"]
    assert "the region of this node" in ends["  region"]
