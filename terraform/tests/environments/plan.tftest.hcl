# Offline, once per file of environments/: what its variables make of the module (tests/terraform gives the file).
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  account        = "111122223333"
  contracts_file = "tests/fixtures/contracts.json"
  code_zip       = { hash = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", file = "tests/fixtures/package.txt" }
  layer_zips = {
    base   = { hash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", file = "not built" }
    athena = { hash = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", file = "not built" }
  }
}

run "plan" {
  command = plan

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : startswith(bucket.bucket, "starmend-${var.environment}-")])
    error_message = "Everything bears the environment's name."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : bucket.force_destroy == (var.environment == "dev")])
    error_message = "Data are destroyed in dev alone."
  }

  assert {
    condition = (
      alltrue([for schedule in module.feeds[0].schedules : schedule.state == "DISABLED"])
      && length(aws_cloudwatch_metric_alarm.schedule_silent) == 0
    )
    error_message = "Nothing runs, and no silence alarms, before the secrets are filled."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.admin) == length(var.admin_emails)
    error_message = "Whoever the file names is mailed."
  }
}
