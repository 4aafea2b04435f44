# Offline: no provider, no credentials. What the auditor's functions may do, and what its state machine does.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # what AWS would compute is known without an apply, and nothing needs tearing down
}

variables {
  prefix             = "starmend-test"
  region             = "eu-west-1"
  datasets           = ["sales"]
  canaries           = []
  buckets            = { ingest = "arn:aws:s3:::ingest", warehouse = "arn:aws:s3:::warehouse", results = "arn:aws:s3:::results" }
  ingest_arn         = "arn:aws:s3:::ingest"
  warehouse_arn      = "arn:aws:s3:::warehouse"
  processed_prefixes = ["tables/", "feeds/", "repair/"]
  run_files          = ["arn:aws:s3:::warehouse/audit/*"]
  arrivals = {
    arn      = "arn:aws:sqs:eu-west-1:111122223333:arrivals"
    url      = "arrivals"
    dead_arn = "arn:aws:sqs:eu-west-1:111122223333:dead"
    dead_url = "dead"
  }
  repairs = { arn = "arn:aws:sqs:eu-west-1:111122223333:repairs", url = "repairs" }
  history = { policies = [], stream_name = "starmend-test-{dataset}", urls = {}, concurrency = 2 }
  athena = {
    workgroup = { name = "auditor", arn = "arn:aws:athena:eu-west-1:111122223333:workgroup/auditor" }
    database  = { name = "stars", arn = "arn:aws:glue:eu-west-1:111122223333:database/stars" }
  }
  admins = {
    topic_arn   = "arn:aws:sns:eu-west-1:111122223333:alarms"
    key_arn     = "arn:aws:kms:eu-west-1:111122223333:key/alarms"
    runbook_url = "docs/runbook.md"
  }
  alarms = {
    namespace  = "Starmend"
    dimensions = { project = "starmend", environment = "test" }
    runbook = {
      audit-failed  = "Runbook: docs/runbook.md#audit-failed"
      audit-silent  = "Runbook: docs/runbook.md#audit-silent"
      canary-dead   = "Runbook: docs/runbook.md#canary-dead"
      gaps-unhealed = "Runbook: docs/runbook.md#gaps-unhealed"
    }
    tags = {}
  }
  limits            = {}
  timing            = { step_seconds = 300, wait_seconds = 90, retry_seconds = 10 }
  restate_memory_mb = 1769

  at_scale_concurrency = 16
  functions = {
    code               = { bucket = "b", key = "k", hash = "h", architecture = "x86_64", layers = {} }
    environment        = {}
    log_retention_days = 30
    tracing            = false
  }
  scheduling      = { group = "starmend-test", enabled = true }
  scheduled_event = "{\"dataset\":\"DATASET\"}"
  secret_arns     = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:sales-db"]
  table_parameters = {
    timestamp     = ["arn:aws:ssm:eu-west-1:111122223333:parameter/sales/*/timestamp"]
    sequential_id = ["arn:aws:ssm:eu-west-1:111122223333:parameter/sales/*/sequential_id"]
  }
  extract_timeout_seconds = 600
  check_timeout_seconds   = 300
  network                 = { subnet_ids = [], security_group_ids = [] }
  audit_tags              = {}
  tags                    = {}
}

