"""Commands of a page, as somebody types them who has nothing but the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands_of(page: Path) -> list[str]:
    """The lines of a page's blocks of shell, in order."""
    return [line for block in _BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines() if line]


def exported(line: str) -> list[str]:
    """The variables that a line of ``export`` names; none of another line."""
    words = shlex.split(line)
    return [word.partition("=")[0] for word in words[1:]] if words[:1] == ["export"] else []


@dataclass
class Typist:
    """A shell in a folder; what the page's reader fills in himself are the ``given`` variables."""

    folder: Path
    environment: Mapping[str, str]
    given: dict[str, str] = field(default_factory=dict)
    typed: list[tuple[str, int, str]] = field(default_factory=list)

    def type(self, line: str) -> tuple[int, str]:
        """A line's exit code and its output; those that only set the shell up have none."""
        if names := exported(line):
            assert set(names) <= self.given.keys(), f"the test fills in no {names}"
            return 0, ""
        if line.startswith("cd "):
            self.folder = self.folder / line.removeprefix("cd ")
            return 0, ""
        environment = {**os.environ, **self.environment, **self.given}
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        self.typed.append((line, done.returncode, done.stdout + done.stderr))
        return self.typed[-1][1:]
