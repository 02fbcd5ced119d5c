"""Fixtures that tests of several rooms share, and how long a test of properties may take: as long as it needs."""

from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.postgres", "tests.stores", "tests.nodes")

# A machine that is busy with something else is no reason for a test to fail.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
