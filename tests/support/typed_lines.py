"""Command lines that documents tell people to type, found and held against the command lines that there are.

Those of starmend are parsed as it parses them, targets and variables of make are looked up in the Makefile, resources
of terraform in its files, and operations and options of aws in the descriptions of the services that AWS publishes with
its SDK.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import typer
from botocore import xform_name

from cli.commands import command
from core.errors import Misuse
from starmend_reader.command import parser

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)", re.DOTALL)
BLOCKS = ("", "sh")  # languages of blocks whose lines are all typed
DATA = ("diff", "hcl", "ini", "json", "python", "sql", "text", "yaml")  # of those that hold data, drawings or answers
TO_FILL_IN = re.compile(r"<[a-zA-Z][^<>|]*>|…")
# What a page may tell people to type beside the project's own: named here, and no more is known of them.
OTHERS = {"jq", "curl", "pip", "pipx", "uv", "cd", "export", "tail", "python", "dbt", "datacontract", "jupyter"}
# Of the AWS CLI, and in no service's description: what it brings of its own, with the options that pages use.
OF_THE_CLI = {
    ("s3", "ls"): {"--recursive"},
    ("s3", "sync"): set(),
    ("s3", "cp"): set(),
    ("s3", "rm"): {"--recursive"},
    ("logs", "tail"): {"--since", "--filter-pattern", "--follow"},
}
SHELL = {"for", "do", "done"}
REFUSED: Any = typer.BadParameter.__mro__[2]  # what click's errors are, which typer keeps a copy of
EVERYWHERE = {"--query", "--output", "--region", "--profile", "--max-items"}


@dataclass(frozen=True)
class Typed:
    """A command line and where it stands. One within a sentence may leave out what it does not speak of."""

    page: str
    line: str
    whole: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def typed_in(page: Path) -> Iterator[Typed]:
    """Every line of a page's blocks of commands, and what its sentences name of starmend, make and aws."""
    text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix()
    for _, language, block in FENCE.findall(text):
        if language in BLOCKS:
            lines = block.replace("\\\n", " ").splitlines()
            yield from (Typed(name, line.strip(), whole=True) for line in lines if line.strip())
    for words in INLINE.findall(FENCE.sub("", text)):
        line = " ".join(words.split())
        if re.match(r"(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?(starmend|starmend-reader|make|aws) [^-=]", line):
            yield Typed(name, line, whole=False)


def problems(typed: Typed) -> list[str]:
    """What of a command line would not be taken."""
    try:
        return [problem for words in _commands(typed.line) if (problem := _problem(words, whole=typed.whole))]
    except ValueError as error:
        return [f"no shell reads it: {error}"]


def _commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, without variables set before them and without redirections."""
    filled = TO_FILL_IN.sub("FILLED", line)
    for within in re.findall(r"\$\(([^()]+)\)", filled):
        yield from _commands(within)
    lexer = shlex.shlex(filled, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    skipped = False
    for word in lexer:
        if skipped:
            skipped = False
        elif word in ("<", ">", ">>", "2>"):
            skipped = True
        elif set(word) <= set("|&;") and word:
            yield words
            words = []
        elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
            words.append(word)
    if words:
        yield words


def _problem(words: Sequence[str], *, whole: bool) -> str:
    program, *rest = words
    match program.removeprefix(".venv/bin/"):
        case "starmend":
            return next(filter(None, (_of_starmend(choice, whole=whole) for choice in _choices(rest))), "")
        case "make":
            return _of_make(rest)
        case "aws":
            return _of_aws(rest, whole=whole)
        case "starmend-reader":
            return _of_the_reader(rest)
        case "terraform":
            return _of_terraform(rest)
        case known if known in OTHERS | SHELL:
            return ""
        case other:
            return f"what is {other}?"


def _of_the_reader(words: Sequence[str]) -> str:
    """What the reader's command line would say; it exits where it takes none of it."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser().parse_args(words)
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    return ""


