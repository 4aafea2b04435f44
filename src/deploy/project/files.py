"""A project of one's own: the folder that holds what its owner promises, and nothing of the command's.

Whatever a release brings (Terraform files, layers, code) stays with the command, so that an upgrade changes no file of
a project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from core.errors import Misuse
from deploy.folders import is_project
from deploy.target import KEPT_BY_AWS, NAMES

_TEMPLATES = Path(__file__).parent / "templates"
# Where each template goes.
_FILES = {
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "dev.tfvars": "environments/dev.tfvars",
    "starmend.yml": ".github/workflows/starmend.yml",
}
EXAMPLE = "example.yaml"
LONGEST_NAME, NAME_OF_OTHERS = 20, "starmend"


def project_files(folder: Path, contracts: Mapping[str, str], *, year: int) -> dict[Path, str]:
    """Every file of a new project and its text; ``contracts`` by file name, an example where there are none."""
    words = {"PROJECT": project_name(folder.resolve().name), "VERSION": version("starmend"), "YEAR": str(year)}
    files = {folder / place: _filled(template, words) for template, place in _FILES.items()}
    contracts = contracts or {EXAMPLE: _filled(EXAMPLE, words)}
    return files | {folder / "contracts" / name: text for name, text in contracts.items()}


def refuse_existing(folder: Path) -> None:
    """Raise ``Misuse`` where a new project would touch what is there: nothing is changed then."""
    if is_project(folder):
        problem, remedy = "this is a project already, and stays as it is", "Name another folder"
        raise Misuse("make a project", str(folder), problem, remedy)
    places = [*_FILES.values(), "contracts", "environments"]
    if there := [place for place in places if (folder / place).exists()]:
        remedy = "Move it away, or name another folder: starmend init FOLDER"
        raise Misuse("make a project", str(folder), f"{', '.join(there)} would be touched", remedy)


def write_files(files: Mapping[Path, str]) -> None:
    """Write new files. Raises ``Misuse`` where the folder cannot be written, or a file has come in between."""
    for file, text in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            problem = f"cannot be written: {error.strerror or error}"
            raise Misuse("make a project", str(file), problem, "Name a folder that you may write in") from error


def project_name(text: str) -> str:
    """The name that a deployment can have, from a folder's: small letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).lstrip("-0123456789")
    name = f"data-{name}" if re.match(KEPT_BY_AWS, name) else name
    name = name[:LONGEST_NAME].strip("-")
    return name if re.fullmatch(NAMES["project"], name) else NAME_OF_OTHERS


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
