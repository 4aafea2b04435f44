"""Layers of the functions: the packages that they import, exactly as locked, for Lambda's Python and machine.

*base* is for every function, *athena* holds what asking Athena needs beside it, *iceberg* what the mirror needs. The
same locks give the same bytes, whoever builds them and where; what was built once is built again only when a lock, the
services or the rules change.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aws.athena import SERVICES as ATHENA_SERVICES
from core.errors import InvalidData
from deploy.folders import LOCKS, SOURCES
from deploy.layers.bytecode import compiled, find_compiler
from deploy.layers.contents import kept_files
from deploy.layers.wheels import LAMBDA, Pin, Platform, fetch_wheels, read_pins
from deploy.zip_files import unpacked_size, write_zip

# What of the sources runs in functions.
ROOMS = ("core", "aws", "ingestion", "processing", "auditor", "notary", "mirror")
LAYERS = ("base", "athena", "iceberg")
_RULES = ("layers/build.py", "layers/bytecode.py", "layers/contents.py", "layers/wheels.py", "zip_files.py")
_LEVEL = 4  # of 9: level 6 takes twice as long for four hundredths, and a fresh machine waits for it
_AT_ONCE = 2  # layers in work: zlib and the compiler of bytecode leave Python's lock to the other


@dataclass(frozen=True)
class LayerPlan:
    """A layer that need not be built yet: ``hash`` is of all that decides about its bytes, ``file`` its place."""

    name: str
    hash: str
    file: Path


@dataclass(frozen=True)
class Layers:
    """Zips with a folder ``python/`` each, as Lambda unpacks them into ``/opt``."""

    base: Path
    athena: Path
    iceberg: Path

    def __iter__(self) -> Iterator[tuple[str, Path]]:
        yield "base", self.base
        yield "athena", self.athena
        yield "iceberg", self.iceberg


def build_layers(folder: Path, platform: Platform = LAMBDA) -> Layers:
    """A zip for each layer in the folder; for another platform than the default in a folder of its name.

    Processes that build at the same time wait for each other. Raises ``OutOfReach`` where a wheel cannot be had, and
    :class:`InvalidData` where the locks contradict each other.
    """
    used_services()  # once for all: who comes second finds it
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        return Layers(*workers.map(lambda name: build_layer(folder, name, platform), LAYERS))


def plan_layers(folder: Path, platform: Platform = LAMBDA) -> tuple[LayerPlan, ...]:
    """What :func:`build_layers` would build there, from the locks alone: nothing is fetched and nothing written."""
    own, services = _folder_of(folder, platform), used_services()
    return tuple(
        LayerPlan(name, _origin(pins, platform, services), own / f"{name}.zip") for name, pins in layer_pins().items()
    )


def build_layer(folder: Path, layer: str, platform: Platform = LAMBDA) -> Path:
    """The zip of one layer; as :func:`build_layers`."""
    own = _folder_of(folder, platform)
    own.mkdir(parents=True, exist_ok=True)
    with _alone(own / f".{layer}.lock"):
        return _built(own, layer, layer_pins()[layer], platform, used_services())


def _folder_of(folder: Path, platform: Platform) -> Path:
    return (folder if platform == LAMBDA else folder / platform.name).resolve()


def layer_pins() -> dict[str, dict[str, Pin]]:
    """What each layer holds: the others are locked with all that they stand on, and hold what *base* does not."""
    base, *others = (read_pins(LOCKS[name]) for name in LAYERS)
    for layer, whole in zip(LAYERS[1:], others, strict=True):
        for name, pin in base.items():
            if whole.get(name) != pin:
                other = whole[name].version if name in whole else "not at all"
                problem = f"pins {name} {pin.version}, {LOCKS[layer].name} {other}"
                raise InvalidData("read the layers' locks", LOCKS["base"].name, problem, "Lock all again together")
    beside = [{name: pin for name, pin in whole.items() if name not in base} for whole in others]
    return dict(zip(LAYERS, (base, *beside), strict=True))


@cache
def used_services() -> frozenset[str]:
    """Every AWS service whose client the functions build, by botocore's name."""
    own = {service for room in ROOMS for path in (SOURCES / room).rglob("*.py") for service in _clients_built(path)}
    return frozenset({*own, *ATHENA_SERVICES})


def _clients_built(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if "clients" not in source:  # next to none builds any, and to parse them all takes a second
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="clients") | ast.Attribute(attr="clients"), args=[ast.Constant(value=str(service))]
            ):
                yield service


def _built(folder: Path, layer: str, pins: Mapping[str, Pin], platform: Platform, services: frozenset[str]) -> Path:
    """The layer's zip, made again where the note beside it does not say that it was made from the same."""
    out, note = folder / f"{layer}.zip", folder / f"{layer}.json"
    origin, python = _origin(pins, platform, services), find_compiler(platform.python)
    if not (out.exists() and _serves(note, origin, can_compile=python is not None)):
        note.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as downloads:
            wheels = fetch_wheels(pins, platform, Path(downloads))
            files = {f"python/{name}": data for wheel in wheels for name, data in kept_files(wheel, services)}
        if python is not None:
            files |= compiled(files, python)
        write_zip(out, files, level=_LEVEL)
        about = {
            "origin": origin,
            "compiled": python is not None,
            "unpacked": unpacked_size(out),
            "packages": {pin.name: pin.version for pin in pins.values()},
        }
        note.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return out


def _serves(note: Path, origin: str, *, can_compile: bool) -> bool:
    """Whether the zip beside the note is what would be built; one without bytecode is not, where it could have some."""
    about = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    return about.get("origin") == origin and (about.get("compiled", False) or not can_compile)


def _origin(pins: Mapping[str, Pin], platform: Platform, services: frozenset[str]) -> str:
    """A hash of all that decides what is in a layer. Whether it is compiled changes nothing but its speed."""
    rules = [(SOURCES / "deploy" / name).read_text(encoding="utf-8") for name in _RULES]
    text = "\n".join([platform.name, *map(str, pins.values()), *sorted(services), *rules])
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
