"""``python -m tests.stored_outputs``: from now on the outputs are what the command prints today."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ["STARMEND_STORE_OUTPUTS"] = "1"
sys.exit(pytest.main(["-q", str(Path(__file__).parents[1] / "unit/cli/test_stored_outputs.py")]))
