"""Many descriptions at once: at the terminal, and in the API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from tests.nodes import Running, described

WRONG = 57


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Descriptions for more than one batch; one of them has an error, one has a file."""
    for number in range(60):
        fields = described(f"set-{number}")
        if number == WRONG:
            fields["license"] = "whatever you like"
        if number == 3:
            (tmp_path / "data.csv").write_text("hour,bicycles\n0,12\n", "utf-8")
            fields["files"] = [{"path": "data.csv", "open": True}]
        (tmp_path / f"set-{number:02}.yaml").write_text(yaml.safe_dump(fields), "utf-8")
    return tmp_path


def test_a_folder_is_published_but_for_what_has_errors(
    running_node: Running, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = ["--node", str(running_node.folder)]
    assert run(["--json", "publish", str(folder), "--check", *node]) == REFUSED
    checked = json.loads(capfd.readouterr().out)
    assert sum("findings" in result for result in checked) == 1
    with running_node.client() as client:
        assert client.search("")["total"] == 0, "only checked"
        assert run(["--json", "publish", str(folder), *node]) == REFUSED
        results = json.loads(capfd.readouterr().out)
        assert [result.get("version") for result in results] == [None if n == WRONG else 1 for n in range(60)]
        assert results[WRONG]["file"] == str(folder / f"set-{WRONG}.yaml")
        assert [finding["field"] for finding in results[WRONG]["findings"]][:1] == ["license"]
        assert client.search("")["total"] == 59
        assert client.sparql("ASK { ?d <http://purl.org/dc/terms/title> ?t }")
        record = client.record(results[3]["iri"])
        assert [file["name"] for file in record["files"]] == ["data.csv"]
        (folder / f"set-{WRONG}.yaml").unlink()
        assert run(["--json", "publish", str(folder), *node]) == DONE
        assert {result["created"] for result in json.loads(capfd.readouterr().out)} == {False}


def test_the_answer_has_a_result_for_each(running_node: Running) -> None:
    with running_node.http() as http:
        headers = {"Authorization": f"Bearer {running_node.token}"}
        wrong_size = {"name": "a.csv", "mediaType": "text/csv", "size": 3, "sha256": "ab" * 32}
        body = {
            "records": [
                {"fields": described("first")},
                {"fields": described("second"), "files": [wrong_size]},
                {"document": "<a> <b> .", "mediaType": "text/turtle"},
                {"fields": described("last")},
            ]
        }
        answer = http.post("/api/records/batch", json=body, headers=headers)
        assert answer.status_code == 200
        results = answer.json()["results"]
        assert [next(iter(result)) for result in results] == ["published", "problem", "problem", "published"]
        assert "were not uploaded" in results[1]["problem"]["detail"]
        assert "line 1" in results[2]["problem"]["detail"]
        assert isinstance(answer.json()["position"], int)
        assert http.post("/api/records/batch", json=body).status_code == 401
        none = http.post("/api/records/batch", json={"records": []}, headers=headers)
        many = http.post("/api/records/batch", json={"records": [{"iri": "urn:x"}] * 101}, headers=headers)
        assert (none.status_code, many.status_code) == (400, 400)
