"""``starmend secret``: fill the secrets that Terraform made empty."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aws.secrets import AwsSecretStore
from cli.deployed import DEFAULT, deployment
from cli.output import Environment, out
from core.contract.model import Contract, Feed
from core.errors import InvalidData
from core.feeds.providers import provider_secrets


def secrets_of(contract: Contract) -> tuple[str, ...]:
    """The secrets that a contract names: its source's, and those of its other providers."""
    if isinstance(contract.source, Feed):
        return provider_secrets(contract.source)
    return (contract.source.secret,) if contract.source else ()


app = typer.Typer(help="Fill the secrets that the contracts name.", no_args_is_help=True)


@app.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(help="The name that the contract gives it.")],
    environment: Environment = DEFAULT,
) -> None:
    """Read a value from standard input (or ask for it) and store it; it is never printed."""
    deployed = deployment(environment)
    known = sorted({name for contract in deployed.contracts for name in secrets_of(contract)})
    if name not in known:
        raise InvalidData("set secret", name, "no contract names it", f"Use one of: {', '.join(known)}")
    value = typer.prompt(f"Value of {name}", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    if not value:
        raise InvalidData("set secret", name, "the value is empty", "Pipe it in, or type it at the prompt")
    prefix = f"{deployed.project}/{deployed.environment}/"
    AwsSecretStore(deployed.clients("secretsmanager"), prefix).write(name, value)
    out.print(f"{name} is set", highlight=False)
