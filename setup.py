"""Puts into the wheel what the command needs beside its sources, so that it works wherever it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
LAYERS = tuple(f"requirements-lambda-{layer}.lock" for layer in ("base", "athena", "iceberg"))
FILES = (*LAYERS, "requirements-spark.lock")
FOLDERS = ("terraform", "contracts", "docs/cost")
LEFT_OUT = shutil.ignore_patterns(
    "environments", "tests", ".terraform", "*.tfstate*", "*.tfplan", "*.py", "__pycache__"
)


class BuildWithFiles(build_py):
    """The sources, and below ``deploy/files`` what ``deploy.folders`` finds beside them in a checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        packed = Path(self.build_lib) / "deploy" / "files"
        shutil.rmtree(packed, ignore_errors=True)
        for name in FOLDERS:
            shutil.copytree(HERE / name, packed / name, ignore=LEFT_OUT)
        for name in FILES:
            shutil.copy(HERE / name, packed)


setup(cmdclass={"build_py": BuildWithFiles})
