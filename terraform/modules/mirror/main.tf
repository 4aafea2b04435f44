# The mirror: a function that a schedule starts, which asks its queue for every table, and takes one table at a time from there.
# Messages of a table are a group of their own: while one is in work, Lambda is given no other of it (SQS Developer Guide, "FIFO
# queue delivery logic"). It reads pointers and objects, and writes Iceberg's metadata beside them and entries of the catalog.

locals {
  metadata = "${var.warehouse_arn}/warehouse/_iceberg/*" # wildcard: the metadata of every table
}

module "queue" {
  source = "../queue"

  name                     = "${var.prefix}-mirror"
  fifo                     = true
  consumer_timeout_seconds = var.timing.timeout_seconds
  region                   = var.region
  dead_queue_first         = var.dead_queue_first
  tags                     = var.tags
}

data "aws_iam_policy_document" "mirror" {
  statement {
    sid     = "ReadTables"
    actions = ["s3:GetObject"]
    resources = [
      "${var.warehouse_arn}/warehouse/*/symlink.txt",   # wildcard: the pointers of every partition
      "${var.warehouse_arn}/warehouse/_data/*",         # wildcard: the objects of every partition, of which the footers are read
      "${var.warehouse_arn}/warehouse/_certificates/*", # wildcard: what is certified of the rows, to which the tags go
      "${var.warehouse_arn}/audit/state/*",             # wildcard: how far the audits of every dataset came
      local.metadata,
    ]
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [var.warehouse_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      values   = ["warehouse/*"] # wildcard: the folders of the tables
    }
  }

  statement {
    sid       = "WriteMetadata"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = [local.metadata]
  }

  statement {
    sid     = "MoveCatalog"
    actions = ["glue:GetTable", "glue:UpdateTable", "glue:CreateTable"] # the last makes the views of what is certified
    resources = [
      var.catalog.arn,
      var.catalog.database_arn,
      "${var.catalog.tables_arn}/*", # wildcard: all tables of the mirrors' own database
    ]
  }

  statement {
    sid       = "TakeTables"
    actions   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [module.queue.arn]
  }
}

module "mirror" {
  source = "../function"

  name        = "${var.prefix}-mirror"
  description = "Makes Iceberg tables of the star, over the same objects"
  handler     = "mirror.scheduled.handler.handle"
  policy      = data.aws_iam_policy_document.mirror.json
  environment = {
    POWERTOOLS_SERVICE_NAME   = "mirror"
    STARMEND_MIRROR_QUEUE_URL = module.queue.url
    STARMEND_MIRROR_DATABASE  = var.catalog.database
  }
  timeout_seconds = var.timing.timeout_seconds
  memory_mb       = 1769
  shared          = var.functions
  layers          = ["base", "iceberg"]
  tags            = var.tags
}

resource "aws_lambda_event_source_mapping" "mirror" {
  event_source_arn        = module.queue.arn
  function_name           = module.mirror.name
  batch_size              = 10 # SQS's most for a FIFO queue: several tables to one start
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = 2 # the least that SQS's triggers take
  }
}

module "schedule" {
  source = "../schedule"

  prefix = var.prefix
  name   = "mirror"
  target = { arn = module.mirror.arn, action = "lambda:InvokeFunction" }
  schedules = {
    every-table = {
      description = "Has the mirror of every table follow the star"
      expression  = "rate(${var.timing.every_minutes} minute${var.timing.every_minutes > 1 ? "s" : ""})"
      input       = var.scheduled_event
    }
  }
  retry      = { attempts = 2, age_seconds = 60 * max(var.timing.every_minutes, 5) }
  scheduling = var.scheduling
  tags       = var.tags
}

# A run says of each table how old the first commit is that its mirror lacks. Where schedules run, silence is the fault too.
resource "aws_cloudwatch_metric_alarm" "late" {
  for_each = var.datasets

  alarm_name = "${var.prefix}-mirror-late-${each.key}"
  alarm_description = join(" ", [
    "The Iceberg table of a table of ${each.key} lacks a commit of ${floor(each.value / 60)} minutes ago, or no run says how far it is.",
    "Look at the mirror function's log and at its dead letters; starmend mirror run names what a table waits for.",
    var.alarms.runbook["mirror-late"],
  ])
  namespace           = var.alarms.namespace
  metric_name         = "MirrorLagSeconds"
  dimensions          = merge(var.alarms.dimensions, { dataset = each.key })
  statistic           = "Maximum"
  period              = 60 * ceil(max(3 * 60 * var.timing.every_minutes, 900) / 60)
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value
  treat_missing_data  = var.scheduling.enabled ? "breaching" : "ignore"
  alarm_actions       = [var.alarms.topic_arn]
  ok_actions          = var.scheduling.enabled ? [var.alarms.topic_arn] : var.alarms.over_arn[*] # an alarm of silence, where it is one
  tags                = var.alarms.tags
}
