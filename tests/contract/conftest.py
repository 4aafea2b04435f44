"""Fixtures of the suites that fakes and real adapters pass alike."""

from tests.support.simulated_aws import client_of

__all__ = ["client_of"]
