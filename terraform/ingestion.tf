# Acquisition: databases by schedule and extract; feeds by schedule, request, queue, pull, stream and Firehose.

locals {
  ingest_arn    = aws_s3_bucket.this["ingest"].arn
  parameter_arn = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter/${var.project}/${var.environment}"
}

resource "aws_scheduler_schedule_group" "this" {
  name = local.prefix
  tags = local.tags.ingestion
}

data "aws_iam_policy_document" "scheduler_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# ---------------------------------------------------------------- databases

data "aws_iam_policy_document" "extract" {
  count = length(local.databases) > 0 ? 1 : 0

  statement {
    sid       = "ReadDatabaseSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for name in distinct(flatten(values(local.databases)[*].secrets)) : aws_secretsmanager_secret.source[name].arn]
  }

  statement {
    sid     = "KeepState"
    actions = ["ssm:GetParameters", "ssm:PutParameter"]
    resources = flatten([
      for name in keys(local.databases) : [ # wildcard: one key per table of the dataset
        "${local.parameter_arn}/${name}/*/timestamp",
        "${local.parameter_arn}/${name}/*/sequential_id", # wildcard: as above
      ]
    ])
  }

  statement {
    sid       = "NextObject" # an id is read alone before it moves by one
    actions   = ["ssm:GetParameter"]
    resources = [for name in keys(local.databases) : "${local.parameter_arn}/${name}/*/sequential_id"] # wildcard: one key per table
  }

  statement {
    sid     = "WriteObjects"
    actions = ["s3:GetObject", "s3:PutObject"]
    # wildcard: the tables' objects; s3:GetObject to read back what a lost answer left open
    resources = [for name in keys(local.databases) : "${local.ingest_arn}/tables/${name}/*"]
  }

  statement {
    sid       = "FindObjectsBeyondState"
    actions   = ["s3:ListBucket"]
    resources = [local.ingest_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      values   = [for name in keys(local.databases) : "tables/${name}/*"] # wildcard: the tables' objects
    }
  }
}

module "extract" {
  count  = length(local.databases) > 0 ? 1 : 0
  source = "./modules/function"

  name               = "${local.prefix}-extract"
  description        = "Reads what changed in a database and writes it as JSON lines, one object per table"
  handler            = "ingestion.extract.handler.handle"
  code               = local.code
  policy             = data.aws_iam_policy_document.extract[0].json
  environment        = merge(local.function_environment, { POWERTOOLS_SERVICE_NAME = "extract" })
  timeout_seconds    = var.extract_timeout_seconds
  memory_mb          = 1024
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  network            = { subnet_ids = var.vpc_subnet_ids, security_group_ids = var.security_group_ids }
  tags               = local.tags.ingestion
}

# Scheduled work comes again by itself: a late or repeated start would only race with the next one.
resource "aws_lambda_function_event_invoke_config" "extract" {
  count = length(local.databases) > 0 ? 1 : 0

  function_name                = module.extract[0].name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 300
}

data "aws_iam_policy_document" "start_extract" {
  count = length(local.databases) > 0 ? 1 : 0

  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [module.extract[0].arn]
  }
}

resource "aws_iam_role" "start_extract" {
  count = length(local.databases) > 0 ? 1 : 0

  name               = "${local.prefix}-start-extract"
  description        = "Lets the schedules start ${local.prefix}-extract"
  assume_role_policy = data.aws_iam_policy_document.scheduler_trust.json
  tags               = local.tags.ingestion
}

resource "aws_iam_role_policy" "start_extract" {
  count = length(local.databases) > 0 ? 1 : 0

  name   = "grants"
  role   = aws_iam_role.start_extract[0].id
  policy = data.aws_iam_policy_document.start_extract[0].json
}

resource "aws_scheduler_schedule" "extract" {
  for_each = local.databases

  #checkov:skip=CKV_AWS_297:the input is a dataset's name, no secret
  name                = "extract-${each.key}"
  description         = "Extracts ${each.key}"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = each.value.schedule
  state               = var.schedules_enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.extract[0].arn
    role_arn = aws_iam_role.start_extract[0].arn
    input    = replace(local.scheduled_event, "DATASET", each.key)
    retry_policy {
      maximum_event_age_in_seconds = 300
      maximum_retry_attempts       = 3
    }
  }
}
