"""Translate the errors of PostgreSQL, its driver and the network into the pipeline's own.

SQLSTATE codes: PostgreSQL documentation, appendix "PostgreSQL Error Codes".
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pg8000.exceptions import DatabaseError, Error, InterfaceError
from scramp.core import ScramException  # type: ignore[import-untyped]

from core.errors import MissingColumns, OutOfReach, PipelineBug, StarmendError, UnknownTable
from ingestion.engines.failures import (
    AuthenticationFailed,
    CertificateExpired,
    CertificateRefused,
    StatementTimeOut,
    UnknownAuthority,
    UnprintableValue,
    WrongHost,
)

_AUTHENTICATION = ("28P01", "28000")
_TIME_OUT = "57014"
# Bytes of no text, text without counterpart, numbers and times out of range, corrupt pages; what is no value of its
# type, an enum's or a domain's too; in a view, a division by zero, a root, logarithm or substring that there is not.
# Rows of more than a gigabyte of text; a piece of more keys than the server's stack holds, which is halved.
_TOO_LONG = ("54000", "54001")
_OF_VIEWS = ("22012", "2201E", "2201F", "22011")
_UNPRINTABLE = ("22021", "22P05", "22003", "22008", "XX001", "XX002", "22P02", "22007", "23514", *_TOO_LONG, *_OF_VIEWS)
# "invalid memory alloc request size": more than a gigabyte in one piece. The code is that of any internal error, the
# message is in the server's language; the name of the source file (field F) is always the same.
_TOO_MUCH_MEMORY = ("XX000", "mcxt.c")
# Beginnings of codes after which the same statement may succeed: connection, database not there (yet), transaction
# ended for idleness or its length, rollback, resources, state of an object, operator, system.
_TRANSIENT = ("08", "3D", "25P03", "25P04", "40", "53", "55", "57", "58")


@contextmanager
def reaching(operation: str, place: str) -> Iterator[None]:
    """Turn whatever the driver or the network raises inside into a ``StarmendError``, keeping the cause."""
    try:
        yield
    except DatabaseError as error:
        raise _of_server(operation, place, error) from error
    except ssl.SSLCertVerificationError as error:
        raise _of_certificate(operation, place, error) from error
    except TimeoutError as error:
        remedy = "Look at the server's load and at the network's rules"
        raise OutOfReach(operation, place, "no answer in time", remedy) from error
    except (Error, ScramException, OSError, struct.error) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        if isinstance(cause, TimeoutError):
            raise OutOfReach(operation, place, "no answer in time", "Look at the server's load") from error
        remedy = "Look at the secret's host and port, the security group and the server"
        if isinstance(error, InterfaceError) and "SSL" in str(error):
            remedy = "Switch TLS on in the server; plain text is spoken only where the secret's sslmode says disable"
        raise OutOfReach(operation, place, str(cause) or type(cause).__name__, remedy) from error


# Result codes of OpenSSL's X509_verify_cert (its manual page X509_STORE_CTX_get_error).
_NOT_VALID_NOW = (9, 10, 13, 14)
_ANOTHER_NAME = (62, 63, 64)
_UNVERIFIED = (
    'To encrypt without any proof of who answers, say so in the secret: "sslmode": "require" (starmend secret set)'
)


def _of_certificate(operation: str, place: str, error: ssl.SSLCertVerificationError) -> CertificateRefused:
    reason = error.verify_message or str(error.reason)
    if error.verify_code in _NOT_VALID_NOW:
        remedy = f"Have the server's certificate renewed. {_UNVERIFIED}"
        return CertificateExpired(operation, place, f"the server's certificate is not valid now: {reason}", remedy)
    if error.verify_code in _ANOTHER_NAME:
        remedy = f"Put into the secret's host the name that the certificate has. {_UNVERIFIED}"
        return WrongHost(operation, place, f"the server's certificate is another host's: {reason}", remedy)
    remedy = (
        "Put the authority's certificate, as PEM text, into the secret's sslrootcert (starmend secret set NAME "
        "--sslrootcert FILE); for RDS the region's bundle: "
        "https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem. "
    )
    problem = f"no authority that we know signed the server's certificate: {reason}"
    return UnknownAuthority(operation, place, problem, remedy + _UNVERIFIED)


def _of_server(operation: str, place: str, error: DatabaseError) -> StarmendError:
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code, message = fields.get("C", ""), fields.get("M", str(error))
    problem = f"{message} ({code})"
    if code in _AUTHENTICATION:
        return AuthenticationFailed(operation, place, problem, "Look at the secret and at pg_hba.conf")
    if code == _TIME_OUT:
        remedy = "An index on (changed_at, key) lets the server stream rows in order"
        return StatementTimeOut(operation, place, problem, remedy)
    if code in _UNPRINTABLE or (code, fields.get("F")) == _TOO_MUCH_MEMORY:
        return UnprintableValue(operation, place, problem, "Mend the row at the source")
    if code == "42P01":
        return UnknownTable(operation, place, problem, "Look at the contract and at the role's search_path")
    if code == "42703":
        return MissingColumns(operation, place, problem, "Look at the contract's columns")
    if code == "42501":
        remedy = "GRANT SELECT on the contract's tables to the role, and BYPASSRLS where a policy would hide rows"
        return PipelineBug(operation, place, problem, remedy)
    if code.startswith(_TRANSIENT):
        return OutOfReach(operation, place, problem, "The next run tries again")
    return PipelineBug(operation, place, problem, fields.get("H", ""))
