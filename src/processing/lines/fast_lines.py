"""Fast path for lines of one form: cut into columns without being parsed one by one.

An extraction writes every line alike: the same fields in the same order, nothing between them (``row_to_json``, and the
lines of feeds). There the quotation marks tell where each value begins and ends, for all lines of a block at once, and
Arrow converts the texts. That takes less than half of the parser's time.

It accepts only lines that the line parser accepts, with the same values, and decides nothing else: where it meets
anything that it does not expect (another order, a space, a backslash, an exponent, a value that does not convert), the
line parser reads the block. So it knows no reasons and rejects no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from core.warehouse.order import Bools, Ints
from processing.lines.decimals import MOST_WRITTEN, wide
from processing.lines.digits import DAY_BYTES, MOST_DIGITS, Content, days, whole_numbers

LEAST_LINES = 200  # below it the parser is done sooner than some hundred calls of numpy

_FRONT = b" " * Content.BEFORE
_BACK = b" " * Content.BEHIND
_QUOTE, _COMMA, _CLOSING, _MINUS, _ZERO, _POINT, _N = b'",}-0.n'
_NULL, _TRUE, _FALSE = (int.from_bytes(word, "little") for word in (b"null", b"true", b"fals"))
_WORD = np.uint64(0xFFFFFFFF)
_OF_NUMBERS = np.zeros(256, dtype=bool)
_OF_NUMBERS[list(b"0123456789-.")] = True
_DIGITS = np.zeros(256, dtype=bool)
_DIGITS[list(b"0123456789")] = True


def read_fast_lines(data: bytes, schema: pa.Schema, breaks: Ints) -> pa.Table | None:
    """The rows of whole lines in the schema, or None where the line parser must read them.

    ``breaks`` are the places of all bytes below 32, and all of them are newlines; ``data`` is UTF-8. Fields that no
    line has are null. Where a day is not written as one, all of its column comes as texts.
    """
    if not len(breaks) or breaks[-1] != len(data) - 1 or b"\\" in data:
        return None
    names = _names(data[: breaks[0]])
    if not names or not schema.names or not set(names) <= set(schema.names):
        return None
    columns = _Lines(data, breaks, [schema.field(name) for name in names]).columns()
    if columns is None:
        return None
    nulls = {field.name: pa.nulls(len(breaks), field.type) for field in schema if field.name not in columns}
    return pa.table([(columns | nulls)[name] for name in schema.names], names=schema.names)


def _names(line: bytes) -> list[str]:
    """The fields of a line in their order; none where it is no object."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return list(row) if isinstance(row, dict) else []


@dataclass(frozen=True, slots=True)
class _Spans:
    """Where values lie; ``nulls`` where some are null (their spans are empty). Of many fields: a column for each."""

    start: Ints
    stop: Ints
    nulls: Bools | None

    def of(self, place: int) -> _Spans:
        """Those of one field."""
        nulls = None if self.nulls is None or not self.nulls[:, place].any() else self.nulls[:, place]
        return _Spans(self.start[:, place], self.stop[:, place], nulls)


