# Feeds: every minute the request function puts the points that are due on a queue; the pull function asks the provider
# and puts the answers into the feed's stream (modules/feeds); Firehose gathers them into objects.

module "requests" {
  count  = local.has_feeds ? 1 : 0
  source = "./modules/queue"

  name                     = "${local.prefix}-requests"
  consumer_timeout_seconds = var.pull_timeout_seconds
  region                   = var.region
  dead_queue_first         = !local.emulated
  tags                     = local.tags.ingestion
}

module "feeds" {
  count  = local.has_feeds ? 1 : 0
  source = "./modules/feeds"

  prefix        = local.prefix
  datasets      = keys(local.feeds)
  requests      = one(module.requests)
  warehouse_arn = local.warehouse_arn
  secret_arns   = [for name in distinct(flatten(values(local.feeds)[*].secrets)) : aws_secretsmanager_secret.source[name].arn]

  streams = {
    name = local.stream_name
    arns = [
      for feed, name in local.stream_names : "arn:${local.partition}:kinesis:${var.region}:${local.account}:stream/${name}"
      if contains(keys(local.streamed), feed)
    ]
    deliveries = [
      for feed, names in local.deliveries :
      "arn:${local.partition}:firehose:${var.region}:${local.account}:deliverystream/${names.stream}"
      if !contains(keys(local.streamed), feed)
    ]
  }

  provider_urls   = var.provider_urls
  drop_one_entity = var.drop_one_entity
  pull            = { timeout_seconds = var.pull_timeout_seconds, concurrency = var.pull_concurrency }
  functions       = local.function_settings
  scheduling      = local.scheduling
  scheduled_event = local.scheduled_event
  tags            = local.tags.ingestion
}

# ---------------------------------------------------------------- stream and delivery

locals {
  # A shard costs 12 USD a month whether or not anything flows. A feed of few records may do without (`stream: false` in its
  # contract): they go straight to their delivery.
  streamed = { for name, feed in local.feeds : name => feed if try(feed.stream, true) }

  # IAM and Firehose take 64 characters. A longer name is cut and ends with a hash of all of it; one that fits stays as it is.
  # The functions name deliveries by the same rule (aws.stream).
  deliveries = {
    for name in keys(local.feeds) : name => {
      for kind, full in { role = "${local.prefix}-deliver-${name}", stream = "${local.prefix}-${name}" } :
      kind => length(full) <= 64 ? full : "${substr(full, 0, 55)}-${substr(sha256(full), 0, 8)}"
    }
  }
}

resource "aws_kinesis_stream" "feed" {
  for_each = local.streamed

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

# Firehose names the account as sts:ExternalId when it takes the role (Firehose Developer Guide, "Allow Firehose to assume an
# IAM role"). A condition on aws:SourceAccount beside it is documented nowhere for Firehose, and would refuse the role where the
# key is not sent.
data "aws_iam_policy_document" "deliver_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "deliver" {
  for_each = local.feeds

  dynamic "statement" {
    for_each = contains(keys(local.streamed), each.key) ? [aws_kinesis_stream.feed[each.key]] : []
    content {
      sid       = "ReadStream"
      actions   = ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
      resources = [statement.value.arn]
    }
  }

  statement {
    sid     = "WriteObjects" # s3:GetObject as in the guide's own policy
    actions = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
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

  name                 = local.deliveries[each.key].role
  description          = "Lets Firehose carry ${each.key} from its stream to S3"
  assume_role_policy   = data.aws_iam_policy_document.deliver_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags.ingestion
}

resource "aws_iam_role_policy" "deliver" {
  for_each = local.feeds

  name   = "grants"
  role   = aws_iam_role.deliver[each.key].name
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
  name        = local.deliveries[each.key].stream
  destination = "extended_s3"
  tags        = local.tags.ingestion

  dynamic "kinesis_source_configuration" {
    for_each = contains(keys(local.streamed), each.key) ? [aws_kinesis_stream.feed[each.key].arn] : []
    content {
      kinesis_stream_arn = kinesis_source_configuration.value
      role_arn           = aws_iam_role.deliver[each.key].arn
    }
  }

  dynamic "server_side_encryption" { # only what comes without a stream is Firehose's to encrypt
    for_each = contains(keys(local.streamed), each.key) ? [] : [1]
    content {
      enabled  = true
      key_type = "AWS_OWNED_CMK"
    }
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
