"""``make import-report``: real catalogues of cities and countries, imported as a node does it, and the figures.

Each dataset that ``faults.tsv`` counts as real is cut and examined twice: as it came, and after the safe rules. The
figures are those of our shapes for DCAT-AP; what does not enter or conform is told by reason.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from node.base.errors import HansaError
from node.cli.commands.imports import MEDIA_TYPES
from node.semantics.description.subjects import DOCUMENT
from node.semantics.harvest.examination import Examination, examine
from node.semantics.harvest.partition import Piece, cut
from node.semantics.harvest.readers import read
from node.semantics.harvest.rules.table import SAFE
from node.semantics.model import Finding
from tests.artefacts import SHARED

FOLDER = SHARED / "data" / "catalogues"
EXPECTED = 92
"""Per cent of the datasets that conform after the safe rules, at least."""


@dataclass
class Report:
    """The figures of one way of importing."""

    entered: int = 0
    conforming: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, piece: Piece, file: str, rules: tuple[str, ...]) -> None:
        how = Examination(base="https://city.example", source=file, rules=rules)
        try:
            facts, _ = examine(piece.to_json(), how)
        except HansaError as error:
            self.refused[error.detail] += 1
            return
        self.entered += 1
        self.conforming += facts["conforms"]
        findings = [Finding.from_json(members) for members in facts["findings"]]
        self.left.update(
            {
                f"{finding.field}: {finding.message}"
                for finding in findings
                if finding.severity == "violation" and "/shapes/dcat-ap#" in finding.rule
            }
        )


def real_files() -> dict[str, int]:
    """File → how many real datasets it has, as counted by others."""
    with (FOLDER / "faults.tsv").open(encoding="utf-8") as lines:
        return Counter(row["file"] for row in csv.DictReader(lines, delimiter="\t") if row["group"] == "real")


def pieces(file: str) -> list[Piece]:
    """The datasets of a file."""
    path = FOLDER / file
    catalogue = read(path.read_bytes(), MEDIA_TYPES[Path(file).suffix], base=DOCUMENT)
    return [piece for piece in cut(catalogue) if piece.kind == "dataset"]


def main() -> int:
    """Print the report; 1 where less conforms than is promised."""
    if not FOLDER.is_dir():
        print(f"{FOLDER} is not at hand: set HANSA_SHARED to the folder of official artefacts")
        return 1
    began = time.process_time()
    files, unread = real_files(), Counter[str]()
    total = sum(files.values())
    before, after = Report(), Report()
    for file, count in files.items():
        try:
            records = pieces(file)
        except HansaError as error:
            unread[error.detail] += count
            continue
        for piece in records:
            before.add(piece, file, ())
            after.add(piece, file, (SAFE,))
    print(f"{len(files)} files, {total} datasets, {time.process_time() - began:.0f} s of processor time")
    print(f"  unread                    {unread.total():4}")
    for reason, count in unread.most_common():
        print(f"      {count:4}  {reason}")
    print(f"  in as harvested           {before.entered:4}  {before.entered / total:6.1%}")
    for reason, count in before.refused.most_common():
        print(f"      {count:4}  refused: {reason}")
    print(f"  conform as they came      {before.conforming:4}  {before.conforming / total:6.1%}")
    print(f"  conform after safe rules  {after.conforming:4}  {after.conforming / total:6.1%}")
    print("  left after safe rules (datasets, overlapping):")
    for reason, count in after.left.most_common():
        print(f"      {count:4}  {reason}")
    return 0 if after.conforming >= total * EXPECTED / 100 else 1


if __name__ == "__main__":
    sys.exit(main())
