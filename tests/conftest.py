"""Fixtures that tests of several rooms share, and how long a test of properties may take: as long as it needs."""

import functools
import gc
import os
import ssl
from collections.abc import Generator

import httpcore2
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.postgres", "tests.stores", "tests.nodes")

# A machine that is busy with something else is no reason for a test to fail.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SELDOM = (10_000, 20, 50)
"""When the interpreter looks for garbage. With its own numbers, a worker that starts and ends nodes all the time
spends a tenth of its time on this: what is frozen below does not count as large."""


def pytest_configure() -> None:
    """Read the authorities of the machine once: each HTTP client of a test would read them again, for 20 ms."""
    read = httpcore2.default_ssl_context

    @functools.cache
    def known(trust_env: bool, *_named: str | None) -> ssl.SSLContext:
        return read(_trust_env=trust_env)

    def context(*, _trust_env: bool = True) -> ssl.SSLContext:
        return known(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    httpcore2.default_ssl_context = context


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, None, None]:
    """Keep modules, shapes and tests out of the search for garbage: they live to the end, and looking at half a
    million of them again and again takes a third of the collection's time, and a sixth of many tests'."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*SELDOM)
        gc.enable()


def pytest_unconfigure() -> None:
    """Let the interpreter free everything at its end: libraries in C++ report what is left as leaks."""
    gc.unfreeze()