run "with_databases" {
  command = plan

  module {
    source = "./modules/auditor"
  }

  variables {
    canaries = ["sales"]
    databases = {
      check = { name = "starmend-test-check", arn = "arn:aws:lambda:eu-west-1:111122223333:function:starmend-test-check" }
      parameters = [
        for key in ["timestamp", "latest_object"] : "arn:aws:ssm:eu-west-1:111122223333:parameter/sales/*/${key}"
      ]
      objects = ["arn:aws:s3:::ingest/tables/sales/*"]
    }
  }

  assert {
    condition = jsonencode({
      for step, document in data.aws_iam_policy_document.step : step => sort(distinct([
        for action in flatten([for statement in document.statement : tolist(statement.actions)]) :
        action if !startswith(action, "s3:")
      ]))
      }) == jsonencode({
      audit    = ["lambda:InvokeFunction", "sqs:ReceiveMessage", "ssm:GetParameters"]
      certify  = []
      conclude = ["kms:Decrypt", "kms:GenerateDataKey", "sns:GetTopicAttributes", "sns:Publish"]
      plan     = []
      queue = [
        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage", "ssm:GetParameters",
        "ssm:PutParameter"
      ]
      verify = ["lambda:InvokeFunction", "sqs:ReceiveMessage", "ssm:GetParameters"]
    })
    error_message = "Only the steps that look ask the database; only the one that queues writes parameters and moves dead letters."
  }

  assert {
    condition = jsonencode({
      for statement in data.aws_iam_policy_document.page.statement : statement.sid => statement.actions
      }) == jsonencode({
      ReadRecords       = ["s3:GetObject"]
      ReadLines         = ["s3:GetObject"]
      Find              = ["s3:ListBucket"]
      ReadLatestObjects = ["ssm:GetParameters"]
      WritePage         = ["s3:PutObject"]
      }) && toset(flatten([
        for statement in data.aws_iam_policy_document.page.statement : tolist(statement.resources)
        if contains(["WritePage", "ReadLatestObjects"], statement.sid)
    ])) == toset(["arn:aws:s3:::warehouse/page/*", "arn:aws:ssm:eu-west-1:111122223333:parameter/sales/*/latest_object"])
    error_message = "The page's function reads, and writes the page alone."
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.audit.definition).States.Plan.Retry == [{
      BackoffRate = 2
      ErrorEquals = [
        "OutOfReach",
        "TransientFailure",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
      ]
      IntervalSeconds = 10
      JitterStrategy  = "FULL"
      MaxAttempts     = 4
    }]
    error_message = "A step that met a service out of reach is tried again, later and later."
  }

  assert {
    condition = alltrue([
      for name, state in jsondecode(aws_sfn_state_machine.audit.definition).States :
      state.Catch[0].Next == "Tell of the failure"
      if contains(["Task", "Map"], state.Type) && name != "Tell of the failure"
    ])
    error_message = "Whatever fails for good, the admins are told."
  }

  assert {
    condition = alltrue([
      for state in jsondecode(aws_sfn_state_machine.audit.definition).States.Repair.ItemProcessor.States :
      state.Catch[0].Next == "Leave it to the verdict" if state.Type == "Task"
    ])
    error_message = "A job that fails ends no run."
  }

  assert {
    condition = jsondecode(
      aws_sfn_state_machine.audit.definition
      ).States.Repair.ItemProcessor.States["Which executor?"].Choices[*].StringEquals == [
      "process", "restate", "extract", "acquire"
    ]
    error_message = "A job goes to the executor that its plan names."
  }

  assert {
    condition = alltrue([
      for kind, alarm in {
        audit-failed  = aws_cloudwatch_metric_alarm.audit_failed
        audit-silent  = aws_cloudwatch_metric_alarm.audit_silent["sales"]
        canary-dead   = aws_cloudwatch_metric_alarm.canary_dead["sales"]
        gaps-unhealed = aws_cloudwatch_metric_alarm.gaps_unhealed["sales"]
      } : endswith(alarm.alarm_description, " Runbook: docs/runbook.md#${kind}")
    ])
    error_message = "Every alarm's description ends with its section of the runbook."
  }
}

run "without_databases" {
  command = plan

  module {
    source = "./modules/auditor"
  }

  assert {
    condition = alltrue([
      for action in flatten([
        for statement in data.aws_iam_policy_document.step["audit"].statement : tolist(statement.actions)
      ]) : startswith(action, "s3:") || action == "sqs:ReceiveMessage"
    ])
    error_message = "A feed's audit reads objects, and sees dead letters."
  }

  assert {
    condition = !strcontains(aws_sfn_state_machine.audit.definition, "Extract again") && jsondecode(
      aws_sfn_state_machine.audit.definition
      ).States.Repair.ItemProcessor.States["Which executor?"].Choices[*].StringEquals == [
      "process", "restate", "acquire"
    ]
    error_message = "Without a database nothing asks one."
  }
}

run "the_way_to_databases" {
  command = plan

  module {
    source = "./modules/databases"
  }

  variables {
    datasets = { sales = "rate(5 minutes)" }
  }

  assert {
    condition = toset(flatten([
      for statement in data.aws_iam_policy_document.check.statement :
      statement.resources if contains(statement.actions, "s3:PutObject")
    ])) == toset(["arn:aws:s3:::ingest/repair/sales/*", "arn:aws:s3:::ingest/lists/sales/*", "arn:aws:s3:::warehouse/audit/*"])
    error_message = "The function that talks to a database for the auditor writes repairs, lists and the files of runs, nothing else."
  }
}
