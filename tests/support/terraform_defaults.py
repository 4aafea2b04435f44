"""Defaults of Terraform's variables, read from where they are declared."""

from __future__ import annotations

import re

from tests.support.lake import REPOSITORY

VARIABLES = REPOSITORY / "terraform" / "variables.tf"


def default_of(variable: str) -> int:
    """The default of a variable that is a whole number."""
    declared = re.search(rf'^variable "{variable}" {{\n(.*?)^}}', VARIABLES.read_text(), re.DOTALL | re.MULTILINE)
    default = declared and re.search(r"^  default += (\d+)$", declared[1], re.MULTILINE)
    if not default:
        raise LookupError(f"{VARIABLES.name} declares no number {variable}")
    return int(default[1])
