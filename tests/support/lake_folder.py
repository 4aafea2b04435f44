"""A lake in memory as a folder of files, for readers that know file systems alone."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pyarrow.fs import LocalFileSystem, SubTreeFileSystem
from tests.support.lake import MemoryLake

from core.rendering.render import render
from starmend_reader import Lake, connect

CODE = "code-bucket"


def write_lake(lake: MemoryLake, folder: Path) -> None:
    """Both buckets that a reader needs; the files have the times of the objects."""
    warehouse = lake.partitions.bucket
    for info in lake.partitions.list(""):
        write_file(folder / warehouse / info.key, lake.partitions.objects[info.key], info.modified)
    for info in lake.records.list(""):
        if stored := lake.records.read(info.key):
            write_file(folder / warehouse / info.key, stored.body, info.modified)
    contracts = render(lake.services.contracts).encode()
    key = f"contracts/{hashlib.sha256(contracts).hexdigest()}.json"
    description = {"contracts_key": key, "buckets": {"warehouse": warehouse}}
    write_file(folder / CODE / key, contracts)
    write_file(folder / CODE / "deployment.json", json.dumps(description).encode())


def write_file(path: Path, body: bytes, modified: datetime | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    if modified:
        os.utime(path, (modified.timestamp(), modified.timestamp()))


def lake_in(folder: Path) -> Lake:
    """The lake as its reader sees it on the day after."""
    lake = connect(CODE, filesystem=SubTreeFileSystem(str(folder), LocalFileSystem()))
    return replace(lake, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))
