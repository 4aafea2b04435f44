"""An operator of a deployment: a checkout, an environment that points to an emulator, and commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.checkouts import checkout_elsewhere
from tests.support.commands import CommandResult

from aws.deployment import Deployment, code_bucket
from local.emulator import ACCOUNT, REGION


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal, whose commands go to the environment ``to`` (with its suffix, where it has one).

    ``settings`` are Terraform's variables that differ from that environment's file.
    """

    folder: Path
    environment: Mapping[str, str]
    to: str = "dev"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def gives(self, *arguments: str, to: str = "", typed: str = "", within: float = 1_200) -> CommandResult:
        done = subprocess.run(
            self._command(arguments, to),
            cwd=self.folder,
            env=dict(self.environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=within,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def begins(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Give a command whose words nobody reads."""
        return subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _command(self, arguments: Sequence[str], to: str = "") -> list[str]:
        file = self.folder / "emulated.tfvars.json"
        file.write_text(json.dumps(self.variables()), encoding="utf-8")
        where = ["--env", to or self.to]
        if arguments[0] == "deploy":
            where += ["--var-file", str(file)]
        return [sys.executable, "-c", "from cli.main import main; main()", *arguments, *where]

    def variables(self) -> dict[str, Any]:
        """What tells the emulator from AWS."""
        return {
            "account": ACCOUNT,
            "region": REGION,
            "emulator_endpoint": self.environment["AWS_ENDPOINT_URL"],
            "object_lifecycle": False,
            "admin_emails": ["admin@example.com"],
            "provider_urls": json.loads(self.environment["TEST_PROVIDER_URLS"]),
            **self.settings,
        }

    @property
    def deployment(self) -> Deployment:
        endpoint = {"AWS_ENDPOINT_URL": self.environment["AWS_ENDPOINT_URL"]}
        bucket = code_bucket(self.settings.get("project", "starmend"), self.to, ACCOUNT)
        return Deployment.find(bucket, self.to, endpoint)

    def elsewhere(self, folder: Path) -> Operator:
        """Somebody else with a checkout of their own in which nothing was built, under another umask."""
        folder.mkdir()
        copy = checkout_elsewhere(folder, self.folder)
        return replace(self, folder=copy, environment={**self.environment, "PYTHONPATH": str(copy / "src")})
