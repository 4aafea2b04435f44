"""Tables for people: columns where they fit, else a record below the other. No cell is ever cut. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

GAP = 2  # spaces between columns
BLOCK = 1000  # rows of which the widths are known together; a table of more is written while it is read
LEAST_TEXT = 16  # a wrapped column that is narrower is hard to read


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's name; ``numeric`` ones are aligned to the right."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The widths of columns that fit; None: a record below the other."""

    widths: tuple[int, ...] | None

    def holds(self, other: Layout) -> bool:
        """Whether rows laid out by ``other`` fit into this one as well."""
        if self.widths is None or other.widths is None:
            return self.widths is None
        return all(ours >= theirs for ours, theirs in zip(self.widths, other.widths, strict=True))


def table_lines(headings: Sequence[Heading], rows: Iterable[Sequence[str]], *, width: int, wrap: bool) -> Iterator[str]:
    """The lines of a table of cells, read a block of rows at a time.

    ``wrap`` lets texts go on in the next line, between words, where the columns would not fit otherwise: what somebody
    reads, not what somebody searches. A later block that needs more room gets a header of its own.
    """
    remaining = iter(rows)
    layout: Layout | None = None
    number = 0
    while block := list(islice(remaining, BLOCK)):
        needed = plan_layout(headings, block, width=width, wrap=wrap)
        if layout is None or not layout.holds(needed):
            if layout is not None:
                yield ""
            layout = needed
            yield from _header(headings, layout)
        for row in block:
            number += 1
            yield from _columns(headings, row, layout) if layout.widths else _record(headings, row, number, width, wrap)
    if layout is None:
        yield from _header(headings, plan_layout(headings, [], width=width, wrap=wrap))


def plan_layout(headings: Sequence[Heading], rows: Sequence[Sequence[str]], *, width: int, wrap: bool) -> Layout:
    """The widths at which everything fits; texts and headings are wrapped as far as they must be, and may be."""
    columns: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(headings)
    natural = [
        max((cells_wide(text) for text in (heading.name, *column)), default=1)
        for heading, column in zip(headings, columns, strict=True)
    ]
    spare = width - GAP * (len(headings) - 1)
    if sum(natural) <= spare:
        return Layout(tuple(natural))
    if not wrap:
        return Layout(None)
    least = [
        _least(heading, column, whole)
        for heading, column, whole in zip(headings, columns, natural, strict=True)
    ]  # fmt: skip
    return Layout(tuple(_shrunk(natural, least, spare)) if sum(least) <= spare else None)


def _least(heading: Heading, column: Sequence[str], natural: int) -> int:
    """The width below which a word or a number would be cut."""
    cells = [longest_word(text) for text in column] if not heading.numeric else [cells_wide(text) for text in column]
    least = max([longest_word(heading.name), *cells])
    is_text = not heading.numeric and any(" " in text for text in column)
    return min(natural, max(least, LEAST_TEXT)) if is_text else least


def _shrunk(natural: Sequence[int], least: Sequence[int], spare: int) -> list[int]:
    """Widths that fit: the widest column gives way first."""
    widths = list(natural)
    while sum(widths) > spare:
        able = [index for index in range(len(widths)) if widths[index] > least[index]]
        widest = max(able, key=lambda index: widths[index])
        others = max((widths[index] for index in able if index != widest), default=0)
        step = min(sum(widths) - spare, widths[widest] - max(least[widest], min(others, widths[widest] - 1)))
        widths[widest] -= max(step, 1)
    return widths


def _header(headings: Sequence[Heading], layout: Layout) -> Iterator[str]:
    if layout.widths:
        yield from _columns(headings, [heading.name for heading in headings], layout)
        yield (" " * GAP).join("-" * width for width in layout.widths)


def _columns(headings: Sequence[Heading], cells: Sequence[str], layout: Layout) -> Iterator[str]:
    widths = layout.widths or ()
    lines = [
        [text] if cells_wide(text) <= width else wrapped(text, width)
        for text, width in zip(cells, widths, strict=True)
    ]  # fmt: skip
    for parts in zip_longest(*lines, fillvalue=""):
        padded = [
            _padded(part, width, right=heading.numeric)
            for heading, part, width in zip(headings, parts, widths, strict=True)
        ]
        yield (" " * GAP).join(padded).rstrip()


def _record(headings: Sequence[Heading], cells: Sequence[str], number: int, width: int, wrap: bool) -> Iterator[str]:
    """One record: a name and a value in each line; a value is longer than the line rather than cut."""
    names = max(cells_wide(heading.name) for heading in headings)
    yield f"-[ {number} ]".ljust(min(width, 24), "-")
    for heading, text in zip(headings, cells, strict=True):
        fits = cells_wide(text) <= width - names - GAP
        first, *more = wrapped(text, width - names - GAP) if wrap and not fits else [text]
        yield f"{_padded(heading.name, names, right=False)}{' ' * GAP}{first}".rstrip()
        yield from (" " * (names + GAP) + line for line in more)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words; a word that is longer than a line stays whole."""
    lines = [""]
    for characters in range(max(width, 1), 0, -1):  # fewer than fit where some of them take two columns
        lines = textwrap.wrap(text, characters, break_long_words=False, break_on_hyphens=False)
        if all(cells_wide(line) <= width or len(line.split()) < 2 for line in lines):
            break
    return lines or [""]


def longest_word(text: str) -> int:
    return max((cells_wide(word) for word in text.split()), default=0)


def cells_wide(text: str) -> int:
    """The columns of a terminal that a text takes; characters of East Asia take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # a table of Unicode's, only for texts that need it

    return cell_len(text)


def _padded(text: str, width: int, *, right: bool) -> str:
    spaces = " " * (width - cells_wide(text))
    return spaces + text if right else text + spaces
