"""AWS's partitions (China, GovCloud): ARNs and services are named by the one that is deployed to, never by ``aws``.

The emulator knows the partition ``aws`` alone, so that a name that is written out would work there and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from deploy.folders import MODULE, SOURCES
from deploy.layers.build import ROOMS

WRITTEN_OUT = re.compile(r"arn:aws[-a-z]*:|\bcom\.amazonaws\.")
EXAMPLE = re.compile(r"^\s*error_message\s*=")


def written_out(text: str, comment: str) -> Iterator[str]:
    """Lines that name a partition, but for comments and messages."""
    for line in text.splitlines():
        said = line.partition(comment)[0]
        if WRITTEN_OUT.search(said) and not EXAMPLE.match(said):
            yield line.strip()


def test_the_configuration_names_no_partition() -> None:
    files = [path for path in MODULE.rglob("*.tf") if ".terraform" not in path.parts]
    assert len(files) > 30
    assert {
        str(path.relative_to(MODULE)): lines
        for path in files
        if (lines := list(written_out(path.read_text(encoding="utf-8"), "#")))
    } == {}


@pytest.mark.parametrize("room", ROOMS)
def test_what_runs_in_functions_names_no_partition(room: str) -> None:
    for path in sorted((SOURCES / room).rglob("*.py")):
        assert list(written_out(path.read_text(encoding="utf-8"), "#")) == [], path


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('resources = ["arn:aws:s3:::x"]', True),
        ('service_name = "com.amazonaws.${var.region}.s3"', True),
        ('resources = ["arn:${local.partition}:s3:::x"] # not arn:aws:', False),
        ('identifiers = ["lambda.amazonaws.com"]', False),
        ('  error_message = "such as arn:aws:iam::1:policy/x."', False),
    ],
)
def test_a_partition_that_is_written_out_is_seen(line: str, seen: bool) -> None:
    assert bool(list(written_out(line, "#"))) == seen
