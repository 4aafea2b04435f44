"""`starmend deploy apply` killed at moments that its effects on the account show, as by whoever ends a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil
from tests.support.operators import Operator

from aws.deployment import Deployment
from core.warehouse.pointer import ROOT

LOOK_EVERY = 0.05  # seconds
ORPHANS_END = 600.0  # seconds: Terraform that nobody listens to ends by itself


def kill_deployment(operator: Operator, has_come: Callable[[], bool], *, alone: bool) -> None:
    """Begin to apply, and kill it without a word when the moment has come; ``alone``: not the Terraform that it runs.

    Returns when nothing of it runs any more. Raises ``AssertionError`` where it ends before.
    """
    process = operator.begins("deploy", "apply", "--yes")
    while not has_come():
        assert process.poll() is None, f"it ended with {process.returncode} before it could be killed"
        time.sleep(LOOK_EVERY)
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for child in () if alone else below:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    _, running = psutil.wait_procs(below, timeout=ORPHANS_END)
    assert running == []


class Moments:
    """What the deployment that is told of has changed in the account since this was made."""

    def __init__(self, deployment: Deployment) -> None:
        self._s3 = deployment.clients("s3")
        self._code, self._warehouse = deployment.buckets["code"], deployment.warehouse_bucket
        self._contracts, self._folders = self._contract_keys(), self._table_folders()

    def is_applied_in_part(self) -> bool:
        """Whether Terraform has put contracts that were not there, and so is about to change what names them."""
        return bool(self._contract_keys() - self._contracts)

    def is_being_built(self) -> bool:
        """Whether a table has a folder that it had not: a new generation has its first partition."""
        return bool(self._table_folders() - self._folders)

    def _contract_keys(self) -> set[str]:
        return set(self._keys(self._code, "contracts/"))

    def _table_folders(self) -> set[str]:
        listed = self._s3.list_objects_v2(Bucket=self._warehouse, Prefix=ROOT, Delimiter="/")
        return {entry["Prefix"] for entry in listed.get("CommonPrefixes", [])}

    def _keys(self, bucket: str, prefix: str) -> Sequence[str]:
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]
