"""The login of a database, from its secret: server, user, password, encryption.

A server proves that it is the one that the secret names, unless the secret says otherwise: ``verify-full`` is the
default.
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from core.errors import InvalidData

SslMode = Literal["require", "verify-ca", "verify-full", "disable"]
_MODES = ("require", "verify-ca", "verify-full", "disable")
# A name or an address, IPv6's in brackets where a port follows (RFC 3986, section 3.2.2).
_PRIMARY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/@\[\]]+))(?::(?P<port>\d{1,5}))?"
    r"|(?P<bare>(?=.*::|(?:[^:]+:){7})[0-9A-Fa-f:.]+)"
)
_REMEDY = "Fill the secret with JSON: {host, port, dbname, username, password, sslmode, sslrootcert}"


@dataclass(frozen=True)
class Login:
    """A database, and the user that reads it. ``sslrootcert`` is PEM text; empty means the system's authorities.

    ``engine`` is the engine's name, as the scheme of ``place``. ``primary`` is that of a replica, ``host:port``; empty
    where the server leads itself.
    """

    host: str
    port: int
    dbname: str
    username: str
    password: str = field(repr=False)
    sslmode: SslMode = "verify-full"
    sslrootcert: str = field(default="", repr=False)
    engine: str = "postgresql"
    primary: str = ""

    @property
    def of_primary(self) -> Login | None:
        """The same login at the server that this one is a replica of; None where none is named."""
        match = _PRIMARY.fullmatch(self.primary)
        if match is None:  # none is named
            return None
        host = match["six"] or match["host"] or match["bare"]
        return replace(self, host=host, port=int(match["port"] or self.port), primary="")

    @property
    def place(self) -> str:
        """The server as messages name it, without the password."""
        return f"{self.engine}://{self.username}@{self.host}:{self.port}/{self.dbname}"

    def tls(self) -> ssl.SSLContext | None:
        """The encryption to use; None only where the secret says ``disable``.

        As libpq has it: ``verify-full`` wants a certificate that the authority signed for this host, ``verify-ca`` one
        for whatever host, and ``require`` encrypts and looks at no certificate unless ``sslrootcert`` is given.
        """
        if self.sslmode == "disable":
            return None
        if self.sslmode == "require" and not self.sslrootcert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            context = ssl.create_default_context(cadata=self.sslrootcert or None)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidData("read secret", self.place, "sslrootcert is no PEM certificate", _REMEDY) from error
        context.check_hostname = self.sslmode == "verify-full"
        return context


def parse_login(text: str, *, secret: str, engine: str = "postgresql", port: int = 5432) -> Login:
    """Read a secret's JSON. Raises ``InvalidData`` naming the field that is wrong, never its value.

    ``port`` is the engine's usual one.
    """
    try:
        data = json.loads(text)
    except ValueError:
        raise InvalidData("read secret", secret, "is no JSON", _REMEDY) from None
    if not isinstance(data, dict):
        raise InvalidData("read secret", secret, "is no JSON object", _REMEDY)
    if absent := [name for name in ("host", "dbname", "username", "password") if not data.get(name)]:
        raise InvalidData("read secret", secret, f"lacks {', '.join(absent)}", _REMEDY)
    mode = data.get("sslmode") or "verify-full"
    if mode not in _MODES:
        problem = "sslmode is none of " + ", ".join(_MODES)
        raise InvalidData("read secret", secret, problem, "Plain text is spoken only where sslmode says disable")
    given = str(data.get("port") or port)
    if not given.isdigit():
        raise InvalidData("read secret", secret, "port is no number", _REMEDY)
    primary = str(data.get("primary") or "")
    if primary and not _PRIMARY.fullmatch(primary):
        raise InvalidData("read secret", secret, "primary is no host, or host:port", _REMEDY)
    return Login(
        host=str(data["host"]),
        port=int(given),
        dbname=str(data["dbname"]),
        username=str(data["username"]),
        password=str(data["password"]),
        sslmode=cast(SslMode, mode),
        sslrootcert=str(data.get("sslrootcert") or ""),
        engine=engine,
        primary=primary,
    )
