"""Failures that every engine tells in the same way, whatever its server calls them."""

from __future__ import annotations

from core.errors import InvalidData, OutOfReach


class AuthenticationFailed(OutOfReach):
    """The database does not take this password: it may just have been rotated."""


class CertificateRefused(OutOfReach):
    """The server could not prove that it is the one that the secret names; nothing was sent to it, no password."""


class UnknownAuthority(CertificateRefused):
    """Nobody whom we trust signed the server's certificate."""


class WrongHost(CertificateRefused):
    """The server's certificate is another host's."""


class CertificateExpired(CertificateRefused):
    """The server's certificate is valid no longer, or not yet."""


class UnprintableValue(InvalidData):
    """A row holds what the server cannot print: bytes of no text, a number too long, too much of it, a corrupt page.

    A key that is asked for may be the cause too: no value of its column's type any more.
    """


class StatementTimeOut(OutOfReach):
    """The statement ran longer than it may."""
