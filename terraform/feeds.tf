# Feeds: every minute the request function puts the points that are due on a queue; the pull function asks the provider
# and puts the answers into the feed's stream; Firehose gathers them into objects.

locals {
  has_feeds   = length(local.feeds) > 0
  stream_name = "${local.prefix}-{dataset}" # one stream per feed; the functions fill in the dataset
  # Streams take half a minute to make; what only needs to name them does not wait.
  stream_names = { for name in keys(local.feeds) : name => replace(local.stream_name, "{dataset}", name) }
}

# ---------------------------------------------------------------- request

data "aws_iam_policy_document" "request" {
  count = local.has_feeds ? 1 : 0

  statement {
    sid       = "AskForPoints"
    actions   = ["sqs:SendMessage"]
    resources = [module.requests[0].arn]
  }
}

module "request" {
  count  = local.has_feeds ? 1 : 0
  source = "./modules/function"

  name        = "${local.prefix}-request"
  description = "Puts the points that a feed owes this minute on the queue"
  handler     = "ingestion.request.handler.handle"
  code        = local.code
  policy      = data.aws_iam_policy_document.request[0].json
  environment = merge(local.function_environment, {
    POWERTOOLS_SERVICE_NAME    = "request"
    STARMEND_REQUEST_QUEUE_URL = module.requests[0].url
    STARMEND_DROP_ONE_ENTITY   = var.drop_one_entity
  })
  timeout_seconds    = 30
  memory_mb          = 512
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  tags               = local.tags.ingestion
}

# A start that comes a minute late asks for the wrong minute: none is kept, and the auditor fills what is missing.
resource "aws_lambda_function_event_invoke_config" "request" {
  count = local.has_feeds ? 1 : 0

  function_name                = module.request[0].name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

data "aws_iam_policy_document" "start_request" {
  count = local.has_feeds ? 1 : 0

  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [module.request[0].arn]
  }
}

resource "aws_iam_role" "start_request" {
  count = local.has_feeds ? 1 : 0

  name               = "${local.prefix}-start-request"
  description        = "Lets the schedules start ${local.prefix}-request"
  assume_role_policy = data.aws_iam_policy_document.scheduler_trust.json
  tags               = local.tags.ingestion
}

resource "aws_iam_role_policy" "start_request" {
  count = local.has_feeds ? 1 : 0

  name   = "grants"
  role   = aws_iam_role.start_request[0].id
  policy = data.aws_iam_policy_document.start_request[0].json
}

resource "aws_scheduler_schedule" "request" {
  for_each = local.feeds

  #checkov:skip=CKV_AWS_297:the input is a dataset's name, no secret
  name                = "request-${each.key}"
  description         = "Asks for the points of ${each.key} that are due; the function knows the calendar"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = "cron(* * * * ? *)" # a cron starts with the minute, a rate with the schedule's creation
  state               = var.schedules_enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.request[0].arn
    role_arn = aws_iam_role.start_request[0].arn
    input    = replace(local.scheduled_event, "DATASET", each.key)
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 2
    }
  }
}

# ---------------------------------------------------------------- pull

module "requests" {
  count  = local.has_feeds ? 1 : 0
  source = "./modules/queue"

  name                     = "${local.prefix}-requests"
  consumer_timeout_seconds = var.pull_timeout_seconds
  region                   = var.region
  dead_queue_first         = !local.emulated
  tags                     = local.tags.ingestion
}

data "aws_iam_policy_document" "pull" {
  count = local.has_feeds ? 1 : 0

  statement {
    sid       = "TakeRequests"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [module.requests[0].arn]
  }

  statement {
    sid       = "WriteToStreams"
    actions   = ["kinesis:PutRecords"]
    resources = [for name in local.stream_names : "arn:${local.partition}:kinesis:${var.region}:${local.account}:stream/${name}"]
  }

  dynamic "statement" {
    for_each = length(flatten(values(local.feeds)[*].secrets)) > 0 ? [1] : []
    content {
      sid       = "ReadProviderSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for name in distinct(flatten(values(local.feeds)[*].secrets)) : aws_secretsmanager_secret.source[name].arn]
    }
  }
}

