"""Terraform's AWS provider as a process that stays: commands speak to it, where each would start one of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.folders import MODULE
from deploy.terraform import Terraform, installed_providers

_ATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")


@contextmanager
def standing_provider(folder: Path, account: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Variables for Terraform that name the provider, which has those of ``account`` and no others of AWS.

    It is installed, and held against the lock, as for any command. Nothing for OpenTofu, which asks for it by another
    name. One command at a time may use it: each configures it anew.
    """
    runner = Terraform(MODULE, folder, account)
    runner.init()
    if runner.program.name != "terraform":
        yield {}
        return
    [installed] = installed_providers(MODULE, runner.work_dir / "data").values()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with subprocess.Popen(
        [next(installed.glob("terraform-provider-*")), "-debug"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environment, **account},
        text=True,
    ) as process:
        try:
            yield {"TF_REATTACH_PROVIDERS": _address(process)}
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if match := _ATTACH.search(line):
            return match[1]
    raise AssertionError("the provider ended without saying where it listens")
