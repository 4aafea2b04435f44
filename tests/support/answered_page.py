"""A page whose blocks of Python are run, and whose blocks of text behind them are what they print.

``python -m tests.support.answered_page`` writes the answers of docs/analysts.md anew.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pandas as pd

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/analysts.md"
_ANSWERED = re.compile(r"```python\n(?P<code>.*?)```\n\n```text\n(?P<answer>.*?)```", re.DOTALL)


def answered(text: str, folder: Path) -> str:
    """The page with what its code prints now, over the known lake that lies in a folder."""
    from tests.support.lake_folder import lake_in

    names: dict[str, object] = {}

    def answer(match: re.Match[str]) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(match["code"], str(PAGE), "exec"), names)
        lines = "\n".join(line.rstrip() for line in said.getvalue().splitlines()).strip("\n")
        return f"```python\n{match['code']}```\n\n```text\n{lines}\n```"

    with (
        patch("starmend_reader.connect", lambda _bucket=None: lake_in(folder)),
        pd.option_context("display.width", 120),
    ):
        return _ANSWERED.sub(answer, text)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    from tests.support.known_lake import known_lake

    with tempfile.TemporaryDirectory() as somewhere, known_lake(Path(somewhere)) as known:
        PAGE.write_text(answered(PAGE.read_text(encoding="utf-8"), known), encoding="utf-8")
