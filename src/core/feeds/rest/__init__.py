"""The ``rest`` provider's settings: any JSON or CSV API, told in the contract as data."""
