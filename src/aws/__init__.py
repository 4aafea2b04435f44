"""Adapters: the only calls of the AWS SDK, each class one port of ``core.ports`` over one service."""
