"""AWS's public parameters that name its managed Lambda layers.

Restores what the documentation of AWS SDK for pandas ("AWS Lambda layer") and Powertools for AWS Lambda ("Lambda
layer") say of ``/aws/service/aws-sdk-pandas/...`` and ``/aws/service/powertools/...``: they hold the ARN of a layer
version in AWS's own account. The layers themselves hold nothing here: what is in them, functions find in the virtual
environment that the emulator runs in.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ssm

from local.emulator.patching import wrap
from local.emulator.settings import Settings

_PANDAS = re.compile(r"/aws/service/aws-sdk-pandas/[\d.]+/py(?P<python>[\d.]+)/(?P<arch>x86_64|arm64)/layer-arn$")
_POWERTOOLS = re.compile(
    r"/aws/service/powertools/python/(?P<arch>x86_64|arm64)/python(?P<python>[\d.]+)/(latest|[\d.]+)$"
)


def apply(_settings: Settings) -> None:
    wrap(ssm, "_select_parameter", _select)


def _select(stock: Any, name: str) -> Any:
    arn = _layer(name or "")
    if arn is None:
        return stock(name)
    parameter_arn = f"arn:aws:ssm:{get_region()}::parameter{name}"
    parameter = {"Name": name, "Type": "String", "Value": arn, "Version": 1, "ARN": parameter_arn, "DataType": "text"}
    return {**parameter, "LastModifiedDate": int(time.time())}, None


def _layer(name: str) -> str | None:
    if match := _PANDAS.match(name):
        suffix = "-Arm64" if match["arch"] == "arm64" else ""
        python = match["python"].replace(".", "")
        return f"arn:aws:lambda:{get_region()}:336392948345:layer:AWSSDKPandas-Python{python}{suffix}:1"
    if match := _POWERTOOLS.match(name):
        python = match["python"].replace(".", "")
        name = f"AWSLambdaPowertoolsPythonV3-python{python}-{match['arch']}"
        return f"arn:aws:lambda:{get_region()}:017000801446:layer:{name}:1"
    return None
