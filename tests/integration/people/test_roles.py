"""Every route, walked with every role: what is answered is what the table of use cases says, and nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from node.identity.model import UserRole
from node.identity.roles import ROLES, UseCase
from tests.integration.bad_input.test_bad_input_access import GOOD_BODIES, filled
from tests.integration.hostile import routes, who
from tests.models import publish_model
from tests.nodes import Running, publish, running

PASSWORD: Final = "a long password of one role"
ROOT: Final = Path(__file__).resolve().parents[3]
OTHERS_PASSWORD: Final = "PUT /api/accounts/{login}/password"

PAGES: Final[Mapping[str, tuple[UseCase, dict[str, str]]]] = {
    "POST /ontology/align": (UseCase.PUBLISH, {}),
    "POST /ontology/publish": (UseCase.PUBLISH, {}),
    "POST /ontology/reason": (UseCase.PUBLISH, {}),
    "POST /transformation/draft": (UseCase.PUBLISH, {}),
    "POST /record/ask": (UseCase.NEGOTIATE, {}),
    "POST /agreements/{id:path}/get": (UseCase.RECEIVE, {}),
    "GET /agreements/{id:path}/ask": (UseCase.READ_RECEIVED, {}),
    "POST /agreements/{id:path}/ask": (UseCase.READ_RECEIVED, {"sql": "SELECT 1"}),
    "GET /agreements/{id:path}/stream": (UseCase.READ_RECEIVED, {}),
    "POST /agreements/{id:path}/stream": (UseCase.READ_RECEIVED, {}),
    "POST /agreements/{id:path}/bridges": (UseCase.MANAGE_DATA_SOURCES, {"source": "x", "topic": "x"}),
    "POST /agreements/{id:path}/bridges/{bridge:str}/end": (UseCase.MANAGE_DATA_SOURCES, {}),
    "GET /received": (UseCase.READ_RECEIVED, {}),
    "GET /operate": (UseCase.READ_OPERATION, {}),
    "GET /operate/settings": (UseCase.READ_OPERATION, {}),
    "GET /operate/storage": (UseCase.READ_OPERATION, {}),
    "GET /operate/audit": (UseCase.READ_AUDIT, {}),
    "GET /operate/audit.csv": (UseCase.READ_AUDIT, {}),
    "GET /operate/audit.jsonl": (UseCase.READ_AUDIT, {}),
    "GET /operate/audit.log": (UseCase.READ_AUDIT, {}),
    "GET /operate/audit/{number}": (UseCase.READ_AUDIT, {}),
    "GET /received/{pid:path}/file": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/table": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/table.csv": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/groups.csv": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/map": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/map.geojson": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/3d": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/3d.json": (UseCase.READ_RECEIVED, {}),
    "GET /received/{pid:path}/3d/tile": (UseCase.READ_RECEIVED, {}),
    "POST /received/{pid:path}/send": (UseCase.RECEIVE, {"source": "x"}),
    "GET /shipments": (UseCase.RECEIVE, {}),
    "POST /shipments/{id:str}/retry": (UseCase.RECEIVE, {}),
    "POST /shipments/{id:str}/removed": (UseCase.CONFIRM_DELETION, {}),
    "POST /shipments/orders/{id:str}/stop": (UseCase.RECEIVE, {}),
    "POST /agreements/{id:path}/confirm-deletion": (UseCase.CONFIRM_DELETION, {}),
    "POST /decisions/{id:path}": (UseCase.DECIDE, {"verdict": "approve"}),
    "POST /deliveries/{id:path}/retry": (UseCase.HANDLE_DELIVERIES, {}),
    "POST /deliveries/{id:path}/give-up": (UseCase.HANDLE_DELIVERIES, {}),
    "POST /quality/links": (UseCase.CHECK_LINKS, {}),
    "POST /imports/sources": (UseCase.SCHEDULE_HARVESTS, {"name": "x", "url": "https://x.example/", "every": "1d"}),
    "GET /imports/values/table": (UseCase.SCHEDULE_HARVESTS, {}),
    "POST /imports/values/table": (UseCase.SCHEDULE_HARVESTS, {"source": "x"}),
    "POST /imports/{name:str}/reports": (UseCase.SCHEDULE_HARVESTS, {}),
    "POST /imports/{name:str}/run": (UseCase.SCHEDULE_HARVESTS, {}),
    "POST /imports/{name:str}/pause": (UseCase.SCHEDULE_HARVESTS, {}),
    "POST /imports/{name:str}/resume": (UseCase.SCHEDULE_HARVESTS, {}),
    "POST /imports/{name:str}/remove": (UseCase.SCHEDULE_HARVESTS, {}),
    "GET /sources": (UseCase.MANAGE_DATA_SOURCES, {}),
    "POST /sources": (UseCase.MANAGE_DATA_SOURCES, {"name": "x", "kind": "http", "address": "https://x.example/"}),
    "POST /sources/{name:str}/test": (UseCase.MANAGE_DATA_SOURCES, {}),
    "POST /sources/{name:str}/remove": (UseCase.MANAGE_DATA_SOURCES, {}),
    "GET /subscribers": (UseCase.MANAGE_DATA_SOURCES, {}),
    "GET /subscribers/{key:str}/resend": (UseCase.MANAGE_DATA_SOURCES, {}),
    "POST /subscribers/{key:str}/resend": (UseCase.MANAGE_DATA_SOURCES, {}),
    "POST /subscribers/{key:str}/end": (UseCase.MANAGE_DATA_SOURCES, {}),
    "GET /webhooks": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks": (UseCase.MANAGE_WEBHOOKS, {"name": "x", "address": "https://x.example/"}),
    "GET /webhooks/{name:str}": (UseCase.MANAGE_WEBHOOKS, {}),
    "GET /webhooks/{name:str}/test": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks/{name:str}/test": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks/{name:str}/pause": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks/{name:str}/resume": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks/{name:str}/retry": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /webhooks/{name:str}/remove": (UseCase.MANAGE_WEBHOOKS, {}),
    "POST /sources/{name:str}/streams": (UseCase.MANAGE_DATA_SOURCES, {"stream": "x", "topic": "x"}),
    "POST /sources/{name:str}/streams/{stream:str}/remove": (UseCase.MANAGE_DATA_SOURCES, {}),
    "GET /changes": (UseCase.PUBLISH, {}),
    "POST /changes": (UseCase.PUBLISH, {}),
    "GET /publish/{id:str}": (UseCase.PUBLISH, {}),
    "POST /publish/{id:str}": (UseCase.PUBLISH, {"do": "save"}),
    "POST /publish/{id:str}/check": (UseCase.PUBLISH, {}),
    "GET /publish/{id:str}/conditions": (UseCase.PUBLISH, {}),
    "POST /publish/{id:str}/conditions": (UseCase.PUBLISH, {"do": "refresh"}),
    "GET /publish/{id:str}/preview": (UseCase.PUBLISH, {}),
    "POST /publish/{id:str}/publish": (UseCase.PUBLISH, {}),
    "POST /publish/{id:str}/renew": (UseCase.PUBLISH, {}),
    "POST /publish/{id:str}/remove": (UseCase.PUBLISH, {}),
    "POST /publish/uploads/{id:str}/remove": (UseCase.PUBLISH, {}),
    "POST /record/edit": (UseCase.PUBLISH, {"iri": "urn:x"}),
    "GET /record/withdraw": (UseCase.PUBLISH, {}),
    "POST /record/withdraw": (UseCase.PUBLISH, {"iri": "urn:x", "reason": "x"}),
    "GET /record/eligibility": (UseCase.PUBLISH, {}),
    "POST /search/region/ask": (UseCase.NEGOTIATE, {"iri": "http://127.0.0.1:1/datasets/x"}),
    "GET /record/limits": (UseCase.READ_LIMITS, {}),
    "POST /record/limits": (UseCase.SET_LIMITS, {"iri": "urn:x", "conditions": "open"}),
    "GET /record/erase": (UseCase.ERASE, {}),
    "POST /record/erase": (UseCase.ERASE, {"iri": "urn:x", "which": "all", "reason": "x", "sure": "yes"}),
    "POST /issued/{id:path}/revoke": (UseCase.REVOKE, {"reason": "x"}),
    "POST /issued/{id:path}/suspend": (UseCase.REVOKE, {"reason": "x"}),
    "POST /issued/{id:path}/reinstate": (UseCase.REVOKE, {}),
    "POST /region/terms": (UseCase.JOIN, {"region": "http://127.0.0.1:1"}),
    "POST /region/join": (UseCase.JOIN, {"region": "http://127.0.0.1:1", "credential": "x", "accept": "yes"}),
    "POST /rulebook/templates": (UseCase.PUBLISH, {"label.en": "x", "conditions": "members"}),
    "POST /rulebook/templates/withdraw": (UseCase.PUBLISH, {"name": "x"}),
    "GET /region/leave": (UseCase.JOIN, {}),
    "POST /region/leave": (UseCase.JOIN, {"reason": "x", "sure": "yes"}),
    "GET /members/block": (UseCase.BLOCK, {}),
    "POST /members/block": (UseCase.BLOCK, {"did": "did:web:x.example", "reason": "x"}),
    "POST /members/unblock": (UseCase.BLOCK, {"did": "did:web:x.example"}),
    "POST /operate/place": (UseCase.STATE_PLACE, {"name": "Gent"}),
    "POST /operate/place/withdraw": (UseCase.STATE_PLACE, {}),
    "POST /keys/replace": (UseCase.CHANGE_KEYS, {"signing": "#key-1", "password": "x"}),
    "GET /users": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users": (UseCase.MANAGE_ACCOUNTS, {"login": "x y", "role-auditor": "yes"}),
    "GET /users/{login:str}": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/roles": (UseCase.MANAGE_ACCOUNTS, {"role-auditor": "yes"}),
    "POST /users/{login:str}/link": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/block": (UseCase.MANAGE_ACCOUNTS, {"reason": "x"}),
    "POST /users/{login:str}/unblock": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/sessions/end": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/tokens/{sha256:str}/end": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/second-factor/remove": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /users/{login:str}/remove": (UseCase.MANAGE_ACCOUNTS, {}),
    "POST /runs/{pid:path}/cancel": (UseCase.RUN_SCENARIOS, {}),
    "POST /runs/{pid:path}/again": (UseCase.RUN_SCENARIOS, {}),
    "POST /scenario/start": (UseCase.RUN_SCENARIOS, {"binding": "{}"}),
    "GET /runs/{pid:path}/crate.zip": (UseCase.READ_RESULTS, {}),
    "GET /layers/new": (UseCase.CHANGE_LAYERS, {}),
    "POST /layers/new": (UseCase.CHANGE_LAYERS, {}),
}
"""The use cases behind pages that take a role, with the fields of their forms. Pages about a run or a layer that
there is not say so to everybody; for those ``tests/unit/portal/pages/test_scenarios.py`` has runs and layers."""

CALLS: Final = {"/ogc/processes/{process}/execution"}
"""The address at which models are called (``UseCase.CALL_MODELS``)."""

REFUSED: Final = re.compile('need the role (.+?)(?=["<.,]|$)')


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A node with all doors, and a person for each role."""
    with running(tmp_path_factory.mktemp("roles") / "node", template=sqlite_template, issuer=True) as node:
        for role in UserRole:
            node.node.people.users.accounts.add_locally(str(role), str(role), [role], PASSWORD)
        yield node


