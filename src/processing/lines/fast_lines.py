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
from processing.lines.digits import MOST_DIGITS, whole_numbers

LEAST_LINES = 200  # below it the parser is done sooner than some hundred calls of numpy

_PADDING = b'"' * 16  # read over the end, and quotation marks for a text that has no second one
_QUOTE, _CLOSING, _MINUS, _POINT, _ZERO, _N = b'"}-.0n'
_NULL, _TRUE, _FALSE = (int.from_bytes(word, "little") for word in (b"null", b"true", b"fals"))
_WORD = np.uint64(0xFFFFFFFF)
_OF_NUMBERS = np.zeros(256, dtype=bool)
_OF_NUMBERS[list(b"0123456789-.")] = True
_DIGITS = np.zeros(256, dtype=bool)
_DIGITS[list(b"0123456789")] = True


def read_fast_lines(data: bytes, wire: pa.Schema, breaks: Ints) -> pa.Table | None:
    """The rows of whole lines in the ``wire`` schema, or None where the line parser must read them.

    ``breaks`` are the places of all bytes below 32, and all of them are newlines; ``data`` is UTF-8. Fields that no
    line has are null.
    """
    if not len(breaks) or breaks[-1] != len(data) - 1 or b"\\" in data:
        return None
    names = _names(data[: breaks[0]])
    if not names or not wire.names or not set(names) <= set(wire.names):
        return None
    columns = _Lines(data, breaks).values(names, wire)
    if columns is None:
        return None
    nulls = {field.name: pa.nulls(len(breaks), field.type) for field in wire if field.name not in columns}
    return pa.table([(columns | nulls)[name] for name in wire.names], names=wire.names)


