"""The text of a contract: YAML read strictly, the scalars as they were written, and what a wrong place should be.

YAML turns ``NO`` into false, ``0700`` into 448 and ``12:30`` into 750. Where a contract wants text such a value is
refused, and the message has the characters of the file.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from core.authoring import declare
from core.authoring.problems import nearest

Location = tuple[int | str, ...]
_BRANCHES = {
    "fact",
    "dimension",
    "calendar",
    "rollup",
    "database",
    "feed",
    "ByKindShape",
    "ReferenceShape",
    "str",
    "date",
    "datetime",
}
_CHECK = re.compile(r"check:\s*[><!]")


class Document:
    """A file's content: ``data`` as YAML reads it, and each scalar as it was written."""

    def __init__(self, text: str) -> None:
        """Raises ``yaml.YAMLError`` or ``ValueError`` where the text is no YAML, or has a key twice."""
        try:
            self._read(_FastLoader(text))
        except (yaml.YAMLError, ValueError):
            self._read(_StrictLoader(text))  # the same rules, eight times slower, and with the better messages

    def _read(self, loader: _StrictLoader | _FastLoader) -> None:
        try:
            self._root = loader.get_single_node()
            self.data: Any = loader.construct_document(self._root) if self._root is not None else None
            self._keys = {id(node): key for node, key in loader.keys}
        finally:
            loader.dispose()

    def keys_that_are_no_text(self) -> Iterator[tuple[str, str, Any]]:
        """(path, key as written, key as YAML reads it) of each mapping key that YAML changed."""
        yield from self._changed_keys(self._root, "", set())

    def _changed_keys(self, node: Any, path: str, above: set[int]) -> Iterator[tuple[str, str, Any]]:
        if id(node) in above:  # an alias of what it lies in
            return
        above = above | {id(node)}
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                read = self._keys.get(id(key), key.value)
                if not isinstance(read, str):
                    yield path or ".", str(key.value), read
                yield from self._changed_keys(value, f"{path}.{key.value}".lstrip("."), above)
        elif isinstance(node, yaml.SequenceNode):
            for place, value in enumerate(node.value):
                yield from self._changed_keys(value, f"{path}.{place}".lstrip("."), above)

    def written(self, location: Location) -> str | None:
        """The characters of the scalar at a place; None where there is none."""
        node = self._root
        for part in location:
            if isinstance(node, yaml.MappingNode):
                children = {str(key.value): value for key, value in node.value}
                node = children.get(str(part), node)  # the name of a branch of a union is no place
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None


class _UniqueKeys(yaml.constructor.SafeConstructor):
    """Refuses a key that is given twice: YAML would silently keep the last."""

    keys: list[tuple[Any, Any]]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            keys.append(key)
            self.keys.append((key_node, key))
        return super().construct_mapping(node, deep=deep)


