# Offline: no provider, no credentials.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # what AWS would compute is known without an apply, and nothing needs tearing down
}

variables {
  environment    = "test"
  account        = "111122223333"
  contracts_file = "tests/fixtures/contracts.json"
  code_zip       = { hash = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", file = "tests/fixtures/package.txt" }
  layer_zips = {
    base   = { hash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", file = "not built" }
    athena = { hash = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", file = "not built" }
  }
  admin_emails = ["admin@example.com"]
}

# One plan for all of them: what is refused is refused together, and each refusal is expected by name.
run "values_that_cannot_work_are_refused" {
  command = plan

  variables {
    project              = "My_Project"          # no bucket could be called so
    environment          = "prod"                # where
    name_suffix          = "us_2"                # nor so
    account              = "1234"                # no account
    permissions_boundary = "boundary"            # no ARN
    company_tags         = { Project = "other" } # ours
    vpc_endpoints = {                            # everybody
      vpc_id = "vpc-1", route_table_ids = ["rtb-1"], admit = { cidrs = ["0.0.0.0/0"] }
    }
    force_destroy           = true                                 # data are never destroyed
    emulator_endpoint       = "http://10.0.0.1:4566"               # an emulator beyond this machine
    admin_emails            = ["admin at example"]                 # no address
    analyst_principals      = ["arn:aws:iam::111122223333:role/*"] # everybody
    vpc_subnet_ids          = ["subnet-1"]                         # subnets without a security group
    contracts_file          = "tests/fixtures/package.txt"         # no rendered contract
    report_url              = "http://data.example.com/health"     # whoever listens could change it on the way
    alarm_thresholds        = { queue_age = -1 }                   # younger than new
    process_timeout_seconds = 901                                  # beyond Lambda's limit
    audit_wait_seconds      = 0
    spark                   = { engine = "dataproc", packages = "tests/fixtures/package.txt" } # nobody knows it
  }

  expect_failures = [
    var.project,
    var.name_suffix,
    var.account,
    var.permissions_boundary,
    var.company_tags,
    var.vpc_endpoints,
    var.force_destroy,
    var.emulator_endpoint,
    var.admin_emails,
    var.analyst_principals,
    var.security_group_ids,
    var.contracts_file,
    var.report_url,
    var.alarm_thresholds,
    var.process_timeout_seconds,
    var.audit_wait_seconds,
    var.spark,
  ]
}

run "an_environment_without_a_name_is_refused" {
  command = plan

  variables {
    environment = "Prod-1"
  }

  expect_failures = [var.environment]
}

run "a_name_that_aws_keeps_for_itself_is_refused" {
  command = plan

  variables {
    project = "awsome" # /awsome/test/... could be no parameter
  }

  expect_failures = [var.project]
}
