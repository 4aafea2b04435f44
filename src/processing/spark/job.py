"""Entry of the Spark job: the same file on EMR Serverless, on AWS Glue and on one's own machine.

``job.py --code-bucket BUCKET --environment ENV --jobs PREFIX [--endpoint URL]``. Options that are not its own are the
engine's and passed over. Partitions that were left are no failure of it: each job's outcome says which, and why.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict


def main(arguments: Sequence[str]) -> None:
    """Carry the jobs out and print one line of JSON (``processing.spark.driver.Summary``)."""
    parser = argparse.ArgumentParser(prog="job.py", description="Carry out the jobs of a rebuild by Spark.")
    parser.add_argument("--code-bucket", required=True, help="where the deployment describes itself")
    parser.add_argument("--environment", required=True, help="its name")
    parser.add_argument("--jobs", required=True, help="the prefix below which the run's jobs lie")
    parser.add_argument("--region", default="", help="where the deployment is, if not where the job runs")
    parser.add_argument("--endpoint", default="", help="of an emulator")
    given, _ = parser.parse_known_args(arguments)
    from pyspark.sql import SparkSession  # the engine's own, whichever release it is

    from processing.spark.driver import carry_out
    from processing.spark.runtime import find_services

    where = {"AWS_REGION": given.region, "AWS_DEFAULT_REGION": given.region, "AWS_ENDPOINT_URL": given.endpoint}
    where = {name: value for name, value in where.items() if value}
    session = SparkSession.builder.appName("starmend").getOrCreate()
    services_of = find_services(given.code_bucket, given.environment, where)
    done = carry_out(session, services_of, given.jobs)
    sys.stdout.write(json.dumps(asdict(done)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
