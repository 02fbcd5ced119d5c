"""Files with objects in three dimensions, made here, and what the cage answers for them."""

from __future__ import annotations

import io
import json
import math
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from node.adapters.profiles.scenes.in_cage import read, tile
from node.semantics.profiles.scenes_client import MOST_CORNERS, ObjectScene

CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
KINDS = ("GroundSurface", "RoofSurface", "WallSurface")


def town(count: int = 12, **attributes: Any) -> dict[str, Any]:
    """A CityJSON document with ``count`` buildings in rows, in metres, one of them a part, one with a courtyard."""
    vertices: list[list[int]] = []
    objects: dict[str, Any] = {}
    for number in range(count):
        x, y, height = number % 4 * 20_000, number // 4 * 20_000, 3_000 + number * 1_000
        start = len(vertices)
        vertices += [[x + a * 10_000, y + b * 10_000, c * height] for a, b, c in CORNERS]
        shell = [[[start + corner for corner in face]] for face in FACES]
        if number == 1:
            # A courtyard: a hole in the roof.
            vertices += [[x + a, y + b, height] for a, b in ((3000, 3000), (3000, 7000), (7000, 7000), (7000, 3000))]
            shell[1].append(list(range(start + 8, start + 12)))
        solid = {
            "type": "Solid",
            "lod": "2.2",
            "boundaries": [shell],
            "semantics": {"surfaces": [{"type": kind} for kind in KINDS], "values": [[0, 1, 2, 2, 2, 2]]},
        }
        objects[f"b{number}"] = {
            "type": "Building" if number else "BridgePart",
            "attributes": {"storeys": number + 1, "use": ("housing", "office")[number % 2], **attributes},
            "geometry": [{"type": "MultiSurface", "lod": "1", "boundaries": [shell[0]]}, solid],
        }
    objects["whole"] = {"type": "Building", "children": ["b2"]}
    objects["b2"]["parents"] = ["whole"]
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [84_000, 446_000, 2]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/7415"},
        "CityObjects": objects,
        "vertices": vertices,
    }


