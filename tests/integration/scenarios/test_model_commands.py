"""``hansa model`` and the code of models in ``hansa publish``: what a modeller types, and what the terminal says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo
from demo import data
from node.cli.commands.publication import publish
from node.cli.exits import DONE, REFUSED, USAGE
from node.cli.main import run
from node.cli.output import Mode

FILES = Path(demo.__file__).parent / "files"
ASSIGNMENT = FILES / "gent" / "traffic_assignment.py"
NOISE = FILES / "plzen" / "road_noise.py"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Mode, "json", False)
    segments = data.network(7)
    (tmp_path / "network.geojson").write_text(data.network_geojson(segments), "utf-8")
    (tmp_path / "trips.csv").write_text(data.od_table(7, segments), "utf-8")
    return tmp_path


def hansa(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = run([str(word) for word in words])
    said = capfd.readouterr()
    return status, said.out, said.err


def test_a_draft_of_the_card_is_yaml_that_needs_only_what_people_know(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = hansa(capfd, "model", "describe", NOISE)
    assert status == DONE
    card = yaml.safe_load(out)
    assert (card["kind"], card["id"], card["code"]) == ("model", "road-noise", "road_noise.py")
    assert (card["version"], card["deterministic"]) == ("1.0.0", True)
    assert [port["role"] for port in card["inputs"]] == ["flows", "receptors"]
    speed = next(one for one in card["inputs"][0]["variables"] if one["name"] == "speed")
    assert (speed["unit"], speed["minimum"], speed["maximum"]) == ("km/h", 30.0, 130.0)
    assert card["outputs"][0]["variables"][1]["decimals"] == 1
    assert card["parameters"][0]["name"] == "greenFactor"
    for blank in ("method", "intended_use", "limits"):
        assert card[blank] is None

    status, out, _ = hansa(capfd, "--json", "model", "describe", NOISE)
    assert status == DONE
    assert json.loads(out)["name"] == "road_noise"


def test_a_model_is_tried_on_files(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ("model", "try", ASSIGNMENT, "--input", "network=network.geojson", "--input", "trips=trips.csv")
    status, out, err = hansa(capfd, *words, "--set", "demandFactor=0.5")
    assert status == DONE
    assert "11520 rows" in out
    assert "averageVehicleSpeed" in out
    assert "took" in out
    assert "MB of memory" in out
    assert "demand at 100% of the busiest hour" in err

    status, out, _ = hansa(capfd, "--json", *words)
    document = json.loads(out)
    assert len(document["outputs"]["flows"]) == 11520
    assert document["caveats"] == []
    assert document["memory"] > 1 << 20
    assert document["log"][0].startswith("demand at 5%")


def test_caveats_are_shown(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "odd.csv").write_text("origin,destination,trips_per_hour\nhere,there,100\n")
    _, _, err = hansa(
        capfd, "model", "try", ASSIGNMENT, "--input", "network=network.geojson", "--input", "trips=odd.csv"
    )
    assert "Warning: 100 of 100 trips in the busiest hour find no open road" in err


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("describe", "nowhere.py"), REFUSED, "nowhere.py is not a file"),
        (("describe", "trips.csv"), REFUSED, "trips.csv, line 2: SyntaxError"),
        (("describe", "broken.py"), REFUSED, "broken.py: column value of input rows is a number without unit"),
        (("try", ASSIGNMENT), REFUSED, "traffic_assignment needs network, trips"),
        (("try", ASSIGNMENT, "--input", "network"), USAGE, "is not NAME=VALUE"),
        (("try", ASSIGNMENT, "--input", "network=gone.csv"), REFUSED, "gone.csv is not a file"),
        (("try", ASSIGNMENT, "--input", "network=broken.py"), REFUSED, "broken.py: "),
        (("try", ASSIGNMENT, "--input", "roads=trips.csv"), REFUSED, "has no input roads"),
        (("try", ASSIGNMENT, "--input", "network=trips.csv", "--input", "trips=trips.csv"), REFUSED, "no segmentId"),
        (
            (
                *("try", ASSIGNMENT, "--input", "network=network.geojson", "--input", "trips=trips.csv"),
                *("--set", "demandFactor=9"),
            ),
            REFUSED,
            "parameter demandFactor is 9, outside its range",
        ),
        (("try", "fails.py", "--input", "rows=rows.json"), REFUSED, "fails.py, line 8: KeyError: 'speed'"),
        (("try", "endless.py", "--input", "rows=rows.json"), REFUSED, "endless.py calls itself too deeply"),
    ],
)
def test_what_goes_wrong_is_said_with_the_mend(
    here: Path, capfd: pytest.CaptureFixture[str], words: tuple[str | Path, ...], status: int, reason: str
) -> None:
    head = "from typing import Annotated, TypedDict\nfrom node.sdk import Unit, model\nclass Row(TypedDict):\n"
    good = f'{head}    value: Annotated[float, Unit("m")]\n@model(version="1.0.0")\n'
    (here / "broken.py").write_text(
        f'{head}    value: float\n@model(version="1.0.0")\ndef f(rows: list[Row]) -> list[Row]: return rows\n'
    )
    (here / "fails.py").write_text(
        f"{good}def f(rows: list[Row]) -> list[Row]:\n    rows = list(rows)\n    return rows[0]['speed']\n"
    )
    (here / "endless.py").write_text(f"{good}def f(rows: list[Row]) -> list[Row]:\n    return f(rows)\n")
    (here / "rows.json").write_text('[{"value": 1}]')
    ended, _, err = hansa(capfd, "model", *words)
    assert reason in err
    assert ended == status
    assert "Traceback" not in err


class Node:
    """What ``hansa publish`` needs of a node."""

    def __init__(self) -> None:
        self.uploads: list[tuple[str, str]] = []
        self.submissions: list[dict[str, Any]] = []

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def upload(self, path: Path, *, media_type: str, progress: Any = None, trial: bool = False) -> None:
        assert not trial
        self.uploads.append((path.name, media_type))

    def publish(self, submission: dict[str, Any]) -> dict[str, Any]:
        assert self.uploads, "the code is there before the card is checked"
        self.submissions.append(submission)
        return {"kind": "model", "iri": "https://x.example/models/road-noise", "version": 1}


def test_publishing_sends_the_code_and_names_it_by_its_hash(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node()
    monkeypatch.setattr(publish, "connect", lambda _: node)
    (here / "road_noise.py").write_bytes(NOISE.read_bytes())
    (here / "card.yaml").write_text("kind: model\nid: road-noise\ncode: road_noise.py\n", "utf-8")
    status, out, _ = hansa(capfd, "publish", here / "card.yaml")
    assert status == DONE
    assert "run here and not handed out" in out
    assert node.uploads == [("road_noise.py", "text/x-python")]
    assert [one.get("dryRun", False) for one in node.submissions] == [True, False]
    sha256 = hashlib.sha256(NOISE.read_bytes()).hexdigest()
    for submission in node.submissions:
        assert submission["fields"]["code"] == {"name": "road_noise.py", "sha256": sha256}
        assert submission["files"] == [], "the code is no file of the model"

    (here / "card.yaml").write_text("kind: model\nid: road-noise\ncode: gone.py\n", "utf-8")
    status, _, err = hansa(capfd, "publish", here / "card.yaml")
    assert status == REFUSED
    assert "gone.py is named as the code" in err
