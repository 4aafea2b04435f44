"""Public parameters that name the managed layers."""

from __future__ import annotations

import pytest
from tests.unit.local.emulator.functions import create, invoke

pytestmark = pytest.mark.emulator


def test_public_parameters_name_layers_that_a_function_may_attach(session):
    ssm = session.client("ssm")
    names = ["/aws/service/aws-sdk-pandas/3.16.1/py3.12/x86_64/layer-arn",
             "/aws/service/powertools/python/x86_64/python3.12/latest"]  # fmt: skip
    arns = [ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in names]
    assert [arn.split(":layer:")[1].split(":")[0] for arn in arns] == [
        "AWSSDKPandas-Python312", "AWSLambdaPowertoolsPythonV3-python312-x86_64",
    ]  # fmt: skip
    create(session, "managed", {"index.py": "import awswrangler, aws_lambda_powertools\ndef handler(e, c): return 1"},
           Layers=arns)  # fmt: skip
    assert invoke(session, "managed") == 1
