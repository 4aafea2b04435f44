"""A bucket as the reader sees it: through an Arrow file system, with errors that say what to do next."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from configparser import Error as ConfigError
from configparser import RawConfigParser
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from core.errors import NotGranted, OutOfReach, PipelineBug, StarmendError
from core.ports import ObjectInfo, ObjectStat, OpenObject, StoredObject

# Arrow tells S3's answers in the text of an OSError alone.
_REFUSED = ("ACCESS_DENIED", "HTTP status 403", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH")
_DAWN = datetime(1970, 1, 1, tzinfo=UTC)


def check_profile(settings: Mapping[str, str]) -> None:
    """Refuse a profile of AWS's files that takes a role by another one's credentials (``role_arn``).

    The SDK within Arrow knows none of it and asks without credentials, so that S3 refuses whoever has the role: its
    chain has environment, keys of a profile, process, web identity, single sign-on, containers and instances. Raises
    ``NotGranted``.
    """
    name = settings.get("AWS_PROFILE") or settings.get("AWS_DEFAULT_PROFILE") or "default"
    home = Path("~/.aws").expanduser()
    files = (
        (settings.get("AWS_CONFIG_FILE") or home / "config", name if name == "default" else f"profile {name}"),
        (settings.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials", name),
    )
    said: set[str] = set()
    for file, section in files:
        parsed = RawConfigParser(strict=False)
        with suppress(ConfigError, UnicodeDecodeError):  # it is Arrow's to say what is wrong with it
            parsed.read(file, encoding="utf-8")
            said |= set(parsed[section]) if parsed.has_section(section) else set()
    if "role_arn" in said and not said & {"aws_access_key_id", "credential_process", "web_identity_token_file"}:
        remedy = f"Give another profile: credential_process = aws configure export-credentials --profile {name}"
        raise NotGranted("connect", f"profile {name}", "takes a role by other credentials, which Arrow cannot", remedy)


@contextmanager
def reaching(operation: str, place: str) -> Iterator[None]:
    """Errors of Arrow's file systems as ours; that there is no such object stays ``FileNotFoundError``."""
    try:
        yield
    except (FileNotFoundError, StarmendError):
        raise
    except OSError as error:
        if isinstance(error, PermissionError) or any(word in str(error) for word in _REFUSED):
            remedy = "Take the analyst's role, or ask an operator for it"
            raise NotGranted(operation, place, f"these credentials may not read it: {error}", remedy) from error
        raise OutOfReach(operation, place, str(error), "Try again; look at network, region and credentials") from error
    except pa.ArrowException as error:
        raise PipelineBug(operation, place, f"cannot be decoded: {error}", "Ask an operator to rebuild it") from error


class Storage:
    """The objects of one bucket (``core.ports.ObjectReader``). Paths of its file system are ``<bucket>/<key>``."""

    def __init__(self, filesystem: FileSystem, bucket: str) -> None:
        self.filesystem = filesystem
        self.bucket = bucket

    def path(self, key: str) -> str:
        """An object's path in the file system."""
        return f"{self.bucket}/{key}"

    def place(self, key: str) -> str:
        """An object as messages name it."""
        return f"s3://{self.bucket}/{key}"

    @contextmanager
    def reaching(self, operation: str, key: str) -> Iterator[None]:
        """What is asked of one object. Raises ``FileNotFoundError`` where it is gone, also if S3 calls that forbidden.

        S3 answers 403 for a key that is not there to whoever may not list the whole bucket, and an analyst lists the
        open tables alone: so where the object's folder may be listed, the listing decides.
        """
        try:
            with reaching(operation, self.place(key)):
                yield
        except NotGranted as error:
            with suppress(StarmendError):
                if all(info.key != key for info in self.list(key)):
                    raise FileNotFoundError(key) from error
            raise

    def read(self, key: str) -> StoredObject | None:
        """The whole object; None where there is none."""
        opened = self.open(key)
        if opened is None:
            return None
        with reaching("read", self.place(key)):
            return StoredObject(opened.stat, opened.stream.read())

    def open(self, key: str) -> OpenObject | None:
        """The object as a stream; None where there is none."""
        try:
            with self.reaching("read", key), self.filesystem.open_input_stream(self.path(key)) as stream:
                body = stream.read()
        except FileNotFoundError:
            return None
        return OpenObject(ObjectStat(key, len(body), "", _DAWN), io.BytesIO(body))

    def stat(self, key: str) -> ObjectStat | None:
        """The object's size and time; None where there is none."""
        try:
            with self.reaching("look for", key):
                info = self.filesystem.get_file_info(self.path(key))
        except FileNotFoundError:
            return None
        return ObjectStat(key, info.size, "", _time_of(info)) if info.type == FileType.File else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with ``prefix``, in key order."""
        folder = prefix.rpartition("/")[0]
        selector = FileSelector(self.path(folder), recursive=True, allow_not_found=True)
        with reaching("list", self.place(prefix)):
            infos = self.filesystem.get_file_info(selector)
        skipped = len(self.bucket) + 1
        files = ((info.path[skipped:], info) for info in infos if info.type == FileType.File)
        for key, info in sorted(files, key=lambda file: file[0]):
            if key.startswith(prefix) and key > after:
                yield ObjectInfo(key, info.size, "", _time_of(info))

    def folders(self, folder: str) -> Sequence[str]:
        """The folders in a folder (each ends with a slash), however much is in them: a thousand in a call."""
        selector = FileSelector(self.path(folder), allow_not_found=True)
        with reaching("list", self.place(folder)):
            infos = self.filesystem.get_file_info(selector)
        skipped = len(self.bucket) + 1
        return sorted(f"{info.path[skipped:].rstrip('/')}/" for info in infos if info.type == FileType.Directory)


def _time_of(info: FileInfo) -> datetime:
    return datetime.fromtimestamp(info.mtime_ns / 1e9, UTC) if info.mtime_ns is not None else _DAWN
