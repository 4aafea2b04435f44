"""``python -m tests.fuzz TARGET --seconds N --folder F``: drive one reader with atheris, which this environment has.

Coverage guides what is tried (https://github.com/google/atheris). A fault is told once by its place in the code, with
the input that made it as a file of the folder, and the run goes on; a hang and too much memory end it, and libFuzzer
leaves the input in the same folder. Exits with 1 where anything was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path

import atheris  # type: ignore[import-not-found,unused-ignore]

INSTRUMENTED = ["core", "processing", "ingestion"]
HANG_SECONDS, MEMORY_MB, LONGEST = 60, 2048, 1 << 16

with atheris.instrument_imports(include=INSTRUMENTED):
    from tests.fuzz.mutations import in_json
    from tests.fuzz.targets import TARGETS, Target


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """JSON as JSON two times of three, else libFuzzer's own changes of bytes."""
    changed = in_json(data, seed) if seed % 3 else None
    if changed is None or len(changed) > longest:
        return bytes(atheris.Mutate(data, longest))
    return changed


class Session:
    """One target's run: counts inputs, and keeps one input for each place that a fault came from."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.inputs = 0
        self.faults: dict[str, str] = {}

    def give(self, data: bytes) -> None:
        self.inputs += 1
        try:
            self.target(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it was not promised
            self.keep(data, error)
        if self.inputs % 500 == 0:
            self.tell()

    def keep(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/src/" in frame.filename] or frames
        place = f"{type(error).__name__} in {own[-1].name} of {Path(own[-1].filename).name}"
        if place not in self.faults:
            name = f"fault-{len(self.faults):03d}"
            (self.folder / name).write_bytes(data)
            self.faults[place] = f"{place}: {error!r}"[:300] + f" ({name})"
            self.tell()

    def tell(self) -> None:
        said = {"inputs": self.inputs, "faults": list(self.faults.values())}
        (self.folder / "result.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True, help="for inputs, what was found, and result.json")
    given = parser.parse_args()
    corpus = given.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    target = TARGETS[given.target]
    session = Session(target, given.folder)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:04d}").write_bytes(seed)
        session.give(seed)  # what is built once, as calendars are, is no hang of the first input
    flags = [
        f"-max_total_time={given.seconds}",
        f"-seed={given.seed}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={given.folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], session.give, custom_mutator=mutate)
    session.tell()
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
