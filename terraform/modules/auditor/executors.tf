# The executors of repairs beside the arrivals queue and the check function: processing's own work done again, and the
# source asked again.

locals {
  arrived = [for prefix in var.processed_prefixes : "${var.buckets.ingest}/${prefix}*"] # wildcard: the prefix's objects
}

# ---------------------------------------------------------------- make again: processing's own work

data "aws_iam_policy_document" "restate" {
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = concat(local.arrived, var.run_files)
  }

  statement {
    sid       = "CommitPartitions"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.buckets.warehouse}/warehouse/*"] # wildcard: pointers and versions of every table
  }

  statement {
    sid     = "RemoveOldObjects" # what no pointer will name again; of retired generations the pointers and what audits remember too
    actions = ["s3:DeleteObject"]
    # wildcard: versions and pointers of every table, and the proofs of its partitions
    resources = [for key in ["warehouse/_data/*", "warehouse/*/symlink.txt", "audit/proofs/*"] : "${var.buckets.warehouse}/${key}"]
  }

  statement {
    sid       = "WriteDown"
    actions   = ["s3:PutObject"]
    resources = var.run_files
  }

  statement {
    sid     = "ProcessAgain" # objects of a replay at scale leave what processing leaves
    actions = ["s3:GetObject", "s3:PutObject"]
    # wildcard: receipts and rejected lines of every table
    resources = [for prefix in ["receipts/", "quarantine/"] : "${var.buckets.warehouse}/${prefix}*"]
  }

  dynamic "statement" {
    for_each = var.databases[*]
    content {
      sid       = "RememberLatestObject"
      actions   = ["ssm:GetParameters", "ssm:PutParameter"]
      resources = [for parameter in statement.value.parameters : parameter if endswith(parameter, "/latest_object")]
    }
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets.ingest, var.buckets.warehouse]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      # wildcard: the prefix's objects
      values = concat([for prefix in var.processed_prefixes : "${prefix}*"], ["warehouse/*", "audit/*", "receipts/*", "quarantine/*"])
    }
  }
}

module "restate" {
  source = "../function"

  name            = "${var.prefix}-restate"
  description     = "Makes partitions again, from ingest objects or inputs, and removes objects that nothing points to"
  handler         = "processing.restating.handler.handle"
  policy          = data.aws_iam_policy_document.restate.json
  environment     = { POWERTOOLS_SERVICE_NAME = "restate" }
  timeout_seconds = var.timing.step_seconds
  memory_mb       = var.restate_memory_mb
  shared          = var.functions
  tags            = var.tags
  repair          = "restate"
}

# ---------------------------------------------------------------- ask the source again: acquisition's own work

data "aws_iam_policy_document" "repair" {
  source_policy_documents = var.history.policies

  override_policy_documents = [data.aws_iam_policy_document.take_repairs.json]
}

data "aws_iam_policy_document" "take_repairs" {
  statement {
    sid       = "TakeRequests" # instead of the pull function's own queue
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [var.repairs.arn]
  }

  statement {
    sid       = "Papers"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = var.run_files
  }

  statement {
    sid       = "KeepBadRecords" # of a provider; no ingest object holds them
    actions   = ["s3:PutObject"]
    resources = ["${var.buckets.warehouse}/quarantine/*"] # wildcard: records of every feed
  }

  statement {
    sid       = "TellMissingFromForbidden" # without it S3 answers 403 for a key that is not there
    actions   = ["s3:ListBucket"]
    resources = [var.buckets.warehouse]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["audit/*"] # wildcard: the files of every run
    }
  }

  statement {
    sid       = "BringBackObjects"
    actions   = ["s3:DeleteObjectVersion"] # of a delete marker: the old version is the object again
    resources = local.arrived
  }

  statement {
    sid       = "FindOldVersions"
    actions   = ["s3:ListBucketVersions"]
    resources = [var.buckets.ingest]
  }

  statement {
    sid       = "AnswerStateMachine"
    actions   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
    resources = [local.machine_arn]
  }
}

module "repair" {
  source = "../function"

  name        = "${var.prefix}-repair"
  description = "Asks a provider's history for what is missing, into the same stream, and brings back lost objects"
  handler     = "ingestion.repair.handler.handle"
  policy      = data.aws_iam_policy_document.repair.json
  environment = {
    POWERTOOLS_SERVICE_NAME = "repair"
    STARMEND_STREAM_NAME    = var.history.stream_name
    STARMEND_PROVIDER_URLS  = jsonencode(var.history.urls)
  }
  timeout_seconds = var.timing.step_seconds
  memory_mb       = 512
  shared          = var.functions
  tags            = var.tags
  repair          = "history"
}

resource "aws_lambda_event_source_mapping" "repair" {
  event_source_arn        = var.repairs.arn
  function_name           = module.repair.name
  batch_size              = 1 # a job may take long, and each answers for itself
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = var.history.concurrency
  }
}