def tile_set(count: int = 6, name: str = "objects") -> bytes:
    """A zip file of 3D Tiles: a description, and a tile (b3dm) with ``count`` boxes at a place on the globe."""
    west, south = math.radians(3.72), math.radians(51.05)
    region = [west, south, west + 2e-5, south + 2e-5, 0, 30]
    description = {
        "asset": {"version": "1.0"},
        "geometricError": 100,
        "root": {
            "boundingVolume": {"region": region},
            "geometricError": 0,
            "refine": "ADD",
            "transform": _on_globe(west + 1e-5, south + 1e-5),
            "content": {"uri": "tiles/a.b3dm"},
        },
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("tileset.json", json.dumps(description))
        packed.writestr("tiles/a.b3dm", _b3dm(count, name))
    return archive.getvalue()


def painted_tile_set(uri: str = "") -> bytes:
    """A zip file of 3D Tiles with one tile: a glTF square with a red picture on it, a name and extras. The picture is
    in the tile, or at ``uri`` beside it."""
    rows = b"".join(b"\0" + b"\xff\0\0" * 4 for _ in range(4))
    chunks = ((b"IHDR", struct.pack(">2I5B", 4, 4, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    picture = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    corners = ((-20, 0, 20), (20, 0, 20), (20, 0, -20), (-20, 0, -20))
    places = b"".join(struct.pack("<3f", *corner) for corner in corners)
    papers = struct.pack("<8f", 0, 1, 1, 1, 1, 0, 0, 0)
    indices = struct.pack("<6H", 0, 1, 2, 0, 2, 3)
    views, body = [], b""
    for part in (places, papers, indices, picture):
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(part)})
        body += part + b"\0" * (-len(part) % 4)
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "square", "extras": {"owner": "city"}}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [
            {"doubleSided": True, "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}
        ],
        "textures": [{"source": 0}],
        "images": [{"uri": uri} if uri else {"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 4,
                "type": "VEC3",
                "min": [-20, 0, -20],
                "max": [20, 0, 20],
            },
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(body)}],
    }
    sphere = {"boundingVolume": {"sphere": [0, 0, 0, 30]}, "geometricError": 0}
    description = {
        "asset": {"version": "1.1"},
        "geometricError": 100,
        "root": {**sphere, "refine": "ADD", "content": {"uri": "square.glb"}},
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("set/tileset.json", json.dumps(description))
        packed.writestr("set/square.glb", _glb(document, body))
        packed.writestr("set/paint/red.png", picture)
    return archive.getvalue()


def _glb(document: Any, body: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body += b"\0" * (-len(body) % 4)
    chunks = struct.pack("<2I", len(text), 0x4E4F534A) + text + struct.pack("<2I", len(body), 0x004E4942) + body
    return b"glTF" + struct.pack("<2I", 2, 12 + len(chunks)) + chunks


def _on_globe(longitude: float, latitude: float) -> list[float]:
    """The matrix, in columns, that brings east, north and up to the globe (WGS 84)."""
    sine, cosine = math.sin(latitude), math.cos(latitude)
    across = 6_378_137 / math.sqrt(1 - 0.00669437999014 * sine**2)
    east = (-math.sin(longitude), math.cos(longitude), 0)
    north = (-sine * math.cos(longitude), -sine * math.sin(longitude), cosine)
    up = (cosine * math.cos(longitude), cosine * math.sin(longitude), sine)
    place = (across * up[0], across * up[1], across * (1 - 0.00669437999014) * sine)
    return [*east, 0, *north, 0, *up, 0, *place, 1]


def _b3dm(count: int, name: str) -> bytes:
    places, ids, indices = b"", b"", b""
    for number in range(count):
        for a, b, c in CORNERS:
            # Up is the second axis in glTF.
            east, north, up = (
                (number % 3 - 1.5 + a * 0.6) * 25,
                (number // 3 - 1 + b * 0.6) * 25,
                c * (5 + number * 3),
            )
            places += struct.pack("<3f", east, up, -north)
            ids += struct.pack("<f", number)
        for one, two, three, four in FACES:
            indices += struct.pack("<6H", *(number * 8 + at for at in (one, two, three, one, three, four)))
    body = places + ids + indices
    lengths = (len(places), len(ids), len(indices))
    starts = (0, lengths[0], lengths[0] + lengths[1])
    triples = [struct.unpack_from("<3f", places, at * 12) for at in range(count * 8)]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "_BATCHID": 1}, "indices": 2}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": count * 8,
                "type": "VEC3",
                "min": [min(place[axis] for place in triples) for axis in range(3)],
                "max": [max(place[axis] for place in triples) for axis in range(3)],
            },
            {"bufferView": 1, "componentType": 5126, "count": count * 8, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5123, "count": count * 36, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": length}
            for start, length in zip(starts, lengths, strict=True)
        ],
        "buffers": [{"byteLength": len(body)}],
    }
    glb = _glb(document, body)
    features = _padded(json.dumps({"BATCH_LENGTH": count}).encode())
    heights = struct.pack(f"<{count}f", *(5 + number * 3 for number in range(count)))
    table = {
        "name": [f"{name} {number}" for number in range(count)],
        "height": {"byteOffset": 0, "componentType": "FLOAT", "type": "SCALAR"},
    }
    batch = _padded(json.dumps(table).encode())
    heights += b"\0" * (-len(heights) % 8)
    sizes = (28 + len(features) + len(batch) + len(heights) + len(glb), len(features), 0, len(batch), len(heights))
    return b"b3dm" + struct.pack("<6I", 1, *sizes) + features + batch + heights + glb


def _padded(text: bytes) -> bytes:
    return text + b" " * (-(28 + len(text)) % 8)


def scene_of(content: bytes, *, most: int) -> ObjectScene:
    """What the cage answers for a file of this ``content``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(content)
        facts, blobs = read({"path": str(path), "name": "content", "most": most, "corners": MOST_CORNERS}, [])
    return ObjectScene.read(facts, blobs[0])


def tile_of(content: bytes, member: str) -> bytes:
    """What the cage answers for a tile of such a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(content)
        return tile({"path": str(path), "name": "content", "member": member}, [])[1][0]
