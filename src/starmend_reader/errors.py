"""Errors that only reading has, beside those of ``core.errors``."""

from __future__ import annotations

from core.errors import InvalidData, LostCommit


class NotKept(InvalidData):
    """The state that was asked for is not whole any more: objects of it were removed. No part of it is given."""


class NotProven(LostCommit):
    """No object that is kept holds the rows which the certificate names: they were altered, or removed."""
