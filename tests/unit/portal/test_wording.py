"""What is found about a binding or a run is said in the reader's language, wherever code and facts suffice."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

import node
from node.base.errors import HansaError, InvalidInput, NotAllowed, NotFound, Overloaded, PeerUnreachable
from node.portal.languages import PORTAL, Speaker
from node.portal.wording import _AS, explain_problem
from node.scenarios.chain.interfaces import fits
from node.scenarios.chain.mismatch import Mismatch
from node.scenarios.chain.parameters import bound_parameters
from node.scenarios.chain.validity import outside
from node.scenarios.errors import ModelFailed
from node.scenarios.findings import Bound, DoesNotFit, Finding
from node.scenarios.layers.stack import apply_layers
from node.scenarios.model import Operation, OperationType, Parameter, Port, Rows, Variable
from node.scenarios.models import in_cage
from node.scenarios.run_model import Caveat
from node.texts.languages import LANGUAGES
from tests.fakes.portal import scenarios as fake

ROOT = Path(node.__file__).parent
MAKERS = (
    *sorted((ROOT / "scenarios").rglob("*.py")),
    ROOT / "sdk" / "checks.py",
    ROOT / "negotiation" / "agreements_in_force.py",
)

REFUSALS: Final = (InvalidInput, NotFound, NotAllowed, PeerUnreachable, ModelFailed, Overloaded, DoesNotFit)
"""What binding turns into findings, and what ends a run."""

ENGLISH_ONLY: Final[Mapping[str, str]] = {
    "invalid-input": "hundreds of sentences, each about one way in which an input can be wrong",
    "peer-unreachable": "what the other node answered, or did not, is said by the door that asked",
    "caveat": "a model's own words",
}
"""Codes that no text is made for, and why. Of the others, too, a sentence may stand in English that no case names:
what a library says of an output, or a peer of its refusal, whose reasons come in several languages by themselves."""


def speaker(language: str) -> Speaker:
    return Speaker(language, UTC, datetime(2026, 11, 20, 9, 30, tzinfo=UTC))


def codes_in_sources() -> Iterator[tuple[str, str]]:
    """(code, case) of every finding and caveat, and the cases of every refusal, as the sources write them."""
    for file in MAKERS:
        for part in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(part, ast.Call):
                name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
                if name in ("Finding", "Mismatch", "Caveat"):
                    yield from ((_text(one.value), "") for one in part.keywords if one.arg == "code")
                elif name == "report" and file.name in ("binding.py", "binding_draft.py") and len(part.args) > 1:
                    yield _text(part.args[1]), ""
                yield from (("", _text(one.value)) for one in part.keywords if one.arg == "case")
            elif isinstance(part, ast.Dict):
                for key, value in zip(part.keys, part.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in ("case", "code"):
                        for constant in ast.walk(value):
                            said = _text(constant)
                            yield ("", said) if key.value == "case" else (said, "")


def _text(node_: ast.AST) -> str:
    return node_.value if isinstance(node_, ast.Constant) and isinstance(node_.value, str) else ""


MADE = sorted(set(codes_in_sources()))


def test_the_sources_are_read() -> None:
    codes = {code for code, _ in MADE if code}
    assert {"unbound", "not-wired", "time-step", "crs", "overlap", "outside-validity", "other-unit"} <= codes
    assert {"converted", "in-place", "no-agreement", "ended", "not-received", "zero", "layer"} <= {c for _, c in MADE}
    assert len(codes) > 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_and_case_has_a_text_or_a_reason_to_have_none(language: str) -> None:
    known = {key.removeprefix("problem.") for key in PORTAL.texts(language) if key.startswith("problem.")}
    heads, tails = {key.partition(".")[0] for key in known}, {key.rpartition(".")[2] for key in known}
    # A case may be told only by what mends it, as the orders of two steps in time are.
    tails |= {key.rpartition(".")[2] for key in PORTAL.texts(language) if key.startswith("remedy.")}
    for code, case in (*MADE, *((one.code, "") for one in REFUSALS)):
        assert not code or code in heads or code in ENGLISH_ONLY, code
        assert not case or case in tails, case


def test_what_is_mended_alike_has_a_text() -> None:
    for alias, key in _AS.items():
        assert key in PORTAL.texts("en"), alias
        assert alias not in PORTAL.texts("en"), alias


def test_each_mend_belongs_to_something_told() -> None:
    subjects = {key.removeprefix("problem.") for key in PORTAL.texts("en") if key.startswith("problem.")}
    for key in PORTAL.texts("en"):
        if key.startswith("remedy.") and key not in ("remedy.known", "remedy.between"):
            about = key.removeprefix("remedy.")
            assert (
                any(one == about or one.startswith(f"{about}.") for one in subjects)
                or about.split(".")[0] in subjects
                or about.split(".")[-1] in subjects  # the case has a sentence of its own, whatever the code
            )


# ---- made by the code itself, and said in each language


def port(role: str, *variables: Variable, **more: Any) -> Port:
    return Port(role=role, variables=variables, **more)


def var(name: str = "v", unit: str | None = None, **more: Any) -> Variable:
    return Variable(name=name, unit=unit, **more)


def mismatches() -> list[Mismatch]:
    quarter, hour = timedelta(minutes=15), timedelta(hours=1)
    pairs = [
        (port("a", var("w", "m")), port("b", var("v", "{vehicles}/h"), var("x"))),
        (port("a", var(unit="{vehicles}/(15.min)")), port("b", var(unit="{vehicles}/h"))),
        (port("a", var(unit="Cel")), port("b", var(unit="K"))),
        (port("a", var(unit="km/h")), port("b", var(unit="h"))),
        (port("a", var(unit="{veh}/h")), port("b", var(unit="{PCU}/h"))),
        (port("a", var(unit="veh/h")), port("b", var(unit="{veh}/h"))),
        (port("a", var()), port("b", var(unit="m"))),
        (port("a", var(quantity="urn:x#Flow")), port("b", var(quantity="urn:x#Count"))),
        (port("a", var(codes="urn:x#Ways")), port("b", var(codes="urn:x#Roads"))),
        (port("a"), port("b", var())),
        (port("a", step=quarter), port("b", step=hour)),
        (port("a", step=hour), port("b", step=quarter)),
        (port("a", step=hour), port("b", step=timedelta(minutes=40))),
        (port("a", crs=("EPSG:31370",)), port("b", crs=("EPSG:4326",))),
        (port("a", crs=("EPSG:5514",)), port("b", crs=("EPSG:4326",))),
        (port("a", extent=(3.0, 50.0, 4.0, 51.0)), port("b", extent=(3.5, 50.0, 4.0, 51.0))),
        (port("a", extent=(3.0, 50.0, 4.0, 51.0)), port("b", extent=(13.0, 49.0, 14.0, 50.0))),
        (port("a", grain=100.0), port("b", grain=10.0)),
        (port("a", schemas=("urn:x#A",)), port("b", schemas=("urn:x#B",))),
    ]
    found = [one for source, target in pairs for one in fits(source, target)]
    return [*found, *fits(port("a", var()), port("b", var(unit="m")), sample=[{"v": "much"}])]


def of_parameters() -> list[Finding]:
    declared = (
        Parameter(name="demand", minimum=0.5, maximum=2.0, unit="1"),
        Parameter(name="speed", minimum=30.0, maximum=130.0, unit="km/h"),
        Parameter(name="day", values=("working", "weekend")),
    )
    template = replace(fake.SCENARIO, parameters=declared)
    model = replace(fake.M1, parameters=(Parameter(name="speed", unit="m/s"),))
    findings: list[Finding] = []
    for given in ({"demand": 3, "speed": 10, "day": "night", "x": 1}, {"demand": "much", "speed": 50}):
        findings += bound_parameters(template, [model], given)[1]
    return findings


def of_layers() -> list[HansaError]:
    bound = fake.binding(layers=()).inputs[0]
    rows = [{"segmentId": "s1", "capacity": 1800, "name": None}]
    operations = [
        Operation(op=OperationType.UPDATE, id="s1", before={"name": "Kaai"}, set={"capacity": 0}),
        Operation(op=OperationType.UPDATE, id="s1", set={"name": {"factor": 2}}),
        Operation(op=OperationType.UPDATE, id="s1", set={"capacty": 1}),
        Operation(op=OperationType.UPDATE, id="s1", set={"capacity": "none"}),
        Operation(op=OperationType.REMOVE, id="s9"),
        Operation(op=OperationType.ADD, id="s1", set={"capacity": 1}),
    ]
    refused: list[HansaError] = []
    for data in (rows, None):
        for one in operations:
            changed = replace(fake.bridge_layer(), key="segmentId", operations=(one, one))
            with pytest.raises(InvalidInput) as caught:
                apply_layers(bound, data, [changed])
            refused.append(caught.value)
    return refused


def of_runs() -> list[HansaError | Caveat]:
    speed = port("flows", var("speed", "km/h", minimum=30, maximum=130), extent=(3.5, 50.9, 3.9, 51.2))
    rows: Rows = [{"speed": 12.34, "geometry": {"type": "Point", "coordinates": [14.0, 49.0]}}, {"speed": 50}]
    many = tuple(
        Finding(place="chain", code="no-chain", sentence="it has no steps", remedy="name one") for _ in range(2)
    )
    with pytest.raises(DoesNotFit) as several:
        Bound(template=fake.SCENARIO, binding=None, findings=many).require()
    with pytest.raises(DoesNotFit) as single:
        Bound(template=fake.SCENARIO, binding=None, findings=many[:1]).require()
    with pytest.raises(ModelFailed) as failed:
        describe(b"import node.sdk\n1 / 0\n")
    return [*outside(speed, rows), several.value, single.value, failed.value]


def describe(code: bytes) -> None:
    log = in_cage._Log()
    try:
        exec(compile(code, "walking.py", "exec"), {})
    except ZeroDivisionError as error:
        raise in_cage._failure(error, "walking.py", log) from None


def all_found() -> list[tuple[str, str, str, Mapping[str, Any]]]:
    sentences = [(one.code, one.sentence, one.remedy, one.facts) for one in mismatches()]
    sentences += [(one.code, one.sentence, one.remedy, one.facts) for one in of_parameters()]
    for item in (*of_layers(), *of_runs()):
        if isinstance(item, Caveat):
            sentences.append((item.code, item.sentence, "", item.facts))
        else:
            sentences.append(
                (
                    "does-not-fit" if "case" in item.facts and item.code == "invalid-input" else item.code,
                    item.detail,
                    item.remedy,
                    item.facts,
                )
            )
    return sentences


FOUND: Final = all_found()


def test_all_kinds_of_mismatch_are_made() -> None:
    codes = {
        "missing-variable", "undescribed", "type", "unit-dimension", "unit-factor", "unit-words", "unit-unknown",
        "unit-unsaid", "quantity-kind", "time-step", "crs", "extent", "grain", "schema", "unknown-parameter",
        "code-list", "beyond-its-bounds", "other-unit", "does-not-fit", "outside-validity", "outside-extent",
        "model-failed",
    }  # fmt: skip
    assert {code for code, *_ in FOUND} == codes
    cases = {facts.get("case") for code, _, _, facts in FOUND if code == "does-not-fit"} - {None}
    assert cases == {"changed", "unmultiplied", "no-member", "no-figure", "gone", "there", "in-place"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_code_finds_is_said_in_the_readers_language(language: str) -> None:
    for code, sentence, remedy, facts in FOUND:
        # As it comes back from the table of runs.
        kept = json.loads(json.dumps(facts))
        message = explain_problem(speaker(language), code, sentence, remedy, kept)
        assert message.lang == "", (code, facts)
        assert message.text
        assert not re.search(r"\{\w+\}", (message.text + message.remedy).replace("{veh}", "")), message
        if language != "en":
            assert message.text != sentence
        if remedy and code not in MENDED_IN_ENGLISH:
            assert message.remedy_lang == "", (code, facts)


MENDED_IN_ENGLISH: Final[Mapping[str, str]] = {
    "unit-unknown": "what UCUM would write instead is said by the reader of units",
    "model-failed": "how to mend a model depends on the exception",
}


def test_of_several_things_that_stop_a_run_the_first_is_said() -> None:
    many = tuple(
        Finding(place="chain", code=code, sentence="it has no steps", remedy="name one")
        for code in ("no-chain", "odd")
    )
    with pytest.raises(DoesNotFit) as refused:
        Bound(template=fake.SCENARIO, binding=None, findings=many).require()
    error = refused.value
    said = explain_problem(speaker("nl"), error.code, error.detail, error.remedy, error.facts)
    assert said.text == "2 fouten. De eerste: het scenario heeft geen stappen"
    assert said.remedy.startswith("kies een scenario")
    odd = {"findings": [one.to_json() for one in reversed(many)]}
    assert explain_problem(speaker("nl"), error.code, error.detail, error.remedy, odd)[:2] == (error.detail, "en")


def test_a_refused_agreement_in_czech() -> None:
    facts = {"case": "ended", "dataset": "https://data.plzen.example/datasets/x", "provider": "did:web:plzen.example"}
    message = explain_problem(speaker("cs"), "not-allowed", "the agreement about x has ended", "hansa get x", facts)
    assert message.text == "dohoda o https://data.plzen.example/datasets/x skončila"
    assert message.remedy.endswith("hansa get https://data.plzen.example/datasets/x --agree-only")
    assert (message.lang, message.remedy_lang) == ("", "")


def test_figures_and_units_are_written_for_the_reader() -> None:
    facts = {"role": "flows", "variable": "speed", "count": 3, "of": 1200, "minimum": 30.0, "maximum": 130.5,
             "lowest": 12.34, "highest": 140, "unit": "{vehicles}/h", "examples": ["a", "b"]}  # fmt: skip
    said = explain_problem(speaker("nl"), "outside-validity", "x", "", facts).text.replace("\u00a0", " ")
    assert said == (
        "3 van 1.200 rijen van flows hebben waarden van speed buiten 30–130,5 vehicles/h: "
        "van 12,34 vehicles/h tot 140 vehicles/h (bijvoorbeeld: a, b)"
    )
    step = {"source": "a", "target": "b", "haveStep": "PT15M", "needStep": "PT1H", "case": "finer"}
    assert explain_problem(speaker("de"), "time-step", "x", "", step).text == (
        "a hat einen Zeitschritt von 15 Minuten, aber die Eingabe b verlangt 1 Stunde"
    )


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("odd", {}),
        ("unit-factor", {"source": "a"}),
        ("outside-validity", {"case": "nonsense", "count": {"a": 1}}),
        ("../../etc", {"case": {"a": 1}}),
        ("extent", {"source": "a", "target": "b", "percent": 3, "haveArea": ["x"] * 4, "needArea": [1]}),
        ("does-not-fit", {"findings": [1, {"severity": "violation", "facts": [], "sentence": "x", "code": "y"}]}),
    ],
)
def test_what_cannot_be_said_stands_in_english_and_says_so(code: str, facts: dict[str, Any]) -> None:
    said = explain_problem(speaker("cs"), code, "x", "mend it", {**facts})
    assert (said.text, said.lang) == ("x", "en")
    assert explain_problem(speaker("en"), code, "x", "mend it", {**facts}).lang == ""


def test_strangers_fill_our_texts_and_do_no_more() -> None:
    facts = {"name": "{title.__class__} {known}", "title": "x" * 5000, "known": ["y"] * 5000}
    said = explain_problem(speaker("fr"), "unknown-role", "x", "y", facts)
    assert "{title.__class__} {known}" in said.text
    assert len(said.remedy) < 400


def test_a_transformation_that_mends_it_is_named() -> None:
    problem = explain_problem(
        speaker("nl"), "time-step", "x", "put hourly between them", {}, ["urn:x/hourly", "urn:x/daily"]
    )
    assert (problem.remedy, problem.remedy_lang) == ("voeg hourly, daily ertussen toe", "")