@pytest.fixture(scope="module")
def written() -> Mapping[str, str]:
    """The use case of each operation, as the reference says it."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from reference_pages.roles import USE_CASES
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return {**USE_CASES, OTHERS_PASSWORD: UseCase.MANAGE_ACCOUNTS.name, "GET /metrics": UseCase.READ_METRICS.name}


def operations(node: Running) -> Iterator[tuple[str, str]]:
    """Everything that people may ask of the API, the plug-ins' part too."""
    for method, path in routes(node):
        if who(method, path) == "people" and (method, path) != ("GET", "/api/members"):
            yield method, path


def expected(role: UserRole, use_case: UseCase | None) -> bool:
    """Whether ``role`` alone is refused."""
    return use_case is not None and role not in ROLES[use_case]


def test_every_operation_answers_as_the_table_says(issuer: Running, written: Mapping[str, str]) -> None:
    walked, wrong = set(), []
    accounts = issuer.node.people.users.accounts
    params = {"iri": "urn:x", "url": "urn:x", "dataset": "urn:x", "query": "ASK {}", "region": "http://127.0.0.1:1"}
    for role in UserRole:
        token = accounts.issue_token(str(role), "walk", timedelta(hours=1))
        with issuer.http(headers={"Authorization": f"Bearer {token}"}) as http:
            for method, path in operations(issuer):
                name = f"{method} {path}"
                use_case = UseCase[written[name]] if name in written else None
                body: dict[str, Any] = {} if method == "GET" else {"json": GOOD_BODIES.get(path, {})}
                answer = http.request(method, filled(path), params=params, **body)
                refused = answer.status_code == 403 and REFUSED.search(answer.text) is not None
                walked.add(name)
                if refused != expected(role, use_case):
                    wrong.append((str(role), name, answer.status_code))
    assert not wrong
    assert len(walked) > 60
    assert set(written) <= walked, "an operation that is gone has no use case"


