"""The vocabulary of the tests: what a test sets up, from the smallest piece to a whole deployment.

In this process, without AWS:

- ``tests.fakes``: every port of the domain in memory; each fake passes the contract suite of its adapter.
- :class:`~tests.support.lake.MemoryLake`: ingest bucket, warehouse and parameters on these fakes, and processing.
- :class:`~tests.support.extraction.ScratchDatabase`: an empty database of its own on the run's PostgreSQL server;
  :class:`~tests.support.extraction.ExtractionSandbox` is an extraction of it into memory.
- :class:`~tests.support.sources.Source`: a database filled with the sales data, a copy for each test.
- :class:`~tests.support.feeds.Acquisition`: request and pull of one feed against a market.
- :class:`~tests.support.feed_simulation.FeedSimulation` and
  :class:`~tests.support.database_simulation.DatabaseSimulation`: a dataset's whole pipeline around a ``MemoryLake``,
  with the auditor's state machine driven step by step.
- :class:`~tests.support.crashpoints.Effects`: the places where any of these can be cut.
- :class:`~tests.support.scripted_server.ScriptedServer`: HTTP answers that no simulator gives.
- ``client_of`` (:mod:`tests.support.simulated_aws`): an AWS account of moto, for the adapters.

In processes of their own:

- the emulator (:mod:`local.emulator`): AWS over HTTP, for what moto does not do;
- ``stack`` (``tests/scenarios/conftest.py``): emulator, PostgreSQL and market with the real Terraform applied, once a
  run; :mod:`tests.support.deployed` looks at it.
"""
