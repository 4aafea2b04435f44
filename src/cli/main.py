"""``starmend``: the operator's and the analyst's command.

Exit codes: 0 fine, 1 findings, 2 usage (a bad contract, too), 3 failure. Errors are one line on standard error: what
failed, where, why, and what to do.
"""

from __future__ import annotations

import sys

import typer

from cli import contract, deploy, local, quarantine, secret
from cli.audit import audit
from cli.costs import costs
from cli.heal import heal
from cli.output import FAILURE, USAGE, err, say
from cli.query import query
from cli.replay import replay
from cli.report.command import report
from cli.run import run
from cli.status import status
from cli.verify import verify
from cli.warehouse import rebuild, rollback, vacuum
from core.errors import BadContract, Misuse, StarmendError, UnknownTable

app = typer.Typer(
    help="A self-healing star-schema pipeline: operate it, query it, prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(contract.app, name="contract")
app.add_typer(deploy.app, name="deploy")
app.add_typer(local.app, name="local")
app.add_typer(secret.app, name="secret")
app.command()(status)
app.command()(query)
app.command()(report)
app.command()(run)
app.command()(audit)
app.command()(heal)
app.command()(verify)
app.command()(replay)
app.command()(costs)
app.command()(rebuild)
app.command()(rollback)
app.command()(vacuum)
app.add_typer(quarantine.app, name="quarantine")


def main() -> None:
    """Run the command; the only place that turns errors into exit codes."""
    try:
        app()
    except StarmendError as error:
        err.print(f"[red]{type(error).__name__}[/]", end=" ")
        say(str(error))
        sys.exit(USAGE if isinstance(error, BadContract | UnknownTable | Misuse) else FAILURE)
