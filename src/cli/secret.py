"""``starmend secret``: fill the secrets that Terraform made empty."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import examples, group
from cli.deployed import deployment
from cli.options import DEFAULT, Environment
from cli.output import out, say
from core.contract.model import Contract, Database, Feed
from core.errors import InvalidData, Misuse
from core.feeds.providers import provider_secrets


def secrets_of(contract: Contract) -> tuple[str, ...]:
    """The secrets that a contract names: its source's, and those of its other providers."""
    if isinstance(contract.source, Feed):
        return provider_secrets(contract.source)
    return (contract.source.secret,) if contract.source else ()


app = group("Fill the secrets that the contracts name.")


@app.command("set")
@examples("secret set finnhub-token --env dev", "secret set sales-db --sslrootcert bundle.pem < sales-db.json")
def set_secret(
    name: Annotated[str, typer.Argument(help="The name that the contract gives it.")],
    environment: Environment = DEFAULT,
    sslrootcert: Annotated[
        Path | None,
        typer.Option("--sslrootcert", help="PEM file with the database's authorities; becomes part of the value."),
    ] = None,
    untried: Annotated[
        bool, typer.Option("--untried", help="Store a database's login although its server refuses it.")
    ] = False,
) -> None:
    """Store the value of a secret, read from standard input or asked for.

    It is checked first (a database's: its fields, how its server has to prove itself, and by a connection where
    it can be reached from here), and never printed.
    """
    from aws.secrets import AwsSecretStore

    deployed = deployment(environment)
    known = sorted({name for contract in deployed.contracts for name in secrets_of(contract)})
    prefix = f"{deployed.project}/{deployed.environment}/"
    name = name.removeprefix(prefix)  # as the account has it, and as errors name it
    if name not in known:
        remedy = f"Use one of: {', '.join(known)}; one that a contract here names must be deployed first"
        raise Misuse("set secret", name, "no deployed contract names it", remedy)
    value = typer.prompt(f"Value of {name}", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    if not value:
        raise Misuse("set secret", name, "the value is empty", "Pipe it in, or type it at the prompt")
    sources = [contract.source for contract in deployed.contracts if isinstance(contract.source, Database)]
    engines = [source.engine for source in sources if source.secret == name]
    if engines:
        value = _database_login(engines[0], name, value, sslrootcert)
        _try_login(engines[0], name, value, untried=untried)
    elif sslrootcert:
        raise Misuse("set secret", name, "is no database's, and has no sslrootcert", "Leave --sslrootcert out")
    else:
        _check_key(name, value)
    AwsSecretStore(deployed.clients("secretsmanager"), prefix).write(name, value)
    out.print(f"{name} is set")


def _try_login(engine: str, name: str, value: str, *, untried: bool) -> None:
    """Connect with the value. Raises ``Misuse`` where the server refuses it; one out of reach proves nothing."""
    from cli.source_check import GivenSecret, tried_login
    from core.sources.catalog import ServerFacts
    from ingestion.engines.failures import AuthenticationFailed, CertificateRefused

    answer = tried_login(engine, GivenSecret(value), name)
    if isinstance(answer, ServerFacts):
        sees = "sees" if answer.sees_transactions else "does not see"
        say(f"{answer.version} answers; role {answer.role} {sees} other roles' transactions")
        if answer.grant:
            say(f"    {answer.grant}")
    elif isinstance(answer, AuthenticationFailed | CertificateRefused) and not untried:
        raise Misuse(
            "set secret", answer.place, answer.problem, f"{answer.remedy}; or store it all the same: --untried"
        )
    else:
        say(f"no connection from here, which proves nothing: {answer.problem}")


def _check_key(name: str, value: str) -> None:
    """Raise ``Misuse`` where a provider's key can be none: it goes into a header or an address as it is."""
    if value.startswith(("{", "[", '"')):
        raise Misuse("set secret", name, "the value is JSON, and a provider's key is plain text", "Give the key alone")
    if not (value.isascii() and value.isprintable()) or " " in value:
        problem = "the value holds a space, a line break or a character that no key has"
        raise Misuse("set secret", name, problem, "Give the key alone, in one line")


def _database_login(engine: str, name: str, value: str, sslrootcert: Path | None) -> str:
    """The value with the authorities of the file; raises ``Misuse`` where nobody could connect with it."""
    try:
        return _proven(engine, name, value, sslrootcert)
    except InvalidData as error:
        raise Misuse("set secret", error.place, error.problem, error.remedy) from error


def _proven(engine: str, name: str, value: str, sslrootcert: Path | None) -> str:
    from ingestion.engines.build import engine_named

    read = engine_named(engine).login
    login = read(value, secret=name)
    if sslrootcert:
        try:
            value = json.dumps(json.loads(value) | {"sslrootcert": sslrootcert.read_text(encoding="utf-8")})
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse("set secret", str(sslrootcert), str(error), "Name a readable PEM file") from error
        login = read(value, secret=name)
    login.tls()
    say(f"{login.place}: {_PROOFS[login.sslmode]}")
    return value


_PROOFS = {
    "verify-full": "its server proves itself by a certificate for this host (verify-full)",
    "verify-ca": "its server proves itself by a certificate for whatever host (verify-ca)",
    "require": "encrypted; whoever answers is believed (require)",
    "disable": "neither encrypted nor proven (disable)",
}
