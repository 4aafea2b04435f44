"""Target of a deployment: an environment's variables, its account, its state, its work directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws.account import Account, find_account
from aws.buckets import bucket_exists
from aws.clients import Clients
from aws.deployment import Deployment, code_bucket, described_in
from core.errors import Misuse
from deploy.folders import MODULE, as_written, build_folder, environments_folder
from deploy.layers.wheels import Platform
from deploy.terraform import Terraform, emulator_backend
from deploy.variable_files import Plain, plain_settings

# What the parts of all names may be, as terraform/variables.tf has it, and what AWS keeps for itself.
NAMES = {
    "project": r"^[a-z][a-z0-9-]{1,18}[a-z0-9]$",
    "environment": r"^[a-z][a-z0-9]{1,9}$",
    "name_suffix": r"^[a-z0-9]{0,8}$",
}
KEPT_BY_AWS = r"^(aws|ssm|sg-|sthree-|xn--|amzn-s3-demo-)"
NO_PROJECT = "Go to a project's folder, or make one: starmend init"


@dataclass(frozen=True)
class Target:
    """One environment, by its name with the suffix, where it has one: ``prod``, ``prod-us2``.

    ``settings`` are the plain ones of its variable files; Terraform reads the files whole.
    """

    environment: str
    files: tuple[Path, ...]
    settings: Mapping[str, Plain]

    @classmethod
    def of(cls, environment: str, more: Sequence[Path] = ()) -> Target:
        """The environment's own file and ``more``, which win; this process's SDK is pointed to its region.

        Raises ``Misuse`` where there is no such environment, or its files contradict it.
        """
        target = cls.named(environment, more)
        target._enter()
        return target

    @classmethod
    def named(cls, environment: str, more: Sequence[Path] = ()) -> Target:
        """The same for commands that only need to find what is deployed: wherever this process's SDK points to."""
        folder = environments_folder()
        own = folder / f"{environment}.tfvars"
        if not own.exists():
            known = ", ".join(sorted(file.stem for file in folder.glob("*.tfvars")))
            remedy = f"Use one of: {known}, or write {as_written(own)}" if known else NO_PROJECT
            raise Misuse("read variables", environment, "is no environment", remedy)
        files = (own, *more)
        settings = plain_settings(files)
        target = cls(environment, files, settings)
        for name in ("project", "region", "environment"):
            target._named(name)
        target._refuse_names()
        suffix = settings.get("name_suffix")
        if environment != (stated := "-".join(str(part) for part in (settings["environment"], suffix) if part)):
            problem = f"is of {stated!r}, as its environment and name_suffix say"
            raise Misuse("read variables", str(files[-1]), problem, f"They must be {environment!r}, as --env says")
        return target

    def _named(self, name: str) -> str:
        value = self.settings.get(name)
        if not isinstance(value, str) or not value:
            raise Misuse("read variables", str(self.files[0]), f"does not say {name}", f'Write: {name} = "..."')
        return value

    def _refuse_names(self) -> None:
        """Refuse what Terraform would refuse, before a bucket for its state has such a name."""
        for name, form in NAMES.items():
            value = str(self.settings.get(name) or "")
            kept = name == "project" and re.match(KEPT_BY_AWS, value)
            if kept or not re.fullmatch(form, value):
                problem = "begins with what AWS keeps for itself" if kept else f"is not of the form {form}"
                raise Misuse("read variables", self.environment, f"{name} {value!r} {problem}", "Choose another name")

    def _enter(self) -> None:
        """Point the SDK to the region; refuse AWS for what is meant for an emulator, and the other way round."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        if (self.emulator or "") != endpoint:
            problem = f"emulator_endpoint is {self.emulator or 'not set'}, AWS_ENDPOINT_URL is {endpoint or 'not set'}"
            raise Misuse("choose between AWS and emulator", self.environment, problem, "Set both alike, or neither")
        os.environ.update(self.aws_environment)

    @property
    def project(self) -> str:
        return self._named("project")

    @property
    def region(self) -> str:
        return self._named("region")

    @property
    def emulator(self) -> str | None:
        endpoint = self.settings.get("emulator_endpoint")
        return endpoint if isinstance(endpoint, str) else None

    @property
    def may_lose_data(self) -> bool:
        """Whether ``destroy`` may take what the buckets hold."""
        return self.settings.get("force_destroy") is True and self.settings["environment"] != "prod"

    @property
    def platform(self) -> Platform:
        """The Python and the processor that the functions' layers are built for."""
        return Platform(architecture=str(self.settings.get("architecture", "x86_64")))

    @property
    def file(self) -> Path:
        """The environment's own file, as somebody in this folder would write it."""
        return as_written(self.files[0])

    @property
    def folder(self) -> Path:
        """The folder of everything that is built for this environment."""
        return (build_folder() / self.environment).resolve()

    @property
    def aws_environment(self) -> dict[str, str]:
        """Variables with which later commands reach this deployment; credentials are the caller's."""
        region = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        return region | ({"AWS_ENDPOINT_URL": self.emulator} if self.emulator else {})

    @cached_property
    def clients(self) -> Clients:
        return Clients()

    @cached_property
    def account(self) -> Account:
        """The caller's account, which is the one that the environment is meant for.

        Raises ``Misuse`` where the variables name another one or none: whoever's credentials are at hand, nothing is
        built, made or changed for an account that nobody named.
        """
        account = find_account(self.clients)
        meant = self.settings.get("account")
        where = self.file
        if not isinstance(meant, str) or not re.fullmatch(r"\d{12}", meant):
            problem = f"no account of 12 digits is named; these credentials are of {account.id}"
            remedy = f'Where that is meant, write into {where}: account = "{account.id}"'
            raise Misuse("check the account", self.environment, problem, remedy)
        if meant != account.id:
            problem = f"it is meant for account {meant}, these credentials are of {account.id}"
            raise Misuse(
                "check the account", self.environment, problem, f"Choose others (AWS_PROFILE), or mend {where}"
            )
        return account

    @property
    def state_bucket(self) -> str:
        """The bucket that the project's environments in one account and region share; names are global in S3."""
        return f"{self.project}-{self.account.id}-{self.region}-terraform"

    @property
    def state_key(self) -> str:
        return f"{self.environment}/terraform.tfstate"

    @property
    def is_deployed(self) -> bool:
        """Whether there is a deployment that describes itself under these names."""
        return self._description() is not None

    def _description(self) -> Mapping[str, Any] | None:
        return described_in(self.clients, code_bucket(self.project, self.environment, self.account.id))

    def refuse_names_of_another(self) -> None:
        """Raise ``Misuse`` where the account has a deployment with this one's names that is not this one.

        Names are one text of project, environment and suffix: ``a-b`` and ``c`` make the same as ``a`` and ``b-c``. So
        does another region, whose deployment shares the roles and buckets. The description in the bucket of that name
        says whose it is.
        """
        if (described := self._description()) is None:
            return
        bucket = code_bucket(self.project, self.environment, self.account.id)
        own = {"project": self.project, "environment": self.environment, "region": self.region}
        if other := {name: described.get(name) for name, value in own.items() if described.get(name) != value}:
            whose = ", ".join(f"{name} {value}" for name, value in other.items())
            raise Misuse(
                f"deploy {self.environment}",
                f"s3://{bucket}",
                f"these names are another deployment's: {whose}",
                "Choose another project, environment or name_suffix",
            )

    def terraform(self) -> Terraform:
        """Terraform with this environment's state. Raises ``Misuse`` where there is no bucket for it yet."""
        if not bucket_exists(self.clients("s3"), self.state_bucket):
            remedy = f"Run once: starmend deploy bootstrap --env {self.environment}"
            raise Misuse("find Terraform's state", f"s3://{self.state_bucket}", "there is no such bucket", remedy)
        terraform = Terraform(MODULE, self.folder / "terraform", var_files=self.files)
        terraform.init(self._backend())
        return terraform

    def _backend(self) -> dict[str, Any]:
        if self.emulator:
            backend = emulator_backend(self.emulator, self.state_bucket, self.region)
        else:
            backend = {"bucket": self.state_bucket, "region": self.region, "use_lockfile": True, "encrypt": True}
        return backend | {"key": self.state_key}

    def deployment(self) -> Deployment:
        """What is deployed, as it describes itself; an emulator is where the SDK's own variable says."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        environment = self.aws_environment | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        os.environ.update(environment)
        # An account that is named is held to. Where none is, the bucket's own name says whose deployment it is.
        account = self.account if self.settings.get("account") else find_account(self.clients)
        bucket = code_bucket(self.project, self.environment, account.id)
        return Deployment.find(bucket, self.environment, environment)
