"""``starmend secret``: fill the secrets that Terraform made empty."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from aws.secrets import AwsSecretStore
from cli.deployed import DEFAULT, deployment
from cli.output import Environment, out, say
from core.contract.model import Contract, Database, Feed
from core.errors import InvalidData, Misuse
from core.feeds.providers import provider_secrets
from ingestion.engines.build import engine_named
from ingestion.engines.port import Engine


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
    sslrootcert: Annotated[
        Path | None,
        typer.Option("--sslrootcert", help="PEM file with the database's authorities; becomes part of the value."),
    ] = None,
) -> None:
    """Read a value from standard input (or ask for it) and store it; it is never printed.

    A database's is checked first: its fields, and how its server has to prove itself.
    """
    deployed = deployment(environment)
    known = sorted({name for contract in deployed.contracts for name in secrets_of(contract)})
    if name not in known:
        remedy = f"Use one of: {', '.join(known)}; one that a contract here names must be deployed first"
        raise InvalidData("set secret", name, "no deployed contract names it", remedy)
    value = typer.prompt(f"Value of {name}", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    if not value:
        raise InvalidData("set secret", name, "the value is empty", "Pipe it in, or type it at the prompt")
    sources = [contract.source for contract in deployed.contracts if isinstance(contract.source, Database)]
    engines = [source.engine for source in sources if source.secret == name]
    if engines:
        value = _database_login(engine_named(engines[0]), name, value, sslrootcert)
    elif sslrootcert:
        raise Misuse("set secret", name, "is no database's, and has no sslrootcert", "Leave --sslrootcert out")
    prefix = f"{deployed.project}/{deployed.environment}/"
    AwsSecretStore(deployed.clients("secretsmanager"), prefix).write(name, value)
    out.print(f"{name} is set", highlight=False)


def _database_login(engine: Engine, name: str, value: str, sslrootcert: Path | None) -> str:
    """The value with the authorities of the file; raises ``InvalidData`` where nobody could connect with it."""
    login = engine.login(value, secret=name)
    if sslrootcert:
        try:
            value = json.dumps(json.loads(value) | {"sslrootcert": sslrootcert.read_text(encoding="utf-8")})
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse("set secret", str(sslrootcert), str(error), "Name a readable PEM file") from error
        login = engine.login(value, secret=name)
    login.tls()
    say(f"{login.place}: {_PROOFS[login.sslmode]}")
    return value


_PROOFS = {
    "verify-full": "its server proves itself by a certificate for this host (verify-full)",
    "verify-ca": "its server proves itself by a certificate for whatever host (verify-ca)",
    "require": "encrypted; whoever answers is believed (require)",
    "disable": "neither encrypted nor proven (disable)",
}