def test_every_page_answers_as_the_table_says(issuer: Running) -> None:
    wrong, walked = [], set()
    iri = str(publish(issuer, "walked")["iri"])
    for role in UserRole:
        with browser(issuer, str(role)) as http:
            csrf = token_of(http.get("/account").text)
            for method, path in routes(issuer):
                name = f"{method} {path}"
                if who(method, path) != "pages of people" or path.startswith(("/account", "/sign-out")):
                    continue
                use_case, fields = PAGES.get(name, (None, {}))
                if method == "GET":
                    answer = http.get(filled(path), params={"target": iri})
                else:
                    form = {"csrf": csrf, "iri": iri, "target": iri, **fields}
                    answer = http.post(filled(path), data=form, headers={"Origin": issuer.url})
                walked.add(name)
                refused = answer.status_code == 403 and REFUSED.search(answer.text) is not None
                if refused != expected(role, use_case):
                    wrong.append((str(role), name, answer.status_code))
    assert not wrong
    assert set(PAGES) <= walked
    assert len(walked) > 25


def test_every_call_of_a_model_answers_as_the_table_says(issuer: Running) -> None:
    """Calls under an agreement carry a token of a transfer; these are those of the node's own people."""
    model = str(publish_model(issuer, "roles")["iri"]).rpartition("/")[2]
    calls = [path for method, path in routes(issuer) if method == "POST" and path in CALLS]
    accounts = issuer.node.people.users.accounts
    wrong = []
    for role in UserRole:
        token = accounts.issue_token(str(role), "call", timedelta(hours=1))
        with issuer.http(headers={"Authorization": f"Bearer {token}"}) as http:
            for path in calls:
                answer = http.post(filled(path, model), json={"inputs": {}})
                refused = answer.status_code == 403 and REFUSED.search(answer.text) is not None
                if refused != expected(role, UseCase.CALL_MODELS) or answer.status_code == 404:
                    wrong.append((str(role), path, answer.status_code))
    assert not wrong
    assert set(calls) == CALLS


@contextmanager
def browser(node: Running, login: str) -> Iterator[httpx2.Client]:
    """A browser in which ``login`` has signed in."""
    with node.http(headers={"Accept": "text/html"}) as http:
        form = {"login": login, "password": PASSWORD, "csrf": token_of(http.get("/sign-in").text)}
        assert http.post("/sign-in", data=form, headers={"Origin": node.url}).status_code == 303
        yield http


def token_of(page: str) -> str:
    """The token of the forms on a page."""
    return page.partition('name="csrf" value="')[2].partition('"')[0]
