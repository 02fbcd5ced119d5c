"""roles.md: which role a use case takes, from the table that use cases ask; which use case an end point is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reference_pages.markdown import table

INTRO: Final = """
# Roles

The roles of an account say what its owner may do. One of the marked roles is enough. Pages, API and terminal use this
table. Without such a role, the answer is 403 and names the roles that are needed. What is not in the table needs no
role: everybody with an account may read agreements, processes, deliveries, runs, layers and keys, and everybody may
read what is public.

All roles except *auditor* bind the city. They work only if the owner of the account has chosen its current password,
and only in a session, or with a token, that was opened with the second factor if the account has one.
[HTTP](http.md) says which end point needs which role.
"""

USE_CASES: Final[Mapping[str, str]] = {
    "POST /api/files": "PUBLISH",
    "GET /api/uploads": "PUBLISH",
    "POST /api/uploads": "PUBLISH",
    "OPTIONS /api/uploads": "PUBLISH",
    "PATCH /api/uploads/{upload_id}": "PUBLISH",
    "DELETE /api/uploads/{upload_id}": "PUBLISH",
    "GET /api/checks": "READ_OPERATION",
    "GET /api/settings": "READ_OPERATION",
    "GET /api/consumption": "READ_OPERATION",
    "GET /api/storage": "READ_OPERATION",
    "GET /api/audit": "READ_AUDIT",
    "GET /api/audit/signed": "READ_AUDIT",
    "POST /api/drafts": "PUBLISH",
    "POST /api/schemas/check": "PUBLISH",
    "GET /api/ontologies/alignment": "PUBLISH",
    "POST /api/ontologies/alignment": "PUBLISH",
    "POST /api/ontologies": "PUBLISH",
    "POST /api/schemas/read": "PUBLISH",
    "GET /api/schemas/draft": "PUBLISH",
    "POST /api/ontologies/reason": "PUBLISH",
    "GET /api/transformations/draft": "PUBLISH",
    "POST /api/transformations/try": "PUBLISH",
    "POST /api/records": "PUBLISH",
    "POST /api/records/batch": "PUBLISH",
    "POST /api/records/changes": "PUBLISH",
    "POST /api/imports": "PUBLISH",
    "DELETE /api/records": "PUBLISH",
    "POST /api/erasures": "ERASE",
    "POST /api/questions/{question_id}/answer": "ANSWER_QUESTIONS",
    "POST /api/questions/{question_id}/refuse": "ANSWER_QUESTIONS",
    "POST /api/questions/{question_id}/hide": "ANSWER_QUESTIONS",
    "GET /api/sources": "MANAGE_DATA_SOURCES",
    "PUT /api/sources/{name}": "MANAGE_DATA_SOURCES",
    "GET /api/sources/{name}": "MANAGE_DATA_SOURCES",
    "DELETE /api/sources/{name}": "MANAGE_DATA_SOURCES",
    "POST /api/sources/{name}/test": "MANAGE_DATA_SOURCES",
    "GET /api/webhooks": "MANAGE_WEBHOOKS",
    "POST /api/webhooks": "MANAGE_WEBHOOKS",
    "GET /api/webhooks/{name}": "MANAGE_WEBHOOKS",
    "DELETE /api/webhooks/{name}": "MANAGE_WEBHOOKS",
    "GET /api/webhooks/{name}/deliveries": "MANAGE_WEBHOOKS",
    "POST /api/webhooks/{name}/test": "MANAGE_WEBHOOKS",
    "POST /api/webhooks/{name}/pause": "MANAGE_WEBHOOKS",
    "POST /api/webhooks/{name}/resume": "MANAGE_WEBHOOKS",
    "POST /api/webhooks/{name}/retry": "MANAGE_WEBHOOKS",
    "GET /api/streams": "KEEP_STREAMS",
    "PUT /api/streams/{name}": "KEEP_STREAMS",
    "GET /api/streams/{name}": "KEEP_STREAMS",
    "DELETE /api/streams/{name}": "KEEP_STREAMS",
    "PUT /api/streams/{name}/broker": "MANAGE_DATA_SOURCES",
    "DELETE /api/streams/{name}/broker": "MANAGE_DATA_SOURCES",
    "POST /api/streams/{name}/observations": "KEEP_STREAMS",
    "GET /api/streams/{name}/latest": "KEEP_STREAMS",
    "GET /api/streams/{name}/faults": "KEEP_STREAMS",
    "GET /api/values": "SCHEDULE_HARVESTS",
    "GET /api/values/table": "SCHEDULE_HARVESTS",
    "PUT /api/values/table": "SCHEDULE_HARVESTS",
    "POST /api/quality/links/check": "CHECK_LINKS",
    "GET /api/harvests/{name}/runs/{run}/contacts": "SCHEDULE_HARVESTS",
    "GET /api/harvests/{name}/reports": "SCHEDULE_HARVESTS",
    "POST /api/harvests/{name}/runs/{run}/reports": "SCHEDULE_HARVESTS",
    "PUT /api/harvests/{name}": "SCHEDULE_HARVESTS",
    "DELETE /api/harvests/{name}": "SCHEDULE_HARVESTS",
    "POST /api/harvests/{name}/run": "SCHEDULE_HARVESTS",
    "POST /api/harvests/{name}/pause": "SCHEDULE_HARVESTS",
    "POST /api/harvests/{name}/resume": "SCHEDULE_HARVESTS",
    "POST /api/negotiations": "NEGOTIATE",
    "POST /api/negotiations/{pid}/terminate": "NEGOTIATE",
    "POST /api/negotiations/{pid}/counter": "NEGOTIATE",
    "POST /api/negotiations/{pid}/accept": "NEGOTIATE",
    "POST /api/transfers": "RECEIVE",
    "POST /api/transfers/{pid}/suspend": "STEER_TRANSFERS",
    "POST /api/transfers/{pid}/resume": "STEER_TRANSFERS",
    "POST /api/transfers/{pid}/complete": "STEER_TRANSFERS",
    "POST /api/transfers/{pid}/terminate": "STEER_TRANSFERS",
    "POST /api/transfers/{pid}/access": "READ_RECEIVED",
    "GET /api/transfers/{pid}/content": "READ_RECEIVED",
    "GET /api/transfers/{pid}/sealed": "READ_RECEIVED",
    "POST /api/agreements/{agreement_id}/query": "READ_RECEIVED",
    "GET /api/agreements/{agreement_id}/stream": "READ_RECEIVED",
    "GET /api/bridges": "READ_RECEIVED",
    "POST /api/bridges": "MANAGE_DATA_SOURCES",
    "DELETE /api/bridges/{bridge_id}": "MANAGE_DATA_SOURCES",
    "GET /api/subscribers": "MANAGE_DATA_SOURCES",
    "POST /api/subscribers/{key}/resend": "MANAGE_DATA_SOURCES",
    "DELETE /api/subscribers/{key}": "MANAGE_DATA_SOURCES",
    "POST /api/agreements/{agreement_id}/stream": "READ_RECEIVED",
    "GET /api/agreements/{agreement_id}/stream/events": "READ_RECEIVED",
    "POST /api/agreements/{agreement_id}/confirm-deletion": "CONFIRM_DELETION",
    "GET /api/shipments": "RECEIVE",
    "POST /api/shipments": "RECEIVE",
    "POST /api/shipments/orders": "RECEIVE",
    "DELETE /api/shipments/orders/{order_id}": "RECEIVE",
    "GET /api/shipments/{shipment_id}": "RECEIVE",
    "POST /api/shipments/{shipment_id}/retry": "RECEIVE",
    "POST /api/shipments/{shipment_id}/removed": "CONFIRM_DELETION",
    "POST /api/decisions/{decision_id}": "DECIDE",
    "POST /api/conditions/check": "PUBLISH",
    "GET /api/eligibility": "PUBLISH",
    "POST /api/eligibility": "PUBLISH",
    "GET /api/limits": "READ_LIMITS",
    "PUT /api/limits": "SET_LIMITS",
    "DELETE /api/limits": "SET_LIMITS",
    "POST /api/runs/check": "RUN_SCENARIOS",
    "POST /api/runs": "RUN_SCENARIOS",
    "POST /api/runs/{pid}/cancel": "RUN_SCENARIOS",
    "POST /api/runs/{pid}/again": "RUN_SCENARIOS",
    "GET /api/runs/{pid}/outputs/{branch}/{name}": "READ_RESULTS",
    "GET /api/runs/{pid}/why/{output_name}/{row}": "READ_RESULTS",
    "GET /api/runs/{pid}/crate": "READ_RESULTS",
    "POST /api/runs/{pid}/publish": "PUBLISH",
    "POST /api/layers": "CHANGE_LAYERS",
    "GET /api/accounts": "MANAGE_ACCOUNTS",
    "POST /api/accounts": "MANAGE_ACCOUNTS",
    "GET /api/accounts/{login}": "MANAGE_ACCOUNTS",
    "PATCH /api/accounts/{login}": "MANAGE_ACCOUNTS",
    "DELETE /api/accounts/{login}": "MANAGE_ACCOUNTS",
    "POST /api/accounts/{login}/link": "MANAGE_ACCOUNTS",
    "DELETE /api/accounts/{login}/sessions": "MANAGE_ACCOUNTS",
    "DELETE /api/accounts/{login}/second-factor": "MANAGE_ACCOUNTS",
    "POST /api/join": "JOIN",
    "GET /api/join": "JOIN",
    "GET /api/region/leave": "JOIN",
    "POST /api/region/leave": "JOIN",
    "PUT /api/region/templates/{name}": "PUBLISH",
    "DELETE /api/region/templates/{name}": "PUBLISH",
    "PUT /api/rulebook": "PUBLISH",
    "POST /api/issued/{credential_id}/revoke": "REVOKE",
    "POST /api/issued/{credential_id}/suspend": "REVOKE",
    "POST /api/issued/{credential_id}/reinstate": "REVOKE",
    "PUT /api/place": "STATE_PLACE",
    "DELETE /api/place": "STATE_PLACE",
    "POST /api/blocks": "BLOCK",
    "GET /api/blocks/{did}": "BLOCK",
    "DELETE /api/blocks/{did}": "BLOCK",
    "POST /api/deliveries/{task_id}/retry": "HANDLE_DELIVERIES",
    "POST /api/deliveries/{task_id}/give-up": "HANDLE_DELIVERIES",
    "POST /api/keys/rotate": "CHANGE_KEYS",
    "POST /api/keys/revoke": "CHANGE_KEYS",
    "POST /api/members": "FOLLOW",
    "DELETE /api/members": "FOLLOW",
    "POST /api/members/accept": "FOLLOW",
    "POST /api/members/refresh": "FOLLOW",
    "GET /api/members/evidence": "READ_WITNESS",
}
"""The use case behind an operation that takes a role; ``tests/integration/people/test_roles.py`` walks all."""


def roles() -> str:
    """The page."""
    from node.identity.model import UserRole
    from node.identity.roles import ROLES

    rows = [
        [str(use_case), *("yes" if role in enough else "" for role in UserRole)] for use_case, enough in ROLES.items()
    ]
    return f"{INTRO}\n{table(['a person may …', *UserRole], rows)}"


def takes(operation: str) -> str:
    """The roles of which an operation (``GET /api/…``) takes one, in words."""
    from node.identity.roles import ROLES, UseCase

    name = USE_CASES.get(operation)
    return ", ".join(ROLES[UseCase[name]]) if name else "any"
