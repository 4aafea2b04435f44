"""Translate AWS's errors: ``OutOfReach`` for what can be retried, ``PipelineBug`` with a remedy for what cannot.

What is refused is ``NotGranted`` and names the grant: S3 answers 403 for a key that is not there to whoever may not
list the bucket (Amazon S3 API Reference, GetObject), so that a refusal never says that something is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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

from core.errors import NotGranted, OutOfReach, PipelineBug

MISSING = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchVersion"})
# "403" and "Forbidden" are those of answers without a body, as to HEAD; "AuthorizationError" is the one of SNS.
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMS.AccessDeniedException", "403", "Forbidden"}
    | {"AuthorizationError", "AuthorizationErrorException", "AllAccessDisabled"}
)
_NAMED = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
# What S3's requests are authorized as (Service Authorization Reference): it does not always say so, and to HEAD never.
_GRANTS: Mapping[str, str] = {
    "GetObject": "s3:GetObject on it and s3:ListBucket on its bucket",
    "HeadObject": "s3:GetObject on it and s3:ListBucket on its bucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "HeadBucket": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
}
# What passes by itself, whatever the status: throttles are 400 in many services. The first are botocore's own lists
# (``botocore.retries.standard``), the others those of the services' models: too many at once, or a change that is under
# way. Whatever says "Throttl" is one too. A quota of things or sizes is none.
_PASSING = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled"}
    | {"TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException"}
    | {"RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown"}
    | {"PriorRequestNotComplete", "EC2ThrottledException", "RequestTimeout", "RequestTimeoutException"}
    | {"LimitExceeded", "TooManyUpdates", "OverLimit", "ExecutionLimitExceeded", "ConcurrentRunsExceededException"}
    | {"OperationAborted", "ConditionalRequestConflict", "ConcurrentModificationException", "ConcurrentModification"}
    | {"ConcurrentAccess", "PurgeQueueInProgress", "DependencyTimeoutException", "OperationTimeoutException"}
    | {"ServiceUnavailable", "ServiceUnavailableException", "SessionBusyException"}
)
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


def _passes(code: str) -> bool:
    return "Throttl" in code or code in _PASSING


def _grant(error: ClientError) -> str:
    """The action that was refused, in the service's own words where it says so, and what S3 asks beside it."""
    if error.operation_name in _GRANTS:
        return _GRANTS[error.operation_name]
    named = _NAMED.search(str(error.response.get("Error", {}).get("Message", "")))
    return named[1] if named else error.operation_name


@contextmanager
def reaching(operation: str, place: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into ``OutOfReach``, ``PipelineBug`` or its child ``NotGranted``."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        message = f"{code}: {error.response.get('Error', {}).get('Message', '')}"
        if code in _EXPIRED:
            raise PipelineBug(operation, place, message, _LOG_IN) from error
        if code in _DENIED:
            remedy = f"Grant {_grant(error)} (functions: terraform/; people: starmend deploy policy operator)"
            raise NotGranted(operation, place, message, remedy) from error
        if 400 <= status_of(error) < 500 and not _passes(code):
            raise PipelineBug(operation, place, message, "See the service's error code") from error
        raise OutOfReach(
            operation, place, message, "It is retried; look at the service's health if it stays"
        ) from error
    except _NO_CREDENTIALS as error:
        raise PipelineBug(operation, place, str(error), _LOG_IN) from error
    except (HTTPClientError, BotoCoreError, OSError) as error:
        raise OutOfReach(operation, place, str(error), "Check the network and the endpoint; it is retried") from error
