"""Lookup files, ``lookups/<name>.csv``: UTF-8 (a byte-order mark may stand before it), a header, rows of its length.

Blank lines are none. The first column is what is looked up, so a value stands there once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from core.authoring.problems import Problems
from core.contract.model import Lookup


def read_lookups(folder: Path) -> tuple[tuple[Lookup, ...], Problems]:
    """The lookups of a folder that can be read, and the problems of the others."""
    lookups = []
    problems = Problems("lookups")
    for path in sorted(folder.glob("*.csv")):
        of_file = Problems(f"lookups/{path.name}")
        lookup = _read_lookup(path, of_file)
        if not of_file.items:
            lookups.append(lookup)
        problems.items += of_file.items
    return tuple(lookups), problems


def _read_lookup(path: Path, problems: Problems) -> Lookup:
    nothing = Lookup(path.stem, {})
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"is no UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        problems.add(".", problem, "Save it as UTF-8 (it may be Latin-1: iconv -f latin1 -t utf-8)")
        return nothing
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        problems.add(".", f"is no CSV: {error}", "Mend the quotes")
        return nothing
    if len(rows) < 2:
        problems.add(".", "has no rows", "Write a header and at least one row below it")
        return nothing
    (_, header), *body = rows
    if not all(header) or len(set(header)) < len(header):
        problems.add("line 1", f"{header} does not name each column once", "Give every column its own name")
    for line, row in body:
        if len(row) != len(header):
            problem = f"has {len(row)} values for {len(header)} columns"
            problems.add(f"line {line}", problem, 'Put values with a comma in quotes: "Bolivia, Plurinational State"')
    if not problems.items:
        _keys_are_unique(body, problems)
    if problems.items:
        return nothing
    return Lookup(path.stem, {name: tuple(row[place] for _, row in body) for place, name in enumerate(header)})


def _keys_are_unique(body: Sequence[tuple[int, list[str]]], problems: Problems) -> None:
    lines: dict[str, int] = {}
    for line, row in body:
        first = lines.setdefault(row[0], line)
        if first != line:
            problems.add(f"line {line}", f"{row[0]!r} stands in line {first} too", "Keep one of the two")
