"""Objects as blocks of whole lines: any packing, any size of read, nothing lost."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.lines import blocks
from processing.lines.blocks import Block, LongLine, UnreadableObject, line_blocks

MIB = 1 << 20


class Dripping(io.BytesIO):
    """A stream that gives fewer bytes than it is asked for."""

    def __init__(self, body: bytes, most: int) -> None:
        super().__init__(body)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))


def blocks_of(body: bytes, most: int = 1 << 20) -> list[Block]:
    parts = list(line_blocks(Dripping(body, most), place="object"))
    assert all(isinstance(part, Block) for part in parts)
    return [part for part in parts if isinstance(part, Block)]


@settings(max_examples=80, deadline=None)
@given(
    lines=st.lists(st.binary(max_size=90).map(lambda line: line.replace(b"\n", b" ")), max_size=25),
    cuts=st.lists(st.integers(0, 2000), max_size=3),
    most=st.sampled_from([1, 7, 50, 1000]),
    padding=st.sampled_from([b"", b"\0", b"\0\0\0"]),
    compressed=st.booleans(),
)
def test_the_blocks_of_an_object_are_its_lines_however_it_is_packed(
    lines: list[bytes], cuts: list[int], most: int, padding: bytes, compressed: bool
) -> None:
    data = b"xx" + b"\n".join(lines)
    places = sorted(min(cut, len(data)) for cut in cuts)
    members = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    body = b"".join(gzip.compress(member) + padding for member in members) if compressed else data
    with pytest.MonkeyPatch.context() as small:
        small.setattr(blocks, "BLOCK_BYTES", 64)
        found = blocks_of(body, most)
    assert b"".join(block.data for block in found) == data
    number = 1
    for block in found:
        assert block.first_line == number
        number += block.data.count(b"\n")
    assert all(block.data.endswith(b"\n") for block in found[:-1])


@pytest.mark.parametrize("body", [b"", gzip.compress(b""), gzip.compress(b"") * 3], ids=["nothing", "gzip", "members"])
def test_an_empty_object_has_no_blocks(body: bytes) -> None:
    assert blocks_of(body) == []


def test_a_byte_order_mark_at_the_start_is_dropped() -> None:
    for body in (b'\xef\xbb\xbf{"a":1}\n', gzip.compress(b'\xef\xbb\xbf{"a":1}\n')):
        assert [block.data for block in blocks_of(body, 1)] == [b'{"a":1}\n']


def test_a_gzip_stream_that_ends_early_is_truncated_wherever_it_ends() -> None:
    body = gzip.compress(random.Random(1).randbytes(300))
    for end in range(5, len(body)):
        with pytest.raises(UnreadableObject) as broken:
            blocks_of(body[:end])
        assert broken.value.reason == "truncated"


def test_a_changed_byte_in_a_gzip_stream_is_corrupt() -> None:
    body = bytearray(gzip.compress(b'{"a":1}\n' * 100))
    body[-6] ^= 1
    with pytest.raises(UnreadableObject) as broken:
        blocks_of(bytes(body))
    assert broken.value.reason == "corrupt"


SIZES = [0, 1, 10, 63, 99, 100, 101, 102, 150, 199, 200, 201, 700]  # of lines, where 100 bytes are the most


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=20),
    most=st.sampled_from([1, 7, 50, 99, 100, 101, 1000]),
    block=st.sampled_from([8, 64, 150]),
    last=st.sampled_from([b"", b"\n"]),
    compressed=st.booleans(),
)
def test_a_line_that_is_too_long_stands_alone_and_its_neighbours_are_as_ever(
    sizes: list[int], most: int, block: int, last: bytes, compressed: bool
) -> None:
    lines = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    data = b"\n".join(lines) + last
    with pytest.MonkeyPatch.context() as small:
        small.setattr(blocks, "BLOCK_BYTES", block)
        small.setattr(blocks, "LONGEST_LINE_BYTES", 100)
        small.setattr(blocks, "KEPT_BYTES", 20)
        small.setattr(blocks, "READ_BYTES", 50)
        parts = list(line_blocks(Dripping(gzip.compress(data) if compressed else data, most), place="object"))
    seen: dict[int, bytes | LongLine] = {}
    for part in parts:
        if isinstance(part, LongLine):
            seen[part.number] = part
        else:
            assert part.data
            seen |= dict(enumerate(part.data.removesuffix(b"\n").split(b"\n"), part.first_line))
            assert part.data.endswith(b"\n") or part is parts[-1]
    if not lines[-1] and not last:
        lines.pop()  # a newline at the end begins no line
    expected = [
        LongLine(line[:20], number, len(line)) if len(line) > 100 else line for number, line in enumerate(lines, 1)
    ]
    assert [seen[number] for number in sorted(seen)] == expected
    assert sorted(seen) == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("compressed", [False, True])
def test_of_a_line_without_end_no_more_is_held_than_a_line_may_have(
    monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr(blocks, "LONGEST_LINE_BYTES", MIB)
    good = b'{"a":1}\n'
    body = good + b"x" * (40 * MIB) + b"\n" + good
    stream = io.BytesIO(gzip.compress(body, 1) if compressed else body)
    del body
    tracemalloc.start()
    try:
        parts = [(type(part), getattr(part, "size", 0)) for part in line_blocks(stream, place="object")]
        assert tracemalloc.get_traced_memory()[1] < 12 * MIB
    finally:
        tracemalloc.stop()
    assert parts == [(Block, 0), (LongLine, 40 * MIB), (Block, 0)]