class _StrictLoader(_UniqueKeys, yaml.SafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.keys = []


class _FastLoader(_UniqueKeys, yaml.CSafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.keys = []


# ---------------------------------------------------------------- explanations


def explain_syntax(error: Exception, text: str) -> tuple[str, str]:
    """Problem and remedy of a text that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    line = text.splitlines()[mark.line] if mark is not None and mark.line < len(text.splitlines()) else ""
    remedy = "Mend the syntax"
    if _CHECK.search(line):
        remedy = 'Quote a check: check: "> 0"'
    return f"is no YAML: {' '.join(str(error).split())}", remedy


def explain_key(written: str, read: Any) -> tuple[str, str]:
    """Problem and remedy of a mapping key that YAML changed."""
    return f"the key {written} is no text: YAML reads it as {_as_read(read)}", _quoted(written)


def explain_shape(error: Any, document: Document) -> tuple[str, str, str] | None:
    """(path, problem, remedy) of one of pydantic's errors; None for a branch of a union that was not meant."""
    location, kind = error["loc"], error["type"]
    value = error.get("input")
    if _is_other_branch(location, value):
        return None
    path = path_of(location)
    if kind == "changed_entity":
        location = (*location, error["ctx"]["place"])
        value = error["ctx"]["value"]
        kind = "string_type"
    if kind == "extra_forbidden":
        return path, f"unknown key {location[-1]!r}", _known_keys(location)
    if kind == "missing":
        return path, f"{location[-1]!r} is missing", "Add it"
    if kind == "union_tag_invalid":
        return path, f"unknown kind {error['ctx']['tag']!r}", f"Use one of {error['ctx']['expected_tags']}"
    if kind == "union_tag_not_found":
        return path, "'kind' is missing", f"Say what it is: {_kinds_at(path)}"
    if kind == "string_pattern_mismatch":
        return path, *_name(str(value), error["ctx"]["pattern"])
    if kind == "string_type":
        return path, *_no_text(value, document.written(location))
    if kind in ("dict_type", "model_type", "model_attributes_type", "list_type"):
        wanted = "list" if kind == "list_type" else "mapping"
        return path, f"{_shown(value)} is no {wanted}", f"Write a {wanted} here"
    message = str(error["msg"]).removeprefix("Value error, ")
    problem, _, remedy = message.partition("; ")
    return path, problem, (remedy[:1].upper() + remedy[1:]) or f"It was {_shown(value)}"


def path_of(location: Location) -> str:
    """A place inside the file; branches of unions are left out."""
    parts = [str(part) for place, part in enumerate(location) if not (place and part in _BRANCHES) and part != "[key]"]
    return ".".join(parts) or "."


def _is_other_branch(location: Location, value: Any) -> bool:
    """Of ``from``, which is a text or a mapping, and of instants, only the error that fits what was written counts."""
    last = location[-1] if location else ""
    if last in ("date", "datetime"):
        return last == "datetime"
    return (last == "str" and isinstance(value, dict)) or (last == "ByKindShape" and not isinstance(value, dict))


def _no_text(value: Any, written: str | None) -> tuple[str, str]:
    if value is None:
        return "is empty", "Give it a value, or leave it out"
    if isinstance(value, dict | list):
        return f"{_shown(value)} is no text", "Write one text here"
    shown = written if written is not None else str(value)
    return f"{shown} is no text: YAML reads it as {_as_read(value)}", _quoted(shown)


def _quoted(text: str) -> str:
    return f'Put it in quotes: "{text}"'


def _as_read(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the number {value}" if isinstance(value, int | float) else f"the {type(value).__name__} {value}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _name(text: str, pattern: str) -> tuple[str, str]:
    if pattern != declare.NAME:
        return f"{text!r} has characters that the name of a secret cannot have", "Use letters, digits and / _ . -"
    last = text.rpartition(".")[2]
    plain = re.sub(r"[^a-z0-9_]+", "_", last.lower()).strip("_")
    plain = plain if plain[:1].isalpha() else f"n_{plain}"
    remedy = f"Write {plain[:63]!r}: small letters, digits and _ after a letter, at most 63"
    if "." in text:
        remedy += "; a schema is not named: the role's search_path finds the table"
    elif last.lower() != last:
        remedy += "; the catalog knows no capitals (a column may take any field: from: " + last + ")"
    return f"{text!r} is no name", remedy


# ---------------------------------------------------------------- the keys of a place


def _known_keys(location: Location) -> str:
    """The nearest key that the place may have, or all of its own."""
    written = str(location[-1])
    if "(" in written or ")" in written:
        return 'Quote what has a comma in it: {type: "decimal(10,2)"}'
    keys = {field.alias or name for shape in _shapes_at(location[:-1]) for name, field in shape.model_fields.items()}
    return nearest(written, sorted(keys))


def _shapes_at(location: Location) -> list[type[declare.Shape]]:
    """The shapes that a place can have: one, unless a union leaves it open."""
    kinds: list[Any] = [declare.ContractShape]
    for part in location:
        shapes = [shape for kind in kinds for shape in _options(kind)]
        branch = [shape for shape in shapes if part in (_tag(shape), getattr(shape, "__name__", ""))]
        if branch:
            kinds = branch
            continue
        kinds = [inner for shape in shapes for inner in _inside(shape, part)]
    return [shape for kind in kinds for shape in _options(kind) if isinstance(shape, type)]


def _options(kind: Any) -> Iterator[Any]:
    """The members of a union, all the way down; shapes and mappings only."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _options(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for option in get_args(kind):
            yield from _options(option)
    elif origin in (dict, list) or (isinstance(kind, type) and issubclass(kind, declare.Shape)):
        yield kind


def _tag(shape: Any) -> str:
    field = getattr(shape, "model_fields", {}).get("kind")
    return str(get_args(field.annotation)[0]) if field and get_origin(field.annotation) is Literal else ""


def _inside(kind: Any, part: int | str) -> Iterator[Any]:
    if get_origin(kind) in (dict, list):
        yield get_args(kind)[-1]
        return
    fields: Mapping[str, Any] = getattr(kind, "model_fields", {})
    for name, field in fields.items():
        if part in (name, field.alias):
            yield field.annotation


def _kinds_at(path: str) -> str:
    return "kind: database or kind: feed" if path == "source" else "kind: fact, dimension, calendar or rollup"
