"""A caller that goes away in the middle of what it says: nothing is kept, and no fault of the node is logged."""

from __future__ import annotations

import logging
import socket

import pytest

from tests.nodes import Pair, until


@pytest.mark.parametrize("path", ["/dsp/2025-1/negotiations/request", "/api/records", "/sparql"])
def test_whoever_leaves_in_the_middle_is_no_fault_of_the_node(
    pair: Pair, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    node = pair.provider
    proof = pair.consumer.as_participant(node) if path.startswith("/dsp") else node.person()
    head = f"POST {path} HTTP/1.1\r\nHost: {node.url[7:]}\r\nAuthorization: {proof['Authorization']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    host, _, port = node.url[7:].partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + b'{"half": ')
    until(
        "it is noticed", lambda: [one for one in caplog.records if one.message == "the caller closed the connection"]
    )
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []
    with node.http() as http:
        assert http.get("/health").status_code == 200
