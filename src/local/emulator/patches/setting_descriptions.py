"""Descriptions of settings: those that were set are in the answers, and no others.

Restores fields of the API References that Terraform's provider compares, so that a second plan shows no difference:
tags given to Kinesis' CreateStream; Firehose's ``CustomTimeZone`` (UTC unless set) and ``FileExtension``; a state
machine's ``tracingConfiguration``; no ``MaximumEventAgeInSeconds`` in Lambda's event invoke configuration when none was
put there.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import firehose, kinesis, lambda_svc, stepfunctions

from local.emulator.patching import wrap
from local.emulator.settings import Settings


def apply(_settings: Settings) -> None:
    wrap(kinesis, "_create_stream", _create_stream)
    wrap(firehose, "_dest_description", _destination)
    wrap(stepfunctions, "_create_state_machine", _create_state_machine)
    wrap(stepfunctions, "_update_state_machine", _update_state_machine)
    wrap(lambda_svc, "_put_event_invoke_config", _put_event_invoke_config)


def _create_stream(stock: Any, data: dict[str, Any]) -> Any:
    answer = stock(data)
    if answer[0] == 200:
        kinesis._streams[data["StreamName"]]["tags"].update(data.get("Tags") or {})
    return answer


def _destination(stock: Any, destination: dict[str, Any]) -> Any:
    described = stock(destination)
    config = destination["config"]
    if "ExtendedS3DestinationDescription" in described:
        shown = {"CustomTimeZone": config.get("CustomTimeZone", "UTC")}
        if config.get("FileExtension"):
            shown["FileExtension"] = config["FileExtension"]
        described["ExtendedS3DestinationDescription"].update(shown)
    return described


def _create_state_machine(stock: Any, data: dict[str, Any]) -> Any:
    answer = stock(data)
    if answer[0] == 200:
        machine = stepfunctions._state_machines[json.loads(answer[2])["stateMachineArn"]]
        machine["tracingConfiguration"] = data.get("tracingConfiguration") or {"enabled": False}
    return answer


def _update_state_machine(stock: Any, data: dict[str, Any]) -> Any:
    answer = stock(data)
    if answer[0] == 200 and "tracingConfiguration" in data:
        stepfunctions._state_machines[data["stateMachineArn"]]["tracingConfiguration"] = data["tracingConfiguration"]
    return answer


def _put_event_invoke_config(stock: Any, name: str, qualifier: str | None, data: dict[str, Any]) -> Any:
    answer = stock(name, qualifier, data)
    if answer[0] != 200 or "MaximumEventAgeInSeconds" in data:
        return answer
    # The default of six hours applies all the same: retries take it where none is stored.
    stored = lambda_svc._functions[name]["event_invoke_configs"][qualifier or ""]
    del stored["MaximumEventAgeInSeconds"]
    body = {key: value for key, value in json.loads(answer[2]).items() if key in stored}
    return answer[0], answer[1], json.dumps(body).encode()
