"""The contract: what is promised of a dataset, read by everyone and written once.

``load`` reads YAML (deploy time and the command), ``codec.load_rendered`` reads the resolved form (the Lambdas); both
give the values of ``model``. Nothing here imports pydantic or PyYAML until ``load`` is imported.
"""
