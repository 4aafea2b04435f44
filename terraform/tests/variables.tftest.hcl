# Offline: no provider, no credentials. What AWS would compute gets a likely shape.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "arn:aws:lambda:eu-west-1:336392948345:layer:Managed:1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/x" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::x" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:x" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:x" }
  }
  mock_resource "aws_lambda_layer_version" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:layer:x:1" }
  }
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/x" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:x" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/x" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:x" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x" }
  }
  mock_resource "aws_athena_workgroup" {
    defaults = { arn = "arn:aws:athena:eu-west-1:111122223333:workgroup/x" }
  }
  mock_resource "aws_glue_catalog_database" {
    defaults = { arn = "arn:aws:glue:eu-west-1:111122223333:database/x" }
  }
}

variables {
  environment    = "test"
  contracts_file = "tests/fixtures/contracts.json"
  code_zip       = "tests/fixtures/package.txt"
  layer_zip      = "tests/fixtures/package.txt"
  admin_emails   = ["admin@example.com"]
}

run "an_environment_without_a_name_is_refused" {
  command = plan
  variables {
    environment = "Prod-1"
  }
  expect_failures = [var.environment]
}

run "a_project_that_no_bucket_could_be_called_is_refused" {
  command = plan
  variables {
    project = "My_Project"
  }
  expect_failures = [var.project]
}

run "an_emulator_beyond_this_machine_is_refused" {
  command = plan
  variables {
    emulator_endpoint = "http://10.0.0.1:4566"
  }
  expect_failures = [var.emulator_endpoint]
}

run "destroying_data_in_prod_is_refused" {
  command = plan
  variables {
    environment   = "prod"
    force_destroy = true
  }
  expect_failures = [var.force_destroy]
}

run "an_address_that_is_none_is_refused" {
  command = plan
  variables {
    admin_emails = ["admin at example"]
  }
  expect_failures = [var.admin_emails]
}

run "a_wildcard_among_the_analysts_is_refused" {
  command = plan
  variables {
    analyst_principals = ["arn:aws:iam::111122223333:role/*"]
  }
  expect_failures = [var.analyst_principals]
}

run "subnets_without_a_security_group_are_refused" {
  command = plan
  variables {
    vpc_subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.security_group_ids]
}

run "a_file_that_is_no_rendered_contract_is_refused" {
  command = plan
  variables {
    contracts_file = "tests/fixtures/package.txt"
  }
  expect_failures = [var.contracts_file]
}

run "a_negative_threshold_is_refused" {
  command = plan
  variables {
    alarm_thresholds = { queue_age = -1 }
  }
  expect_failures = [var.alarm_thresholds]
}

run "a_time_out_beyond_lambdas_is_refused" {
  command = plan
  variables {
    process_timeout_seconds = 901
  }
  expect_failures = [var.process_timeout_seconds]
}