class _Lines:
    """The lines of a block, each with these fields in this order.

    As there is no backslash, every quotation mark opens or closes a text.
    """

    def __init__(self, data: bytes, breaks: Ints, fields: Sequence[pa.Field]) -> None:
        self._fields = fields
        self._literals = [b'%c"%s":' % (b"{,"[place > 0], field.name.encode()) for place, field in enumerate(fields)]
        self._texts = np.array([_is_text(field.type) for field in fields])
        self._padded = b"".join((_FRONT, data, _BACK))
        self._content = Content(self._padded)
        self._buffer = pa.py_buffer(self._padded)
        self._end = breaks + (len(_FRONT) - 1)
        self._begin = np.append(len(_FRONT), self._end[:-1] + 2)
        self._odd = np.arange(1, 2 * len(breaks), 2)

    def columns(self) -> dict[str, pa.Array] | None:
        """The values by field; None where a line is of another form or a value is not of its type."""
        spans = self._spans()
        if spans is None:
            return None
        columns = self._exact(spans)
        for place, field in enumerate(self._fields):
            if place not in columns and (values := self._converted(spans.of(place), field.type)) is not None:
                columns[place] = values
            if place not in columns:
                return None
        return {field.name: columns[place] for place, field in enumerate(self._fields)}

    # ------------------------------------------------------------ where the values are

    def _spans(self) -> _Spans | None:
        """The spans of all values; None where a line is of another form.

        Names and values stand where a comma and a quotation mark say so. Nothing is believed of that: the names have to
        be there, and no more quotation marks than those of names and texts.
        """
        at = self._names_at()
        if at is None or not (self._content.bytes[self._end] == _CLOSING).all() or not self._are_names(at):
            return None
        start = at + np.array([len(literal) for literal in self._literals])
        stop = np.column_stack((at[:, 1:], self._end))
        size = stop - start
        if not (size > 0).all():
            return None
        first = self._content.bytes[start]
        quoted = self._texts & (first == _QUOTE) & (self._content.bytes[stop - 1] == _QUOTE) & (size > 1)
        nulls = self._holds(_NULL, start) & (size == len(b"null")) if (first == _N).any() else None
        if not (quoted | ~self._texts if nulls is None else quoted | ~self._texts | nulls).all():
            return None
        marks = np.count_nonzero(self._content.bytes == _QUOTE)
        if marks != 2 * start.size + 2 * np.count_nonzero(quoted):  # others are in a value
            return None
        within = self._texts if nulls is None else quoted
        start += within
        stop -= within
        return _Spans(start, stop if nulls is None else np.where(nulls, start, stop), nulls)

    def _names_at(self) -> Ints | None:
        """Where each line's fields begin, a column for each; None where it has others."""
        content, count, others = self._content.bytes, len(self._end), len(self._fields) - 1
        at = np.flatnonzero((content[:-1] == _COMMA) & (content[1:] == _QUOTE))
        if len(at) != count * others:  # a text may end with a comma
            after = content[at + 2]
            at = at[(after != _COMMA) & (after != _CLOSING)]
            if len(at) != count * others:
                return None
        return np.column_stack((self._begin, at.reshape(count, others)))

    def _are_names(self, at: Ints) -> bool:
        """Whether every line has the fields' names at these places; those of one length are compared at once."""
        sizes = np.array([len(literal) for literal in self._literals])
        if (at[-1] + sizes > len(self._padded)).any():  # the last line is too short
            return False
        for size in dict.fromkeys(sizes.tolist()):
            chosen = np.flatnonzero(sizes == size)
            row = b"".join(self._literals[place] for place in chosen.tolist())
            there = self._runs(at.take(chosen, axis=1), size).view(np.uint8).ravel()
            if (there != np.frombuffer(row * len(at), dtype=np.uint8)).any():
                return False
        return True

    def _runs(self, at: Ints, size: int) -> npt.NDArray[np.void]:
        """``size`` bytes from each place on: elements as long as that are gathered at once."""
        there = np.ndarray((len(self._padded) - size + 1,), dtype=f"V{size}", buffer=self._padded, strides=(1,))
        return np.asarray(there[at])

    def _holds(self, letters: int, at: Ints) -> Bools:
        """At which places these four letters stand."""
        return np.asarray((self._content.words[at] & _WORD) == np.uint64(letters))

    # ------------------------------------------------------------ what they are

    def _exact(self, spans: _Spans) -> dict[int, pa.Array]:
        """Numbers and days that are written plainly, by the place of their field; those of one form at once."""
        forms: dict[int, list[int]] = {}
        for place, field in enumerate(self._fields):
            form = _form(field.type)
            if form is not None and (spans.nulls is None or not spans.nulls[:, place].any()):
                forms.setdefault(form, []).append(place)
        exact: dict[int, pa.Array] = {}
        for form, places in forms.items():
            if not self._read_exact(exact, spans, form, places) and len(places) > 1:
                for place in places:
                    self._read_exact(exact, spans, form, [place])
        return exact

    def _read_exact(self, exact: dict[int, pa.Array], spans: _Spans, form: int, places: Sequence[int]) -> bool:
        """Put the values of these fields into ``exact``; False where one of them is written otherwise."""
        start, stop = spans.start.take(places, axis=1), spans.stop.take(places, axis=1)
        if form != _DAYS:
            numbers = whole_numbers(self._content, start, stop, scale=form)
        else:
            numbers = days(self._content, start) if (stop - start == DAY_BYTES).all() else None
        if numbers is None:
            return False
        for column, place in enumerate(places):
            values = _array(numbers[:, column], self._fields[place].type)
            if values is not None:
                exact[place] = values
        return True

    def _converted(self, spans: _Spans, kind: pa.DataType) -> pa.Array | None:
        if pa.types.is_boolean(kind):
            return self._booleans(spans)
        texts = self._slices(spans)
        if pa.types.is_string(kind) or pa.types.is_date(kind):
            return texts
        return _cast(texts, kind) if _is_text(kind) or _plain_numbers(texts) else None

    def _booleans(self, spans: _Spans) -> pa.Array | None:
        size = spans.stop - spans.start
        true = self._holds(_TRUE, spans.start) & (size == len(b"true"))
        false = (
            self._holds(_FALSE, spans.start)
            & (self._content.bytes[spans.start + 4] == ord("e"))
            & (size == len(b"false"))
        )
        known = true | false if spans.nulls is None else true | false | spans.nulls
        return pa.array(true, mask=spans.nulls) if known.all() else None

    def _slices(self, spans: _Spans) -> pa.Array:
        """The bytes in the spans."""
        size = int(spans.stop[0] - spans.start[0])
        if size and spans.nulls is None and (spans.stop - spans.start == size).all():
            return self._slices_of(size, spans.start)
        # every second piece of the block, if it is cut at each start and each stop
        cuts = np.zeros(2 * len(spans.start) + 1, dtype=np.int32)
        cuts[1::2], cuts[2::2] = spans.start, spans.stop
        pieces = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), self._buffer)
        return pieces.take(pa.array(self._odd, mask=spans.nulls))

    def _slices_of(self, size: int, start: Ints) -> pa.Array:
        content = pa.allocate_buffer(size * len(start))
        np.ndarray((len(start),), dtype=f"V{size}", buffer=content)[:] = self._runs(start, size)
        stops = np.arange(0, size * len(start) + 1, size, dtype=np.int32)
        return pa.StringArray.from_buffers(len(start), pa.py_buffer(stops), content)


