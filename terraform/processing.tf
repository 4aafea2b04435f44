# Processing: every new ingest object is an event on a queue, and the process function takes it from there.

# Derived from the contracts, so that no partition is swapped more often than S3 bears; variables win.
locals {
  trigger = {
    for name, given in {
      # In a shorter time than the default fewer objects are done.
      batch_size              = max(1, floor(local.contracts.processing.batch_size * min(1, var.process_timeout_seconds / 120)))
      batching_window_seconds = var.process_batching_window_seconds
      concurrency             = var.process_concurrency
    } : name => coalesce(given, local.contracts.processing[name])
  }
}

module "arrivals" {
  source = "./modules/queue"

  name                     = "${local.prefix}-arrivals"
  consumer_timeout_seconds = var.process_timeout_seconds
  consumer_window_seconds  = local.trigger.batching_window_seconds
  region                   = var.region
  dead_queue_first         = !local.emulated
  # By its name, which is known before the bucket is there: the queue is what all of a first apply waits for.
  senders = { "s3.amazonaws.com" = ["arn:${local.partition}:s3:::${local.bucket_names.ingest}"] }
  tags    = local.tags.processing
}

resource "aws_s3_bucket_notification" "arrivals" {
  bucket = aws_s3_bucket.this["ingest"].id

  dynamic "queue" {
    for_each = local.processed_prefixes
    content {
      id            = trimsuffix(queue.value, "/")
      queue_arn     = module.arrivals.arn
      events        = ["s3:ObjectCreated:*"] # a PUT, or an upload in parts
      filter_prefix = queue.value
    }
  }
}

data "aws_iam_policy_document" "process" {
  statement {
    sid       = "TakeArrivals"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [module.arrivals.arn]
  }

  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = [for prefix in local.processed_prefixes : "${local.ingest_arn}/${prefix}*"] # wildcard: the prefix's objects
  }

  statement {
    sid       = "TellMissingFromForbidden" # without it S3 answers 403 for a key that is not there
    actions   = ["s3:ListBucket"]
    resources = [local.ingest_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix
      variable = "s3:prefix"
      values   = [for prefix in local.processed_prefixes : "${prefix}*"] # wildcard: the prefix's objects
    }
  }

  statement {
    sid     = "CommitPartitions" # a conditional PUT needs s3:GetObject as well
    actions = ["s3:GetObject", "s3:PutObject"]
    # wildcard: pointers, versions and receipts of every table
    resources = [for prefix in ["warehouse/", "receipts/"] : "${local.warehouse_arn}/${prefix}*"]
  }

  statement {
    sid       = "KeepRejectedLines" # s3:GetObject to see whether an earlier try has left some
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.warehouse_arn}/quarantine/*"] # wildcard: rejected lines of every table
  }

  statement {
    sid       = "FindPartitions"
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing pointer, not 403
      variable = "s3:prefix"
      values   = ["warehouse/*", "receipts/*", "quarantine/*"] # wildcard: the prefix's objects
    }
  }

  dynamic "statement" {
    for_each = local.has_databases ? [1] : []
    content {
      sid       = "RememberLatestObject" # a feed's objects have no sequence
      actions   = ["ssm:GetParameters", "ssm:PutParameter"]
      resources = local.table_parameters.latest_object
    }
  }
}

module "process" {
  source = "./modules/function"

  name            = "${local.prefix}-process"
  description     = "Turns ingest objects into rows of the star schema, one commit per partition"
  handler         = "processing.handler.handle"
  policy          = data.aws_iam_policy_document.process.json
  environment     = { POWERTOOLS_SERVICE_NAME = "process" }
  timeout_seconds = var.process_timeout_seconds
  memory_mb       = var.process_memory_mb
  shared          = local.function_settings
  tags            = local.tags.processing
}

resource "aws_lambda_event_source_mapping" "process" {
  event_source_arn                   = module.arrivals.arn
  function_name                      = module.process.name
  batch_size                         = local.trigger.batch_size
  maximum_batching_window_in_seconds = local.trigger.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags.processing

  scaling_config {
    maximum_concurrency = local.trigger.concurrency
  }
}
