"""Fixtures that tests of several rooms share."""

pytest_plugins = ("tests.postgres", "tests.stores", "tests.nodes")
