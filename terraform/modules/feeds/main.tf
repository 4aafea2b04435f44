# What acquires feeds and holds no data: every minute the request function puts the points that are due on the requests queue,
# and the pull function asks the provider and puts the answers into the feed's stream.

# ---------------------------------------------------------------- request

data "aws_iam_policy_document" "request" {
  statement {
    sid       = "AskForPoints"
    actions   = ["sqs:SendMessage"]
    resources = [var.requests.arn]
  }
}

module "request" {
  source = "../function"

  name        = "${var.prefix}-request"
  description = "Puts the points that a feed owes this minute on the queue"
  handler     = "ingestion.request.handler.handle"
  policy      = data.aws_iam_policy_document.request.json
  environment = {
    POWERTOOLS_SERVICE_NAME    = "request"
    STARMEND_REQUEST_QUEUE_URL = var.requests.url
    STARMEND_DROP_ONE_ENTITY   = var.drop_one_entity
  }
  timeout_seconds = 30
  memory_mb       = 512
  shared          = var.functions
  tags            = var.tags
}

# A start that comes a minute late asks for the wrong minute: none is kept, and the auditor fills what is missing.
resource "aws_lambda_function_event_invoke_config" "request" {
  function_name                = module.request.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

module "schedule" {
  source = "../schedule"

  prefix = var.prefix
  name   = "request"
  target = { arn = module.request.arn, action = "lambda:InvokeFunction" }
  schedules = {
    for dataset in var.datasets : dataset => {
      description = "Asks for the points of ${dataset} that are due; the function knows the calendar"
      expression  = "cron(* * * * ? *)" # a cron starts with the minute, a rate with the schedule's creation
      input       = replace(var.scheduled_event, "DATASET", dataset)
    }
  }
  retry      = { attempts = 2, age_seconds = 60 }
  scheduling = var.scheduling
  tags       = var.tags
}

# ---------------------------------------------------------------- pull

data "aws_iam_policy_document" "pull" {
  statement {
    sid       = "TakeRequests"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [var.requests.arn]
  }

  dynamic "statement" {
    for_each = length(var.streams.arns) > 0 ? [1] : []
    content {
      sid       = "WriteToStreams"
      actions   = ["kinesis:PutRecords"]
      resources = var.streams.arns
    }
  }

  dynamic "statement" {
    for_each = length(var.streams.deliveries) > 0 ? [1] : []
    content {
      sid       = "WriteToDeliveries"
      actions   = ["firehose:PutRecordBatch"]
      resources = var.streams.deliveries
    }
  }

  statement {
    sid       = "NoteBrokenAnswers" # for the auditor: what the source says of the same minutes is no proof
    actions   = ["s3:PutObject"]
    resources = ["${var.warehouse_arn}/audit/broken/*"] # wildcard: a note for each slot of each feed
  }

  statement {
    sid       = "TakeTurns" # at a provider, from the one plan that all containers share
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.warehouse_arn}/audit/turns/*"] # wildcard: an object for each provider's account
  }

  statement {
    sid       = "TellNoTurnsFromForbidden" # without it S3 answers 403 for a key that is not there
    actions   = ["s3:ListBucket"]
    resources = [var.warehouse_arn]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["audit/turns/*"] # wildcard: an object for each provider's account
    }
  }

  dynamic "statement" {
    for_each = length(var.secret_arns) > 0 ? [1] : []
    content {
      sid       = "ReadProviderSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.secret_arns
    }
  }
}

module "pull" {
  source = "../function"

  name        = "${var.prefix}-pull"
  description = "Asks the provider for points and puts its answers into the feed's stream"
  handler     = "ingestion.pull.handler.handle"
  policy      = data.aws_iam_policy_document.pull.json
  environment = {
    POWERTOOLS_SERVICE_NAME = "pull"
    STARMEND_STREAM_NAME    = var.streams.name
    STARMEND_PROVIDER_URLS  = jsonencode(var.provider_urls)
  }
  timeout_seconds = var.pull.timeout_seconds
  memory_mb       = 512
  shared          = var.functions
  tags            = var.tags
}

resource "aws_lambda_event_source_mapping" "pull" {
  event_source_arn        = var.requests.arn
  function_name           = module.pull.name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = var.pull.concurrency
  }
}
