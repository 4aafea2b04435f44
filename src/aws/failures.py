"""Translate AWS's errors: ``OutOfReach`` for what can be retried, ``PipelineBug`` with a remedy for what cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from core.errors import OutOfReach, PipelineBug

MISSING = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchVersion"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMS.AccessDeniedException"})
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
    | {"SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure"}
)
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_LOG_IN = "Log in, or set AWS_PROFILE, until this answers: aws sts get-caller-identity"


def code_of(error: ClientError) -> str:
    """The service's error code, ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status, 0 where there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def reaching(operation: str, place: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into ``OutOfReach`` or ``PipelineBug``, keeping the cause."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        message = f"{code}: {error.response.get('Error', {}).get('Message', '')}"
        if code in _EXPIRED:
            raise PipelineBug(operation, place, message, _LOG_IN) from error
        if code in _DENIED:
            raise PipelineBug(
                operation, place, message, "Grant the function's role this action in terraform/"
            ) from error
        if (
            400 <= status_of(error) < 500
            and "Throttl" not in code
            and code not in ("TooManyRequestsException", "SlowDown", "RequestTimeout")
        ):
            raise PipelineBug(operation, place, message, "See the service's error code") from error
        raise OutOfReach(
            operation, place, message, "It is retried; look at the service's health if it stays"
        ) from error
    except _NO_CREDENTIALS as error:
        raise PipelineBug(operation, place, str(error), _LOG_IN) from error
    except (HTTPClientError, BotoCoreError, OSError) as error:
        raise OutOfReach(operation, place, str(error), "Check the network and the endpoint; it is retried") from error
