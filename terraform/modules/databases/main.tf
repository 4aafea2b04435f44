# What talks to databases and holds no data: the extract function, which reads what changed in each by schedule, and the check
# function, the auditor's way to them.

# ---------------------------------------------------------------- extract

data "aws_iam_policy_document" "extract" {
  statement {
    sid       = "ReadDatabaseSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns
  }

  statement {
    sid       = "KeepState"
    actions   = ["ssm:GetParameters", "ssm:PutParameter"]
    resources = concat(var.table_parameters.timestamp, var.table_parameters.sequential_id)
  }

  statement {
    sid       = "NextObject" # an id is read alone before it moves by one
    actions   = ["ssm:GetParameter"]
    resources = var.table_parameters.sequential_id
  }

  statement {
    sid       = "WriteObjects"
    actions   = ["s3:GetObject", "s3:PutObject"] # s3:GetObject to read back what a lost answer left open
    resources = concat(local.table_objects, local.hash_lists)
  }

  statement {
    sid       = "FindObjectsBeyondState"
    actions   = ["s3:ListBucket"]
    resources = [var.ingest_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      # wildcard: the tables' objects
      values = flatten([for dataset in keys(var.datasets) : ["tables/${dataset}/*", "lists/${dataset}/*"]])
    }
  }
}

module "extract" {
  source = "../function"

  name            = "${var.prefix}-extract"
  description     = "Reads what changed in a database and writes it as JSON lines, one object per table"
  handler         = "ingestion.extract.handler.handle"
  policy          = data.aws_iam_policy_document.extract.json
  environment     = merge(var.endpoint_urls, { POWERTOOLS_SERVICE_NAME = "extract" })
  timeout_seconds = var.extract_timeout_seconds
  memory_mb       = 1024
  shared          = var.functions
  network         = var.network
  tags            = var.tags
}

# Scheduled work comes again by itself: a late or repeated start would only race with the next one.
resource "aws_lambda_function_event_invoke_config" "extract" {
  function_name                = module.extract.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 300
}

module "schedule" {
  source = "../schedule"

  prefix = var.prefix
  name   = "extract"
  target = { arn = module.extract.arn, action = "lambda:InvokeFunction" }
  schedules = {
    for dataset, expression in var.datasets : dataset => {
      description = "Extracts ${dataset}"
      expression  = expression
      input       = replace(var.scheduled_event, "DATASET", dataset)
    }
  }
  retry      = { attempts = 3, age_seconds = 300 }
  scheduling = var.scheduling
  tags       = var.tags
}

# ---------------------------------------------------------------- check

# The one function of the auditor that talks to databases. It answers what the audit asks (how many rows of which version, and
# which), and fetches rows again, into repair/ beside the sequence. It never writes a fact, a table's own object or a parameter.
data "aws_iam_policy_document" "check" {
  statement {
    sid       = "ReadDatabaseSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns
  }

  statement {
    sid       = "SeeState" # which object is the newest
    actions   = ["ssm:GetParameters"]
    resources = concat(var.table_parameters.timestamp, var.table_parameters.sequential_id)
  }

  statement {
    sid       = "ReadObjects" # in which a deleted row was last seen
    actions   = ["s3:GetObject"]
    resources = local.table_objects
  }

  statement {
    sid       = "WriteRepairs"
    actions   = ["s3:GetObject", "s3:PutObject"] # s3:GetObject to read back what a lost answer left open
    resources = concat(local.repair_objects, local.hash_lists)
  }

  statement {
    sid       = "FindObjects"
    actions   = ["s3:ListBucket"]
    resources = [var.ingest_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      # wildcard: the tables' objects
      values = flatten([for dataset in keys(var.datasets) : ["tables/${dataset}/*", "repair/${dataset}/*", "lists/${dataset}/*"]])
    }
  }

  statement {
    sid       = "Papers" # jobs in; answers that are too large for an answer, and word of each job, out
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = var.run_files
  }

  statement {
    sid       = "TellMissingFromForbidden" # without it S3 answers 403 for a job that is not there
    actions   = ["s3:ListBucket"]
    resources = [var.warehouse_arn]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["audit/*"] # wildcard: the files of every run
    }
  }
}

module "check" {
  source = "../function"

  name            = "${var.prefix}-check"
  description     = "Answers the auditor's questions about a database, and fetches rows again beside the sequence"
  handler         = "ingestion.check.handler.handle"
  policy          = data.aws_iam_policy_document.check.json
  environment     = merge(var.endpoint_urls, { POWERTOOLS_SERVICE_NAME = "check" })
  timeout_seconds = var.check_timeout_seconds
  memory_mb       = 1024
  shared          = var.functions
  network         = var.network
  tags            = var.audit_tags
  repair          = "re-extract"
}

locals {
  # wildcard: the tables' objects
  table_objects  = [for dataset in keys(var.datasets) : "${var.ingest_arn}/tables/${dataset}/*"]
  repair_objects = [for dataset in keys(var.datasets) : "${var.ingest_arn}/repair/${dataset}/*"]
  hash_lists     = [for dataset in keys(var.datasets) : "${var.ingest_arn}/lists/${dataset}/*"] # what a row's hash is made of
}
