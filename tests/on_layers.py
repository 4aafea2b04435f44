"""The functions' unit tests under Lambda's Python with exactly the packages of the layers: ``make test-layers``.

The layers come first on the path and the tools of the tests behind them, in an environment that holds nothing else:
what a layer lacks is nowhere to be found. Only descriptions of AWS services are added, which the simulated AWS needs
for services that no function uses. Properties are tried with fewer examples; ``make test`` tries them with all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from tests.support.layers import unpacked_layers

from deploy.folders import ROOT, SOURCES

PYTHON = ROOT / ".venv-layers" / "bin" / "python"
TESTS = [f"tests/unit/{wing}" for wing in ("core", "processing", "ingestion", "auditor", "mirror")]
OPTIONS = ["-m", "not stack and not emulator and not database", "--hypothesis-profile=brief"]
PROCESSES = ["--numprocesses=2", "--dist=loadgroup"]


def environment() -> dict[str, str]:
    """This process's, with the path of the layers and the descriptions of all services."""
    descriptions = [str(Path(str(distribution(name).locate_file(name))) / "data") for name in ("botocore", "boto3")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SOURCES), *map(str, unpacked_layers().values())]),
        "AWS_DATA_PATH": os.pathsep.join(descriptions),
    }


def let_children_find_layers() -> None:
    """Name the layers in the environment's own path too: tests start processes with a path of their own."""
    (packages,) = (PYTHON.parents[1] / "lib").glob("python*/site-packages")
    lines = "".join(f"{folder}\n" for folder in unpacked_layers().values())
    (packages / "layers.pth").write_text(lines, encoding="utf-8")


def main(arguments: list[str]) -> int:
    let_children_find_layers()
    command = [str(PYTHON), "-m", "pytest", "-p", "no:cacheprovider", *OPTIONS, *PROCESSES, *TESTS, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