def _names(line: bytes) -> list[str]:
    """The fields of a line in their order; none where it is no object."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return list(row) if isinstance(row, dict) else []


@dataclass(frozen=True, slots=True)
class _Spans:
    """Where the values of one field lie; ``nulls`` where some are null (their spans are empty)."""

    start: Ints
    stop: Ints
    nulls: Bools | None


class _Lines:
    """The lines of a block, and the place in each of them up to which it is read.

    ``_quote`` counts the quotation marks before ``_at``: as there is no backslash, each of them opens or closes a text.
    """

    def __init__(self, data: bytes, breaks: Ints) -> None:
        self._size = len(data)
        self._padded = data + _PADDING
        self._buffer = pa.py_buffer(self._padded)
        self._content = np.frombuffer(self._padded, dtype=np.uint8)
        # eight bytes from every place on, as one number
        self._words = np.ndarray((len(self._padded) - 7,), dtype="<u8", buffer=self._padded, strides=(1,))
        self._quotes = np.flatnonzero(self._content == _QUOTE)
        self._end = breaks - 1
        self._at = np.append(0, breaks[:-1] + 1)
        self._quote = np.searchsorted(self._quotes, self._at)
        self._odd = np.arange(1, 2 * len(breaks), 2)

    def values(self, names: Sequence[str], wire: pa.Schema) -> dict[str, pa.Array] | None:
        """The values by field; None where a line is of another form or a value is not of its type."""
        columns: dict[str, pa.Array] = {}
        for number, name in enumerate(names):
            if not self._skip(b'%c"%s":' % (b"{,"[number > 0], name.encode())):
                return None
            kind = wire.field(name).type
            spans = self._texts() if _is_text(kind) else self._bare(last=number == len(names) - 1)
            values = self._converted(spans, kind) if spans is not None else None
            if values is None:
                return None
            columns[name] = values
        whole = (self._at == self._end).all() and (self._content[self._end] == _CLOSING).all()
        return columns if whole else None

    def _skip(self, literal: bytes) -> bool:
        """Go over the same bytes in every line, two quotation marks among them; False where one has others."""
        size = len(literal)
        if self._at[-1] + size >= self._size:  # the last line is too short
            return False
        # elements as long as the literal, one from every place on: gathered at once, compared as one run of bytes
        there = np.ndarray((self._size - size,), dtype=f"V{size}", buffer=self._padded, strides=(1,))
        if there[self._at].tobytes() != literal * len(self._at):
            return False
        self._at = self._at + size
        self._quote = self._quote + 2
        return True

    def _texts(self) -> _Spans | None:
        """Go over texts in quotation marks, or null."""
        quoted = self._content[self._at] == _QUOTE
        stop = self._quotes[self._quote + 1]
        if quoted.all():
            spans = _Spans(self._at + 1, stop, None)
            self._at = stop + 1
            self._quote = self._quote + 2
        else:
            if not self._holds(_NULL, self._at)[~quoted].all():
                return None
            spans = _Spans(self._at + quoted, np.where(quoted, stop, self._at), ~quoted)
            self._at = np.where(quoted, stop + 1, self._at + len(b"null"))
            self._quote = self._quote + 2 * quoted
        # a text without end would reach into another line, or into the padding
        return spans if (self._at <= self._end).all() else None

    def _bare(self, *, last: bool) -> _Spans | None:
        """Go over values without quotation marks: up to the comma before the next field, or the closing brace."""
        start, stop = self._at, self._end if last else self._quotes[self._quote] - 1
        if not ((start < stop) & (stop <= self._end)).all():
            return None
        self._at = stop
        if not (self._content[start] == _N).any():
            return _Spans(start, stop, None)
        nulls = self._holds(_NULL, start) & (stop - start == len(b"null"))
        return _Spans(start, np.where(nulls, start, stop), nulls)

    def _holds(self, letters: int, at: Ints) -> Bools:
        """At which places these four letters stand."""
        return np.asarray((self._words[at] & _WORD) == np.uint64(letters))

    def _converted(self, spans: _Spans, kind: pa.DataType) -> pa.Array | None:
        if pa.types.is_boolean(kind):
            return self._booleans(spans)
        exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
        if exact and spans.nulls is None and (values := self._exact(spans, kind)) is not None:
            return values
        texts = self._slices(spans)
        if pa.types.is_string(kind):
            return texts
        return _cast(texts, kind) if _is_text(kind) or _plain_numbers(texts) else None

    def _exact(self, spans: _Spans, kind: pa.DataType) -> pa.Array | None:
        """Whole numbers, and decimals with as many digits after the point as their type has; None for other forms."""
        scale = kind.scale if pa.types.is_decimal(kind) else 0
        negative = self._content[spans.start] == _MINUS
        start, stop = spans.start + negative, spans.stop - scale - (scale > 0)
        if not (start < stop).all() or (scale and not (self._content[stop] == _POINT).all()):
            return None
        whole = whole_numbers(self._words, start, stop)
        fraction = whole_numbers(self._words, stop + 1, spans.stop) if scale else (np.int64(0), None)
        if whole is None or fraction is None or whole[1].any() or scale + int((stop - start).max()) > MOST_DIGITS:
            return None
        numbers = whole[0] * 10**scale + fraction[0]
        numbers = np.where(negative, -numbers, numbers)
        return _decimals(numbers, kind) if pa.types.is_decimal(kind) else _integers(numbers, kind)

    def _booleans(self, spans: _Spans) -> pa.Array | None:
        size = spans.stop - spans.start
        true = self._holds(_TRUE, spans.start) & (size == len(b"true"))
        false = (
            self._holds(_FALSE, spans.start) & (self._content[spans.start + 4] == ord("e")) & (size == len(b"false"))
        )
        known = true | false if spans.nulls is None else true | false | spans.nulls
        return pa.array(true, mask=spans.nulls) if known.all() else None

    def _slices(self, spans: _Spans) -> pa.Array:
        """The bytes in the spans: every second piece of the block, if it is cut at each start and each stop."""
        cuts = np.zeros(2 * len(spans.start) + 1, dtype=np.int32)
        cuts[1::2], cuts[2::2] = spans.start, spans.stop
        pieces = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), self._buffer)
        return pieces.take(pa.array(self._odd, mask=spans.nulls))


def _is_text(kind: pa.DataType) -> bool:
    """Whether values of the type stand in quotation marks."""
    return bool(pa.types.is_string(kind) or pa.types.is_temporal(kind))


def _decimals(unscaled: Ints, kind: pa.Decimal128Type) -> pa.Array | None:
    """Decimals from their digits; None where one has more than the type."""
    if (np.abs(unscaled) >= 10 ** min(kind.precision, MOST_DIGITS)).any():
        return None
    buffer = pa.allocate_buffer(16 * len(unscaled))
    words = np.ndarray((len(unscaled), 2), dtype=np.int64, buffer=buffer)
    words[:, 0], words[:, 1] = unscaled, unscaled >> 63
    return pa.Array.from_buffers(kind, len(unscaled), [None, buffer])


def _integers(numbers: Ints, kind: pa.DataType) -> pa.Array | None:
    """Integers in Arrow's memory, which is freed when they are dropped; numpy's would stay with the thread."""
    buffer = pa.allocate_buffer(8 * len(numbers))
    np.ndarray((len(numbers),), dtype=np.int64, buffer=buffer)[:] = numbers
    return _cast(pa.Array.from_buffers(pa.int64(), len(numbers), [None, buffer]), kind)


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
