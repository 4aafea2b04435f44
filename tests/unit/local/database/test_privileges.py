"""Privileges of PostgreSQL's processes."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

from local.database.privileges import UNPRIVILEGED_USER, before_exec, give_away


def test_a_child_never_runs_as_root_and_owns_its_folder(tmp_path: Path) -> None:
    give_away(tmp_path)
    command = [sys.executable, "-c", "import os; print(os.geteuid())"]
    user = int(subprocess.run(command, preexec_fn=before_exec(), capture_output=True, check=True, cwd="/").stdout)
    expected = pwd.getpwnam(UNPRIVILEGED_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    assert user == tmp_path.stat().st_uid == expected
