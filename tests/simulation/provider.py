"""The provider of a simulated feed, asked without a network: an HTTP adapter that takes its answers from a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any
from unittest.mock import patch

import requests
from requests.structures import CaseInsensitiveDict
from tests.support.scripted_server import Answer, Request

from ingestion.providers.transport import web

Answers = Callable[[Request], Answer | None]  # None: the connection is lost


class _Body(io.BytesIO):
    def read1(self, size: int = -1, /, decode_content: bool = True) -> bytes:
        return super().read1(size)


class _Response:
    def __init__(self, answer: Answer) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.status_code = answer.status
        self.headers = CaseInsensitiveDict({**({"Date": answer.date} if answer.date else {}), **answer.headers})
        self.raw = _Body(body)

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


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

    class Adapter:
        def __init__(self, **_: Any) -> None: ...

        def send(self, request: requests.PreparedRequest, **_: Any) -> _Response:
            answer = answers(Request(request.path_url, dict(request.headers)))
            if answer is None:
                raise requests.ConnectionError("the connection was lost")
            return _Response(answer)

    with ExitStack() as stack:
        for name, value in (("HTTPAdapter", Adapter), ("bounded", lambda adapter: adapter), ("Deadline", _NoDeadline)):
            stack.enter_context(patch.object(web, name, value))
        yield
