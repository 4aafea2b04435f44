# Spark: what either engine is given (that there is none unless it is asked for: pipeline.tftest.hcl). Offline: no provider, no credentials.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment    = "test"
  account        = "111122223333"
  contracts_file = "tests/fixtures/contracts.json"
  code_zip       = { hash = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", file = "tests/fixtures/package.txt" }
  admin_emails   = ["admin@example.com"]
}

run "emr_serverless" {
  command = plan

  variables {
    spark = { engine = "emr-serverless", packages = "tests/fixtures/package.txt", most_workers = 20 }
  }

  assert {
    condition = (
      length(aws_emrserverless_application.spark[0].initial_capacity) == 0
      && one(aws_emrserverless_application.spark[0].auto_stop_configuration).enabled
      && one(aws_emrserverless_application.spark[0].maximum_capacity).cpu == "84 vCPU"
    )
    error_message = "An application keeps no capacity, stops by itself, and grows no further than it may."
  }

  assert {
    condition = alltrue([
      length(aws_glue_job.spark) == 0,
      local.spark.engine == "emr-serverless",
      strcontains(local.spark.settings, "--conf spark.dynamicAllocation.maxExecutors=20"),
      strcontains(local.spark.settings, "code/cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.zip"),
      endswith(local.spark.script, ".py"),
    ])
    error_message = "The deployment says how a run is started: by the functions' own code, with what the job brings along."
  }
}

run "glue" {
  command = plan

  variables {
    spark = { engine = "glue", packages = "tests/fixtures/package.txt", glue_version = "6.0" }
  }

  assert {
    condition = alltrue([
      length(aws_emrserverless_application.spark) == 0,
      local.spark == { engine = "glue", job = "starmend-test-spark" },
      aws_glue_job.spark[0].glue_version == "6.0",
      endswith(aws_glue_job.spark[0].default_arguments["--additional-python-modules"], ".gluewheels.zip"),
      aws_glue_job.spark[0].default_arguments["--environment"] == "test",
    ])
    error_message = "A job of Glue runs the same file, and installs the wheels that it was tested with."
  }
}
