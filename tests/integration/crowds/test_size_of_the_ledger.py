"""For whom the size of the ledger is, and for whom the metrics are (decision 0017)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from node.base.errors import InvalidInput, NotFound
from node.identity.model import UserRole
from node.identity.scrapers import monitor_token
from node.ledger.model import InclusionProof
from node.settings import load
from tests.integration.hostile import read_problem
from tests.nodes import Pair, Running, agree, publish, running
from tests.waits import until

SCRAPER = "scrape-0123456789-abcdefghij"
DOORS = ("/ledger/checkpoint", "/ledger/consistency?old=1", "/ledger/inclusion?entry={entry}")


@pytest.fixture(scope="module")
def agreed(pair: Pair) -> tuple[Pair, str]:
    """Two parties with an agreement, and the id of its entry in the provider's ledger."""
    publish(pair.provider, "counts", audience="public", conditions="open")
    agreement = agree(pair.consumer, f"{pair.provider.url}/datasets/counts")["agreementId"]
    with pair.provider.http() as http:
        headers = pair.consumer.as_participant(pair.provider)
        entry = str(http.get(f"/ledger/agreements/{agreement}", headers=headers).json()["id"])
    proof = DOORS[2].format(entry=entry)
    with pair.provider.http(headers=pair.provider.person()) as http:
        until("the entry has its number", lambda: http.get(proof).status_code == 200)
    return pair, entry


@pytest.mark.parametrize("door", DOORS)
def test_checkpoints_and_proofs_are_for_parties_and_our_own_people(agreed: tuple[Pair, str], door: str) -> None:
    (provider, consumer), path = (agreed[0].provider, agreed[0].consumer), door.format(entry=agreed[1])
    with provider.http() as http:
        read_problem(http.get(path), 404)
        read_problem(http.get(path.partition("?")[0]), 404)
        read_problem(http.get(path, headers={"Authorization": "Bearer made-up"}), 401)
        assert http.get(path, headers=provider.person()).status_code == 200
        assert http.get(path, headers=consumer.as_participant(provider)).status_code == 200


def test_a_participant_without_an_agreement_is_a_stranger(
    agreed: tuple[Pair, str], tmp_path: Path, sqlite_template: Path
) -> None:
    """Anybody can make an identity on a host of their own: that alone opens nothing."""
    provider = agreed[0].provider
    with running(tmp_path / "stranger", template=sqlite_template) as stranger, provider.http() as http:
        for door in DOORS:
            read_problem(http.get(door.format(entry=agreed[1]), headers=stranger.as_participant(provider)), 404)


def test_an_entry_that_has_no_number_yet_is_asked_for_again(
    agreed: tuple[Pair, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node numbers its entries a moment after it has saved them: until then its ledger proves nothing of them."""
    provider, consumer = agreed[0].provider, agreed[0].consumer
    prover, refused = consumer.node.operation.prover, []
    inclusion = prover.inclusion

    def late(entry: str, size: int | None = None) -> InclusionProof:
        if len(refused) < 2:
            refused.append(entry)
            raise NotFound("the entry is not in the tree of 3 entries")
        return inclusion(entry, size)

    monkeypatch.setattr(prover, "inclusion", late)
    with provider.client() as client:
        (agreement,) = client.agreements()
        checks = client.verify(agreement=agreement["id"])["checks"]
    assert len(refused) == 2
    assert [check for check in checks if not check["sound"]] == []


def test_parties_still_prove_an_agreement_against_each_others_ledger(agreed: tuple[Pair, str]) -> None:
    """`hansa verify --agreement`, from both sides."""
    pair = agreed[0]
    for node in (pair.provider, pair.consumer):
        with node.client() as client:
            (one,) = client.agreements()
            checks = client.verify(agreement=one["id"])["checks"]
        assert [check for check in checks if not check["sound"]] == []
        assert any("only grew" in check["what"] for check in checks)


def test_the_page_about_the_node_shows_the_size_to_its_own_people(running_node: Running) -> None:
    publish(running_node, "counts")
    with running_node.http(headers={"Accept": "text/html"}) as http:
        stranger = http.get("/about").text
        ours = http.get("/about", headers=running_node.person()).text
    assert "/ledger/checkpoint" in ours
    assert "Entries" in ours
    assert "/ledger/checkpoint" not in stranger
    assert "<dt>Entries" not in stranger


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("scraped")
    with running(home / "node", template=sqlite_template, metrics_token=SCRAPER) as node:
        yield node


def test_metrics_are_for_operators_auditors_and_the_monitor(scraped: Running) -> None:
    accounts = scraped.node.people.users.accounts
    tokens = {}
    for role in (UserRole.OPERATOR, UserRole.AUDITOR, UserRole.PUBLISHER):
        accounts.add_locally(str(role), str(role), [role], "a long password for looking")
        tokens[role] = accounts.issue_token(str(role), "try", timedelta(hours=1))
    with scraped.http() as http:

        def asked(token: str) -> int:
            return http.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code

        read_problem(http.get("/metrics"), 401)
        assert asked(SCRAPER + "x") == 401
        assert asked(SCRAPER[:-1]) == 401
        assert asked(SCRAPER) == 200
        assert asked(tokens[UserRole.OPERATOR]) == 200
        assert asked(tokens[UserRole.AUDITOR]) == 200
        assert asked(tokens[UserRole.PUBLISHER]) == 403
        assert "hansa_ledger_entries" in http.get("/metrics", headers={"Authorization": f"Bearer {SCRAPER}"}).text
        assert http.get("/api/node", headers={"Authorization": f"Bearer {SCRAPER}"}).status_code == 401


def test_the_monitors_token_may_lie_in_a_file(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "token").write_text(SCRAPER + "\n", "utf-8")
    with running(tmp_path / "node", template=sqlite_template, metrics_token_file=str(tmp_path / "token")) as node:
        with node.http() as http:
            assert http.get("/metrics").status_code == 401
            assert http.get("/metrics", headers={"Authorization": f"Bearer {SCRAPER}"}).status_code == 200
        (tmp_path / "token").write_text("short", "utf-8")
        with pytest.raises(InvalidInput, match="holds no such text"):
            monitor_token(None, tmp_path / "token")
        (tmp_path / "token").unlink()
        with pytest.raises(InvalidInput, match="cannot be read"):
            monitor_token(None, tmp_path / "token")


@pytest.mark.parametrize(
    "lines", ['metrics_token = "short"', f'metrics_token = "{SCRAPER}"\nmetrics_token_file = "token"']
)
def test_a_monitors_token_that_cannot_work_is_refused(tmp_path: Path, lines: str) -> None:
    (tmp_path / "hansa.toml").write_text(f'public_url = "https://data.ghent.example"\n{lines}\n', "utf-8")
    with pytest.raises(InvalidInput, match=r"metrics_token|the token of a monitor"):
        load(tmp_path)
