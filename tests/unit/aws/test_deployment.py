"""What a deployment says of itself, read from its own bucket on a simulated account."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.simulated_aws import REGION, ClientOf, client_of

from aws.deployment import DESCRIPTION, Deployment, code_bucket
from core.errors import NotDeployed, PipelineBug

__all__ = ["client_of"]
BUCKET = code_bucket("starmend", "dev", "123456789012")
CONTRACTS = b'{"format": 1, "model": {"contracts": []}}'


def describe(client_of: ClientOf, *, contracts: bytes = CONTRACTS, **changes: Any) -> Mapping[str, Any]:
    """A deployment with its description and contracts; a change to None leaves that out."""
    sha256 = hashlib.sha256(CONTRACTS).hexdigest()
    names = ("functions", "queues", "dead_letter_queues", "streams", "state_machines", "secrets", "alarms")
    description = {
        "project": "starmend", "environment": "dev", "region": "eu-west-2",
        "buckets": {"code": BUCKET, "ingest": "in", "warehouse": "out"},
        "database": "starmend_dev", "workgroup": "starmend-dev-analysts", "alarm_topic": "arn:aws:sns:::alarms",
        "contracts_key": f"contracts/{sha256}.json", "contracts_sha256": sha256, "code_version": "0123456789ab",
        **{name: {} for name in names}, **changes,
    }  # fmt: skip
    description = {name: value for name, value in description.items() if value is not None}
    s3 = client_of("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=DESCRIPTION, Body=json.dumps(description).encode())
    s3.put_object(Bucket=BUCKET, Key=description.get("contracts_key", "none"), Body=contracts)
    return description


@pytest.fixture(autouse=True)
def _region(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)


def test_it_is_what_terraform_wrote_and_the_sdk_speaks_to_its_region(client_of: ClientOf) -> None:
    describe(client_of, something_newer="is passed over")
    deployment = Deployment.find(BUCKET, "dev", {})
    assert (deployment.project, deployment.environment, deployment.contracts.contracts) == ("starmend", "dev", ())
    assert os.environ["AWS_DEFAULT_REGION"] == deployment.aws_environment["AWS_REGION"] == "eu-west-2"
    assert deployment.settings.contracts.contracts == ()


@pytest.mark.parametrize("bucket", [BUCKET, "starmend-dev-code-999999999999"])
def test_where_nothing_was_deployed_it_says_how_to(bucket: str, client_of: ClientOf) -> None:
    client_of("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(
        NotDeployed, match=rf"s3://{bucket}/deployment.json: there is none.*starmend deploy apply --env dev"
    ):
        Deployment.find(bucket, "dev", {})


def test_a_description_of_another_release_is_refused_with_what_it_lacks(client_of: ClientOf) -> None:
    describe(client_of, queues=None, contracts_sha256=None)
    with pytest.raises(PipelineBug, match=r"does not say contracts_sha256, queues\. Deploy this release"):
        Deployment.find(BUCKET, "dev", {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"format": 2}', "not of this release: contract format 2"),
        (b'{"format": 1, "model": {"contracts": [], "news": 1}}', "not of this release: Contracts: unknown fields"),
        (b"{", "not of this release"),
    ],
)
def test_contracts_that_this_release_cannot_read_name_the_way_out(
    text: bytes, problem: str, client_of: ClientOf
) -> None:
    describe(client_of, contracts=text, contracts_sha256=hashlib.sha256(text).hexdigest())
    with pytest.raises(PipelineBug, match=rf"{problem}.*Use the release that was deployed"):
        _ = Deployment.find(BUCKET, "dev", {}).contracts


def test_contracts_that_somebody_altered_or_removed_are_not_gone_by(client_of: ClientOf) -> None:
    description = describe(client_of, contracts=b'{"format": 1}')
    with pytest.raises(PipelineBug, match=r"was deployed\. Deploy again"):
        _ = Deployment.find(BUCKET, "dev", {}).contracts
    client_of("s3").delete_object(Bucket=BUCKET, Key=description["contracts_key"])
    with pytest.raises(PipelineBug, match="there is none"):
        _ = Deployment.find(BUCKET, "dev", {}).contracts


def test_the_stack_of_this_machine_is_remembered_by_its_place_alone(client_of: ClientOf, tmp_path: Path) -> None:
    describe(client_of)
    Deployment.find(BUCKET, "dev", {}).remember(tmp_path)
    describe(client_of, database="renamed_since")
    assert Deployment.attach(tmp_path).database == "renamed_since"
    with pytest.raises(NotDeployed, match="starmend up"):
        Deployment.attach(tmp_path / "elsewhere")


def test_a_stack_that_is_not_up_is_asked_twice_and_named_with_the_way_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    asked: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        where = {"bucket": BUCKET, "aws_environment": {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}}
        (tmp_path / "stack.json").write_text(json.dumps(where))

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                asked.append(connection.close())

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(NotDeployed, match=rf"127.0.0.1:{port}: the stack on this machine is not up\. Start it"):
            Deployment.attach(tmp_path)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=60)
    assert len(asked) == 2