def _of_terraform(words: Sequence[str]) -> str:
    """What of ``terraform -chdir=FOLDER state rm ADDRESS...``, or ``import ADDRESS ID``, is not there."""
    folder, *rest = words
    files = sorted((ROOT / folder.removeprefix("-chdir=")).glob("*.tf"))
    verb = "state rm" if rest[:2] == ["state", "rm"] else rest[0]
    arguments = [word for word in rest[len(verb.split()) :] if not word.startswith("-var-file=")]
    if not folder.startswith("-chdir=") or not files or verb not in ("state rm", "import"):
        return f"what is {' '.join(words[:3])}?"
    addresses = arguments if verb == "state rm" else arguments[:1]
    resources = re.findall(r'^resource "(\w+)" "(\w+)"', "\n".join(map(Path.read_text, files)), re.MULTILINE)
    names = {address: tuple(address.partition("[")[0].split(".")) for address in addresses}
    return next((f"no resource {address}" for address, name in names.items() if name not in resources), "")


def _choices(words: Sequence[str]) -> Iterator[list[str]]:
    """``alarms ack|silence`` is two commands."""
    place = next((at for at, word in enumerate(words) if re.fullmatch(r"[a-z]+(\|[a-z]+)+", word)), None)
    if place is None:
        yield list(words)
        return
    for choice in words[place].split("|"):
        yield from _choices([*words[:place], choice, *words[place + 1 :]])


def _of_starmend(words: list[str], *, whole: bool) -> str:
    """What the command line itself would say; it is read, and nothing is done."""
    parsed: Any = command()
    try:
        while hasattr(parsed, "commands"):
            if not words:
                return "" if not whole else "names no command"
            name = words.pop(0)
            if name.isupper() and not whole:  # `starmend COMMAND --help`
                return ""
            if name.startswith("-"):
                return "" if name in {opt for param in parsed.params for opt in param.opts} else f"no option {name}"
            if name not in parsed.commands:
                return f"there is no command {name}"
            parsed = parsed.commands[name]
        if "--help" in words:
            return ""
        parsed.make_context(parsed.name or name, list(words))
    except Misuse:  # a name to fill in, of what would be there
        return ""
    except REFUSED as error:
        is_left_out = type(error).__name__ == "MissingParameter" or "requires an argument" in str(error)
        return "" if is_left_out and not whole else str(error.format_message())
    return ""


@cache
def _makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def _of_make(words: Sequence[str]) -> str:
    targets = set(re.findall(r"^([a-z-]+):", _makefile(), re.MULTILINE))
    variables = set(re.findall(r"\$\((?:if \$\()?([A-Z_]+)\b", _makefile()))
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and name not in variables:
            return f"the Makefile knows no variable {name}"
        if not equals and name not in targets:
            return f"the Makefile has no target {name}"
    return ""


def _of_aws(words: Sequence[str], *, whole: bool) -> str:
    if len(words) < 2:
        return "names no operation"
    service, operation, *rest = words
    given = {word.partition("=")[0] for word in rest if word.startswith("--")}
    if (service, operation) in OF_THE_CLI:
        unknown = given - OF_THE_CLI[service, operation] - EVERYWHERE
        return f"{service} {operation} has no {', '.join(sorted(unknown))}" if unknown else ""
    service = "s3" if service == "s3api" else service  # the command line's name for S3's own operations
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return f"AWS has no service {service}"
    model = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return f"{service} has no operation {operation}"
    shape = model.operation_model(names[operation]).input_shape
    members = shape.members if shape else {}
    options = {f"--{xform_name(name, '-')}" for name in members} | EVERYWHERE
    if unknown := given - options:
        return f"{service} {operation} has no {', '.join(sorted(unknown))}"
    needed = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    missing = needed - given
    return f"{service} {operation} needs {', '.join(sorted(missing))}" if whole and missing else ""
