"""Translate AWS's errors: ``OutOfReach`` for what can be retried, ``PipelineBug`` with a remedy for what cannot.

What is refused is ``NotGranted`` and names the grant: S3 answers 403 for a key that is not there to whoever may not
list the bucket (Amazon S3 API Reference, GetObject), so that a refusal never says that something is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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
    | {"NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException", "KmsAccessDenied"}
)
# An item of a batch has no status of its own: by these codes the service failed, and not its caller.
_FAILED = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "InternalServiceError", "InternalServiceException"}
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


@dataclass(frozen=True, slots=True)
class ItemRefusal:
    """An item that a batch call did not take, by its ``index`` in what was given; the call itself succeeded.

    ``is_final``: the service says that offering it again is of no use. ``place`` is what errors call it.
    """

    index: int
    code: str
    message: str = ""
    is_final: bool = False
    place: str = ""

    @property
    def passes(self) -> bool:
        """Whether the same item may be taken later."""
        if self.code in _DENIED | _EXPIRED:
            return False
        return not self.is_final or _passes(self.code) or self.code in _FAILED


def to_offer_again(operation: str, place: str, refusals: Sequence[ItemRefusal], *, grant: str) -> list[int]:
    """The indexes of the items that were not taken, where any of them may be taken later.

    Raises what :func:`reaching` raises for a whole call, for the gravest of them, where none may: what is refused stays
    refused, however often it is offered. ``grant`` is the action that the items need.
    """
    if any(refusal.passes for refusal in refusals):
        return [refusal.index for refusal in refusals]
    raise_final(operation, place, refusals, grant=grant)
    return []


def raise_final(operation: str, place: str, refusals: Sequence[ItemRefusal], *, grant: str) -> None:
    """Raise for the gravest of the items that no repetition helps; nothing where there is none."""
    final = [refusal for refusal in refusals if not refusal.passes]
    if not final:
        return
    first = next((refusal for refusal in final if refusal.code in _DENIED), final[0])
    message = f"{len(refusals):,} items were not taken: {first.code}: {first.message}"
    error = {"Error": {"Code": first.code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    if first.code in _DENIED:
        raise NotGranted(operation, first.place or place, message, _remedy(grant))
    with reaching(operation, first.place or place):
        raise ClientError(error, operation)


def _remedy(grant: str) -> str:
    return f"Grant {grant} (functions: terraform/; people: starmend deploy policy operator)"


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
            raise NotGranted(operation, place, message, _remedy(_grant(error))) from error
        if 400 <= status_of(error) < 500 and not _passes(code):
            raise PipelineBug(operation, place, message, "See the service's error code") from error
        raise OutOfReach(
            operation, place, message, "It is retried; look at the service's health if it stays"
        ) from error
    except _NO_CREDENTIALS as error:
        raise PipelineBug(operation, place, str(error), _LOG_IN) from error
    except (HTTPClientError, BotoCoreError, OSError) as error:
        raise OutOfReach(operation, place, str(error), "Check the network and the endpoint; it is retried") from error
