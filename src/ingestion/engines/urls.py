"""A database's URL, as its owner has it at hand, becomes the JSON that a contract's secret holds."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from core.errors import Misuse

SYSTEM = "system"  # libpq's word for the authorities that the machine trusts
SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql"}
_FORM = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full"


def secret_of_url(url: str) -> str:
    """The secret's JSON. A server on this machine is spoken to in plain text where the URL names no ``sslmode``.

    Any other has to prove itself (``verify-full``). ``sslrootcert`` names a PEM file, whose text becomes part of the
    value. Raises ``Misuse`` for what is no such URL; the password is in no message.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text may hold a part of the password
        problem = "its host and port cannot be told"
        remedy = f"{_FORM}; a password's own / ? # [ are written %2F %3F %23 %5B"
        raise Misuse("read the URL of a database", "--database", problem, remedy) from None
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    place = f"{parts.scheme or '?'}://{parts.hostname or '?'}"
    if parts.scheme not in SCHEMES:
        raise Misuse("read the URL of a database", place, f"its scheme is none of {', '.join(SCHEMES)}", _FORM)
    given = {
        "host": parts.hostname,
        "dbname": unquote(parts.path.lstrip("/")),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    if missing := [name for name, value in given.items() if not value]:
        raise Misuse("read the URL of a database", place, f"lacks {', '.join(missing)}", _FORM)
    secret = {**given, "sslmode": sslmode_of(parts.hostname or "", query)} | ({"port": str(port)} if port else {})
    if file := authorities_of(query):
        try:
            secret["sslrootcert"] = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse("read the URL of a database", file, str(error), "Name a readable PEM file") from error
    return json.dumps(secret)


def sslmode_of(host: str, settings: Mapping[str, str]) -> str:
    """How a server proves itself, by its host and the URL's settings.

    Where they say nothing of it, one on this machine does not: nobody is between. With the system's authorities no less
    than ``verify-full`` will do, as for libpq (PostgreSQL documentation, "Database Connection Control Functions").
    """
    if settings.get("sslrootcert") == SYSTEM:
        return "verify-full"
    if mode := settings.get("sslmode"):
        return mode
    return "disable" if _is_this_machine(host) and not settings.get("sslrootcert") else "verify-full"


def authorities_of(settings: Mapping[str, str]) -> str:
    """The file of the authorities that a URL names; empty where they are the system's."""
    named = settings.get("sslrootcert", "")
    return "" if named == SYSTEM else named


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
