"""The provider of a simulated feed, asked without a network: calls are answered by a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from unittest.mock import patch
from urllib.parse import urlsplit

from tests.support.scripted_server import Answer, Request
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ProtocolError

from ingestion.providers.transport import web

Answers = Callable[[Request], Answer | None]  # None: the connection is lost


class _Response(io.BytesIO):
    """What ``Web`` needs of urllib3's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.encode() if isinstance(answer.body, str) else answer.body)
        self.status = answer.status
        self.headers = HTTPHeaderDict({**({"Date": answer.date} if answer.date else {}), **answer.headers})

    def read1(self, size: int = -1, /, decode_content: bool = True) -> bytes:
        return super().read1(size)


class _NoDeadline:
    """No answer of a model drips."""

    is_over = False

    def __init__(self, _seconds: float) -> None: ...

    def __enter__(self) -> _NoDeadline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@contextmanager
def without_network(answers: Answers) -> Iterator[None]:
    """Whatever is asked of any provider in this block is answered by ``answers``."""

    def send(self: web.Web, method: str, url: str, body: object, secret: str) -> _Response:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        answer = answers(Request(path, dict(self._headers_with(secret))))
        if answer is None:
            raise ProtocolError("the connection was lost")
        return _Response(answer)

    with ExitStack() as stack:
        stack.enter_context(patch.object(web.Web, "_send", send))
        stack.enter_context(patch.object(web, "Deadline", _NoDeadline))
        yield
