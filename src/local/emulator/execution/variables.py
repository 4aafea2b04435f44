"""Environment variables of a function: Lambda's, its own, where the emulator is; none other of this machine's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

# A reserved variable is Lambda's alone ("Using Lambda environment variables").
_PASSED_ON = ("LD_LIBRARY_PATH", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")


def function_variables(
    config: Mapping[str, Any], *, region: str, credentials: Mapping[str, str], endpoint: str, task: str, version: str
) -> dict[str, str]:
    """The environment in which the function of this configuration starts."""
    name, qualifier = str(config.get("FunctionName", "")), str(config.get("Version", "$LATEST"))
    stated = (config.get("Environment") or {}).get("Variables") or {}
    logging = config.get("LoggingConfig") or {}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # `<route>.127.0.0.1` resolves nowhere
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "AWS_ENDPOINT_URL": endpoint,
        **{key: str(value) for key, value in stated.items()},
        **credentials,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": qualifier,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup") or f"/aws/lambda/{name}",
        "LAMBDA_TASK_ROOT": task,
        "_HANDLER": str(config.get("Handler", "index.handler")),
    }
