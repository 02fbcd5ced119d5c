"""Features of a file in memory, as the cage would give them."""

from __future__ import annotations

import json

from node.semantics.profiles.features_client import FeatureSet, MapColumn


def feature_set(document: bytes, most: int) -> FeatureSet:
    """The first ``most`` features of a GeoJSON document; columns whose texts look like dates are times."""
    features = json.loads(document)["features"]
    shown = [{**feature, "id": number} for number, feature in enumerate(features[:most])]
    cells = features[0]["properties"] if features else {}
    columns = tuple(
        MapColumn(
            name=name,
            numeric=isinstance(value, int | float),
            temporal=isinstance(value, str) and len(value) >= 10 and value[:4].isdigit() and value[4] == "-",
        )
        for name, value in cells.items()
    )
    text = json.dumps(shown).encode()
    return FeatureSet(features=text, columns=columns, shown=len(shown), total=len(features))
