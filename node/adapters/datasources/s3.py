"""Buckets of S3 and of what speaks its protocol, as a data source: its objects are the items.

The address is that of the end point with the bucket, and a prefix if only a part is shared:
``https://s3.example/city/open/``. The user is the access key.
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from node.adapters.datasources.requests import check_address, document, fetch
from node.adapters.datasources.s3_uploads import BucketUploads
from node.adapters.datasources.signatures import EMPTY, path_of, query_of, sign
from node.adapters.egress.client import Egress
from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Scheme, Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.datasources.sinks import Note, Parcel

REGION: Final = "region"
_MOST_LIST: Final = 4 << 20
_PAGE: Final = 1000
_OBJECT: Final = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)
_KEY: Final = re.compile(r"<Key>([^<]{1,6000})</Key>")
_SIZE: Final = re.compile(r"<Size>([0-9]{1,18})</Size>")
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


class S3Connector:
    """``node.datasources.ports.Connector`` for buckets."""

    kind = "s3"
    options: tuple[str, ...] = (REGION,)

    def __init__(self, egress: Egress, clock: Clock) -> None:
        self._egress = egress
        self._clock = clock

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        if setup.credentials.scheme not in (Scheme.NONE, Scheme.BASIC):
            raise InvalidInput("a bucket takes an access key and its secret", remedy="give them: --user ACCESS-KEY")
        if not _NAME.fullmatch(setup.options.get(REGION, "us-east-1")):
            raise InvalidInput("this is no name of a region", remedy="such as --option region=eu-central-1")
        return S3Connection(self._egress, self._clock, setup)


class S3Connection:
    """A connection to a bucket."""

    def __init__(self, egress: Egress, clock: Clock, setup: Setup) -> None:
        self._egress = egress
        self._clock = clock
        self._setup = setup
        address = check_address(egress, setup.address)
        parts = urlsplit(address)
        bucket, _, self._prefix = parts.path.removeprefix("/").partition("/")
        if not bucket:
            raise InvalidInput("the address names no bucket", remedy="such as https://s3.example/BUCKET/")
        self._bucket = f"{parts.scheme}://{parts.netloc}/{bucket}"
        self._uploads = BucketUploads(egress, f"{self._bucket}/", self._prefix, self._sign)

    @property
    def abilities(self) -> Abilities:
        return Abilities(ranges=True)

    async def items(self, limit: int) -> Sequence[Item]:
        query = {"list-type": "2", "max-keys": str(min(limit, _PAGE)), "prefix": self._prefix}
        url = f"{self._bucket}?{query_of(query)}"
        body, _ = await document(self._egress, url, self._sign(url), most=_MOST_LIST)
        text = body.decode("utf-8", "replace")
        if "ListBucketResult" not in text:
            raise DataSourceUnreachable("the data source is no S3 service", remedy="check the address of the bucket")
        items = (self._item(match[1]) for match in _OBJECT.finditer(text))
        return [item for item in items if item is not None][:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path or question.parameters:
            raise InvalidInput("this is an object, which takes no query", remedy="leave out what follows its address")
        if not item or item.endswith("/"):
            raise NotFound("the bucket has no object of this name", remedy="hansa source test lists its objects")
        url = f"{self._bucket}/{path_of(self._prefix + check_path(item))}"
        async with fetch(self._egress, url, self._sign(url), span=question.span) as extract:
            yield extract

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        return await self._uploads.upload(parcel, note)

    @property
    def is_replacing(self) -> bool:
        return True

    async def abandon(self, parcel: Parcel) -> None:
        await self._uploads.abort(parcel)

    async def remove(self, path: str, sha256: str) -> bool:
        return await self._uploads.delete(path, sha256)

    def _sign(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, sha256: str = EMPTY
    ) -> dict[str, str]:
        """Return ``headers`` with those that authorise a request with a body of this SHA-256."""
        credentials = self._setup.credentials
        if credentials.scheme is Scheme.NONE:
            return dict(headers or {})
        region = self._setup.options.get(REGION, "us-east-1")
        return sign(
            method,
            url,
            headers or {},
            key=credentials.name,
            secret=credentials.secret,
            region=region,
            now=self._clock.now(),
            sha256=sha256,
        )

    def _item(self, text: str) -> Item | None:
        key, size = _KEY.search(text), _SIZE.search(text)
        name = html.unescape(key[1]) if key else ""
        path = name.removeprefix(self._prefix)
        if not name.startswith(self._prefix) or not path or path.endswith("/"):
            return None
        return Item(path=path, size=int(size[1]) if size else None)
