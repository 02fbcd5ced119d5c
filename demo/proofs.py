"""The last act: agreements are equal and signed, ledgers only grow, and a tampered copy is detected."""

from __future__ import annotations

import re
import sqlite3
import zlib
from pathlib import Path

from demo.nodes import DemoNodes
from demo.output import StepOutput
from demo.steps import publish_all, why


def prove(output: StepOutput, nodes: DemoNodes) -> None:
    """12. Check that agreements are equal and signed and ledgers consistent, and that a tampered copy is detected."""
    with output.step(12, "Prove: nothing was rewritten, and a tampered copy is found out"):
        with nodes.brugge.client() as client:
            (agreement_held,) = [
                agreement for agreement in client.agreements() if agreement["dataset"].endswith("/traffic-counts")
            ]
            output.show_command("brugge", f"hansa verify --agreement {agreement_held['id']}")
            first = client.verify(agreement=agreement_held["id"])
            for check in first["checks"]:
                output.check(check["sound"], check["what"] + (f" ({check['detail']})" if check["detail"] else ""))
            _retitle(nodes.home / "files" / "gent" / "traffic-counts-sample.yaml")
            publish_all(output, nodes.gent, "gent", ("traffic-counts-sample.yaml",))
            again = client.verify(agreement=agreement_held["id"])
            grown = str(again["checks"][-1]["detail"])
            before, after = (int(number) for number in re.findall(r"\d+", grown)[:2])
            output.check(again["sound"] and after > before, f"{again['checks'][-1]['what']}: {grown}")
        output.show_command("gent", f"hansa verify {nodes.gent.folder}")
        sound = nodes.gent.hansa("verify", str(nodes.gent.folder))
        output.check(sound.returncode == 0, "Gent's ledger is as it was signed")
        _tamper(output, nodes)


def _retitle(description: Path) -> None:
    """Change words of a description for its second version, as a steward would."""
    text = description.read_text("utf-8")
    description.write_text(
        text.replace("open sample", "first hundred rows").replace("open voorbeeld", "eerste honderd rijen"), "utf-8"
    )


def _tamper(output: StepOutput, nodes: DemoNodes) -> None:
    """Change an agreement in a copy of Brugge's node, and a byte of a received file; check that both are detected."""
    copy = nodes.home / "copy.tar"
    made = nodes.brugge.hansa("backup", str(nodes.brugge.folder), "--to", str(copy))
    output.check(made.returncode == 0, "Brugge's node is backed up while it runs")
    folder = nodes.home / "tampered"
    result = nodes.brugge.hansa("restore", str(copy), str(folder))
    output.check(
        result.returncode == 0,
        "and restored into another folder: " + (why(result) if result.returncode else "it is sound"),
    )
    change_one_word(folder / "hansa.sqlite")
    output.show_command("anybody", f"hansa verify {folder}")
    found = nodes.brugge.hansa("verify", str(folder))
    output.check(found.returncode == 1, "one changed word in an agreement's entry is found")
    file = nodes.home / "received.csv"
    with file.open("r+b") as opened:
        opened.seek(1000)
        opened.write(b"9")
    output.show_command("anybody", f"hansa verify {file}")
    broken = nodes.brugge.hansa("verify", str(file))
    output.check(broken.returncode == 1, "one changed byte in the received file is found")


def change_one_word(database: Path) -> None:
    """Tamper with a copy: change a word in the body of the newest agreement. Entries about what happened under it do
    not have the word. Raises ``ValueError`` if there is no agreement."""
    connection = sqlite3.connect(database)
    try:
        entries = connection.execute(
            "SELECT ordinal, body FROM entries WHERE kind = 'agreement' ORDER BY ordinal DESC"
        ).fetchall()
        for ordinal, stored in entries:
            # Long bodies are compressed. The node also reads those that are not.
            body = zlib.decompress(stored) if bytes(stored)[:1] != b"{" else bytes(stored)
            if b"odrl:use" in body:
                changed_body = body.replace(b"odrl:use", b"odrl:any")
                connection.execute("UPDATE entries SET body = ? WHERE ordinal = ?", (changed_body, ordinal))
                connection.commit()
                return
        raise ValueError("the ledger has no agreement with the word")
    finally:
        connection.close()