def _is_text(kind: pa.DataType) -> bool:
    """Whether values of the type stand in quotation marks."""
    return bool(pa.types.is_string(kind) or pa.types.is_temporal(kind))


_DAYS = -1


def _form(kind: pa.DataType) -> int | None:
    """Fields of which type are read together: numbers by their scale, and days."""
    if pa.types.is_date(kind):
        return _DAYS
    if pa.types.is_integer(kind):
        return 0
    return int(kind.scale) if pa.types.is_decimal(kind) else None


def _array(numbers: Ints, kind: pa.DataType) -> pa.Array | None:
    """Numbers, unscaled ones or days as values of the type; None where it does not hold one.

    They lie in Arrow's memory, which is freed when they are dropped; numpy's would stay with the thread.
    """
    low, high = int(numbers.min()), int(numbers.max())
    buffer = pa.allocate_buffer(kind.byte_width * len(numbers))
    if pa.types.is_decimal(kind):
        limit = 10 ** min(kind.precision, MOST_DIGITS)
        words = np.ndarray((len(numbers), 2), dtype=np.int64, buffer=buffer)
        words[:, 0], words[:, 1] = numbers, numbers >> 63
    else:
        limit = 1 << (8 * kind.byte_width - 1)
        np.ndarray((len(numbers),), dtype=f"i{kind.byte_width}", buffer=buffer)[:] = numbers
    fits = -limit < low and high < limit
    return pa.Array.from_buffers(kind, len(numbers), [None, buffer]) if fits else None


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        if pa.types.is_timestamp(kind) and _zoned(texts):
            return texts.cast(pa.timestamp("us", "UTC")).cast(kind)
        if pa.types.is_decimal(kind):
            return texts.cast(wide(kind)).cast(kind)
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _zoned(texts: pa.Array) -> bool:
    """Whether the first text says its zone; Arrow refuses the others if they differ."""
    if texts.null_count == len(texts):
        return False
    first = texts.drop_null()[0].as_py()
    return bool(first.endswith("Z") or "+" in first or "-" in first[len("YYYY-MM-DD") :])


def _plain_numbers(texts: pa.Array) -> bool:
    """Whether each is a number as JSON has it, without exponent and not too long to be cast.

    Arrow's casts take more: ``007``, ``.5``, ``0x1F``, and numbers that they cannot hold.
    """
    _, offsets, content = texts.buffers()
    begin: npt.NDArray[np.int32] = np.frombuffer(offsets, dtype=np.int32)[: len(texts) + 1]
    stop, begin = begin[1:], begin[:-1]
    if texts.null_count:
        there = np.asarray(texts.is_valid())
        begin, stop = begin[there], stop[there]
    if not len(begin):
        return True
    if int((stop - begin).max()) > MOST_WRITTEN:
        return False
    digits = np.frombuffer(content, dtype=np.uint8)[: int(stop[-1])]
    if not _OF_NUMBERS[digits].all():
        return False
    negative = digits[begin] == _MINUS
    first = begin + negative
    if np.count_nonzero(digits == _MINUS) != np.count_nonzero(negative) or (first >= stop).any():
        return False
    leading_zero = (digits[first] == _ZERO) & (first + 1 < stop)
    after_zero = digits[(first + 1)[leading_zero]]
    return bool(_DIGITS[digits[first]].all() and _DIGITS[digits[stop - 1]].all() and (after_zero == _POINT).all())
