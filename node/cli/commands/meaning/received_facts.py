"""Show facts about received data: checks against schemas, conversions, and where the rows come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from node.cli.output import complain, count_of, line, remark, report_success, save, words
from node.transfer.conversions.losses import concealment_sentences, loss_sentences


def show_schema_checks(facts: dict[str, Any], result: dict[str, Any], lang: str) -> None:
    """Show whether the data fit the schemas that their description names, as the node found on their arrival."""
    from node.transfer.receiving.data_checks import FACT, LATER, read_checks

    for check in read_checks(facts):
        name = f"{words(check.titles, lang) or check.schema}, version {check.version}"
        if check.outcome == "conforms":
            report_success("fits", detail=f"{count_of(check.rows, 'row')} checked against {name}")
        elif check.outcome == "breaks":
            complain(f"{count_of(check.count, 'fault')} in {count_of(check.rows, 'row')}, against {name}")
            for sentence in check.sentences(lang):
                remark(sentence)
        elif check.obstacle == LATER:
            late = "it is large, and the check goes on in the background: the page of the received data shows it"
            line("unchecked", f"against {name}: {late}")
        else:
            line("unchecked", f"against {name}: {check.obstacle or f'only {check.rows} rows, and not all rules'}")
    if FACT in facts:
        result[FACT] = facts[FACT]


def show_conversion(facts: dict[str, Any], result: dict[str, Any], lang: str) -> None:
    """Show what was made of which file, and what the new format cannot say."""
    conversion = facts.get("conversion")
    if conversion is None:
        return
    result["conversion"] = conversion
    line("converted", f"{conversion['source']['name']} to {conversion['to']}")
    for sentence in (*concealment_sentences(conversion, lang), *loss_sentences(conversion, lang)):
        remark(sentence)


def save_provenance(reception: dict[str, Any], target: Path, result: dict[str, Any]) -> None:
    """Show the transformations that the file went through, and write where its rows come from beside it."""
    conversion = reception["facts"].get("conversion") or {}
    steps = conversion.get("steps") or ()
    if not steps:
        return
    from node.scenarios.transformations.provenance import provenance

    for step in steps:
        line("through", f"{step['transformation']}, version {step['version']}: {count_of(step['rows'], 'row')}")
    beside = target.with_name(f"{target.name}.prov.jsonld")
    statements = provenance(conversion["source"], steps, target.name, reception["sha256"])
    save(beside, json.dumps(statements, indent=2, ensure_ascii=False).encode() + b"\n")
    result["provenance"] = str(beside)
    line("provenance", beside.name)


def version_words(facts: dict[str, Any]) -> str:
    """Return which version of the asset it is, and who says so."""
    if facts["versionBy"] == "description":
        return f"{facts['version']}, and its published description names this file"
    return f"{facts['version']}, says the provider: this node could not check it"
