from __future__ import annotations

import gzip
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PipelineBug
from ingestion.extract.packing import Packed, Packer


def pack(batches: list[list[bytes]], **limits: int) -> list[Packed]:
    packer, packed = Packer(**limits), []
    for batch in batches:
        rest = batch
        while rest:
            rest = packer.add(rest)
            if rest:
                packed.append(packer.finish())
    return [*packed, packer.finish()] if packer.rows else packed


def noisy(noise: random.Random, size: int) -> bytes:
    """A line that does not compress."""
    return noise.randbytes(size).replace(b"\n", b" ").replace(b"\x01", b" ") + b"\n"


lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(lambda text: text.encode() + b"\n")


@given(st.lists(st.lists(lines, min_size=1, max_size=8), max_size=8), st.integers(1, 7))
def test_lines_are_cut_into_objects_in_order_and_none_is_lost(batches: list[list[bytes]], rows: int) -> None:
    packed = pack(batches, max_rows=rows)
    whole = [line for batch in batches for line in batch]
    assert b"".join(gzip.decompress(part.body) for part in packed) == b"".join(whole)
    assert [part.rows for part in packed[:-1]] == [rows] * (len(packed) - 1)
    assert sum(part.rows for part in packed) == len(whole)
    assert [part.last_line for part in packed][-1:] == whole[-1:]


def test_an_object_knows_the_digest_of_its_lines_and_is_the_same_each_time() -> None:
    batch = [b'{"n":%d}\n' % n for n in range(1000)]
    [once], [twice] = pack([batch], max_rows=5000), pack([batch[:400], batch[400:]], max_rows=5000)
    assert once.sha256 == twice.sha256 == hashlib.sha256(b"".join(batch)).hexdigest()
    assert pack([batch], max_rows=5000)[0].body == once.body


def test_no_object_is_bigger_than_its_limit_whatever_the_lines_are() -> None:
    noise = random.Random(7)
    for size in (200, 5_000, 100_000):
        batch = [
            noise.randbytes(size).replace(b"\n", b" ").replace(b"\x01", b" ") + b"\n" for _ in range(4_000_000 // size)
        ]
        packed = pack([batch[n : n + 50] for n in range(0, len(batch), 50)], max_rows=10**6, max_bytes=1_000_000)
        assert len(packed) > 3
        assert max(len(part.body) for part in packed) <= 1_000_000
        assert sum(part.rows for part in packed) == len(batch)


def test_a_line_longer_than_an_object_is_an_object_of_its_own() -> None:
    noise = random.Random(7)
    long = noisy(noise, 2_000_000)
    packed = pack([[b"a\n", b"b\n"], [b"c\n", long, b"d\n"]], max_rows=100, max_bytes=1_000_000)
    assert [part.rows for part in packed] == [3, 1, 1]
    assert b"".join(gzip.decompress(part.body) for part in packed) == b"a\nb\nc\n" + long + b"d\n"


def test_a_row_that_copy_had_to_quote_stops_everything() -> None:
    with pytest.raises(PipelineBug, match="not one line"):
        Packer(max_rows=10).add([b"{}\n", b"\x01{\n}\x01\n"])
