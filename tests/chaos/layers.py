"""The layers for each of Lambda's processors, built twice from real wheels: the same bytes, for that processor."""

from __future__ import annotations

import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.architecture.test_function_packages import functions
from tests.chaos.run import Options, Result

from deploy.layers.build import build_layers
from deploy.layers.wheels import ARCHITECTURES, Platform
from deploy.packaging import UNPACKED_LIMIT, build_code_zip
from deploy.zip_files import unpacked_size

# e_machine of the ELF header ("System V Application Binary Interface", and the supplement of each processor).
MACHINES = {"x86_64": 62, "arm64": 183}
ELF, E_MACHINE = b"\x7fELF", 18


def machines(layer: Path) -> Iterator[tuple[str, int]]:
    """Every compiled file of a layer, by its content and not by its name, with the processor that it is for."""
    with zipfile.ZipFile(layer) as opened:
        for name in opened.namelist():
            with opened.open(name) as file:
                head = file.read(E_MACHINE + 2)
            if head.startswith(ELF):
                yield name, struct.unpack_from("<H", head, E_MACHINE)[0]


def of_architecture(architecture: str, folder: Path, code: Path) -> tuple[dict[str, Any], list[str]]:
    """Sizes and counts of the layers, and what is wrong with them."""
    platform = Platform(architecture=architecture)
    first, second = (build_layers(folder / attempt, platform) for attempt in ("first", "second"))
    figures: dict[str, Any] = {}
    faults: list[str] = []
    for (name, layer), (_, again) in zip(first, second, strict=True):
        if layer.read_bytes() != again.read_bytes():
            faults.append(f"{architecture}: a second build of {name} has other bytes")
        compiled = list(machines(layer))
        others = [file for file, machine in compiled if machine != MACHINES[architecture]]
        faults += [f"{architecture}: {file} of {name} is for another processor" for file in others]
        if not compiled and name == "base":
            faults.append(f"{architecture}: {name} has no compiled file")
        kinds = Counter(Path(file).suffix for file in _names(layer))
        figures[name] = {
            "zipped": layer.stat().st_size,
            "unpacked": unpacked_size(layer),
            "elf_files": len(compiled),
            "bytecode_files": kinds[".pyc"],
        }
    figures["unpacked_with_code"] = {}
    for given in sorted(set(functions().values())):
        whole = sum(figures[name]["unpacked"] for name in given) + unpacked_size(code)
        figures["unpacked_with_code"]["+".join(given)] = whole
        if whole > UNPACKED_LIMIT:
            faults.append(f"{architecture}: {given} is {whole:,} bytes unpacked, Lambda takes {UNPACKED_LIMIT:,}")
    return figures, faults


def _names(layer: Path) -> list[str]:
    with zipfile.ZipFile(layer) as opened:
        return opened.namelist()


def layers(options: Options) -> Result:
    """Each processor's once, whatever ``--runs`` says; the first time on a machine fetches its wheels."""
    contracts = options.scratch / "contracts.json"
    contracts.write_text("{}", encoding="utf-8")
    code = build_code_zip(options.scratch / "code.zip", contracts).file
    figures, faults = {}, []
    for architecture in ARCHITECTURES:
        options.progress(f"building for {architecture}, twice", now=True)
        figures[architecture], wrong = of_architecture(architecture, options.scratch / architecture, code)
        faults += wrong
    return Result(figures, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"layers": layers}
