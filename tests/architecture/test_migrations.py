"""Each version of the schema has one migration, which follows the one before it."""

from __future__ import annotations

import re

from node.adapters.sql.migrate import MIGRATIONS, VERSIONS


def test_each_version_has_one_migration_that_follows_the_one_before() -> None:
    links = []
    for path in sorted((MIGRATIONS / "versions").glob("v*.py")):
        text = path.read_text("utf-8")
        numbers = [re.search(rf'^{name} = "?(\w+)"?$', text, re.MULTILINE) for name in ("revision", "down_revision")]
        assert all(numbers), path.name
        links.append((path.name[1:5], *(number[1] for number in numbers if number)))
    expected = [(version, version, before) for before, version in zip(("None", *VERSIONS), VERSIONS, strict=False)]
    assert links == expected