module "pull" {
  count  = local.has_feeds ? 1 : 0
  source = "./modules/function"

  name        = "${local.prefix}-pull"
  description = "Asks the provider for points and puts its answers into the feed's stream"
  handler     = "ingestion.pull.handler.handle"
  code        = local.code
  policy      = data.aws_iam_policy_document.pull[0].json
  environment = merge(local.function_environment, {
    POWERTOOLS_SERVICE_NAME = "pull"
    STARMEND_STREAM_NAME    = local.stream_name
    STARMEND_PROVIDER_URLS  = jsonencode(var.provider_urls)
  })
  timeout_seconds    = var.pull_timeout_seconds
  memory_mb          = 512
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  tags               = local.tags.ingestion
}

resource "aws_lambda_event_source_mapping" "pull" {
  count = local.has_feeds ? 1 : 0

  event_source_arn        = module.requests[0].arn
  function_name           = module.pull[0].name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags.ingestion

  scaling_config {
    maximum_concurrency = var.pull_concurrency
  }
}

# ---------------------------------------------------------------- stream and delivery

resource "aws_kinesis_stream" "feed" {
  for_each = local.feeds

  #checkov:skip=CKV_AWS_185:Kinesis's own key; the records are market prices on their way to S3
  name             = local.stream_names[each.key]
  shard_count      = var.stream_shards > 0 ? var.stream_shards : null
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"
  tags             = local.tags.ingestion

  stream_mode_details {
    stream_mode = var.stream_shards > 0 ? "PROVISIONED" : "ON_DEMAND"
  }
}

data "aws_iam_policy_document" "deliver_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "deliver" {
  for_each = local.feeds

  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.feed[each.key].arn]
  }

  statement {
    sid     = "WriteObjects"
    actions = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    # wildcard: Firehose names its objects
    resources = ["${local.ingest_arn}/feeds/${each.key}/*", "${local.ingest_arn}/feeds-errors/${each.key}/*"]
  }

  statement {
    sid       = "FindBucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.ingest_arn]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.deliver[each.key].arn}:log-stream:${aws_cloudwatch_log_stream.deliver[each.key].name}"]
  }
}

resource "aws_iam_role" "deliver" {
  for_each = local.feeds

  name               = "${local.prefix}-deliver-${each.key}"
  description        = "Lets Firehose carry ${each.key} from its stream to S3"
  assume_role_policy = data.aws_iam_policy_document.deliver_trust.json
  tags               = local.tags.ingestion
}

resource "aws_iam_role_policy" "deliver" {
  for_each = local.feeds

  name   = "grants"
  role   = aws_iam_role.deliver[each.key].id
  policy = data.aws_iam_policy_document.deliver[each.key].json
}

resource "aws_cloudwatch_log_group" "deliver" {
  for_each = local.feeds

  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every group; these lines hold delivery errors alone
  #checkov:skip=CKV_AWS_338:retention is the operator's choice (variable)
  name              = "/aws/kinesisfirehose/${local.prefix}-${each.key}"
  retention_in_days = var.log_retention_days
  tags              = local.tags.ingestion
}

resource "aws_cloudwatch_log_stream" "deliver" {
  for_each = local.feeds

  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.deliver[each.key].name
}

resource "aws_kinesis_firehose_delivery_stream" "feed" {
  for_each = local.feeds

  #checkov:skip=CKV_AWS_240:the source is an encrypted stream, which Firehose does not encrypt again
  #checkov:skip=CKV_AWS_241:the source is an encrypted stream, which Firehose does not encrypt again
  name        = "${local.prefix}-${each.key}"
  destination = "extended_s3"
  tags        = local.tags.ingestion

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.feed[each.key].arn
    role_arn           = aws_iam_role.deliver[each.key].arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.deliver[each.key].arn
    bucket_arn          = local.ingest_arn
    prefix              = "feeds/${each.key}/!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "feeds-errors/${each.key}/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
    buffering_interval  = var.firehose_interval_seconds
    buffering_size      = 5
    compression_format  = "GZIP"

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.deliver[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.deliver[each.key].name
    }
  }

  depends_on = [aws_iam_role_policy.deliver]
}
