"""What is worked out once for the same bytes: pure functions of ours remember their answers while a lake is simulated.

A container of a day reads some objects; a simulation reads the same ones a hundred times, for its audits come again and
again. Answers are found by the bytes (or the immutable Arrow table) that they are of and by every other argument, never
by a name or a time, so that an object that was altered is another. Errors are not remembered.
"""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from tests.simulation.one_thread import ROOMS

import core.warehouse.partition_objects as objects
from auditor.warehouse.partitions import Undecoded
from core.audit.certificate import Ledger
from core.time import epoch, iso
from core.warehouse.canonical_rows import proof_of, rows_between
from core.warehouse.pointer import parse_object
from processing.lines.line_parser import LineParser
from processing.shape import Origin, shape

MOST = 5_000  # answers of a function that are kept, the latest


class Same:
    """An argument that is the same only where it is the same thing; what is kept of it keeps it alive."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing


class Answers:
    """The answers of a function, by whatever they follow from."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def of(self, of: Hashable, work: Callable[[], Any]) -> Any:
        """The answer that is known, else that of ``work``."""
        if of in self._answers:
            return self._answers[of]
        answer = self._answers[of] = work()
        if len(self._answers) > MOST:
            self._answers.popitem(last=False)
        return answer


def _opening() -> Callable[[str, bytes], objects.Opened]:
    """``open_object``: footer and file by the bytes, as if the file were opened anew."""
    known, open_object = Answers(), objects.open_object

    def opened(key: str, body: bytes) -> objects.Opened:
        first = known.of(body, lambda: open_object(key, body))
        return objects.Opened(key, first._body, first.footer, first._file)

    return opened


def _decoding() -> Callable[..., Any]:
    """``Opened._decode``: the columns of an object, by its bytes."""
    known, decode = Answers(), objects.Opened._decode

    def decoded(self: objects.Opened, names: list[str], group: int | None) -> Any:
        return known.of((self._body, tuple(names), group), lambda: decode(self, names, group))

    return decoded


def _digesting() -> Callable[[objects.Opened], None]:
    """``Opened._compare_digest``: whether an object is sound, by its bytes."""
    known, compare = Answers(), objects.Opened._compare_digest

    def compared(self: objects.Opened) -> None:
        def work() -> bool | None:
            compare(self)
            return self._is_sound

        self._is_sound = known.of((self._body, self.footer.digest, self.footer.digest_bytes), work)

    return compared


def _holding() -> Callable[..., Any]:
    """``Undecoded.held``: a partition's rows, by the object's bytes and the table of the contract."""
    known, held = Answers(), Undecoded.held

    def holding(self: Undecoded, columns: Any = None, *, as_certified: bool = False) -> Any:
        body = self.opened._body if self.opened else None
        names = None if columns is None else frozenset(columns)
        of = (Same(self.table), self.path, self.target, self.problem, body, names, as_certified)
        return known.of(of, lambda: held(self, columns, as_certified=as_certified))

    return holding


def _reading() -> Callable[..., Ledger]:
    """``Ledger.from_json``, by the bytes."""
    known, read = Answers(), Ledger.from_json
    return lambda body, *, key: known.of((body, key), lambda: read(body, key=key))  # type: ignore[no-any-return]


def _proving() -> Callable[[Any], list[object]]:
    """``proof_of``: each caller gets a list of its own."""
    known = Answers()
    return lambda rows: [*known.of(Same(rows), lambda: proof_of(rows))]


def _cutting() -> Callable[..., Any]:
    """``rows_between``: the same rows of the same table."""
    known = Answers()
    return lambda rows, time_column, start, end: known.of(
        (Same(rows), time_column, start, end), lambda: rows_between(rows, time_column, start, end)
    )


def _parsing() -> Callable[..., Any]:
    """``LineParser.read``: the typed rows of lines. What cannot be parsed is parsed again."""
    known, read = Answers(), LineParser.read

    def parsed(self: LineParser, data: bytes, lines: int, *, strict: bool = False, breaks: Any = None) -> Any:
        of = Same(self), data, lines, strict
        return known.of(of, lambda: read(self, data, lines, strict=strict, breaks=breaks))

    return parsed


def _shaping() -> Callable[..., Any]:
    """``shape``: the rows of a warehouse table that the same source rows give."""
    known = Answers()

    def shaped(table: Any, rows: Any, origin: Origin) -> Any:
        of = Same(table), Same(rows), Same(origin.contract), Same(origin.contracts), origin.modified
        return known.of(of, lambda: shape(table, rows, origin))

    return shaped


@contextmanager
def remembering() -> Iterator[None]:
    """In this block the pure functions that a simulation asks the same again and again remember what they answered."""
    functions: dict[Any, Any] = {
        objects.open_object: _opening(),
        proof_of: _proving(),
        rows_between: _cutting(),
        shape: _shaping(),
        **{work: functools.lru_cache(MOST)(work) for work in (iso, epoch, parse_object)},
    }
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            for place, value in list(vars(module).items()) if name.startswith(ROOMS) else ():
                if callable(value) and isinstance(value, Hashable) and value in functions:
                    stack.enter_context(patch.object(module, place, functions[value]))
        for kind, place, work in (
            (objects.Opened, "_decode", _decoding()),
            (objects.Opened, "_compare_digest", _digesting()),
            (Undecoded, "held", _holding()),
            (LineParser, "read", _parsing()),
            (Ledger, "from_json", staticmethod(_reading())),
        ):
            stack.enter_context(patch.object(kind, place, work))
        yield
