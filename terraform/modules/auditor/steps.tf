# The steps of an audit: functions, each with its own least role. They write no fact: they ask acquisition (through the repairs
# queue) and processing (through the arrivals queue, or a partition made again) to do their own work once more.

locals {
  # reads and writes: prefixes of the warehouse bucket; looks: also sees what arrived in the ingest bucket. The quarantine says why
  # rows that were fetched were refused.
  steps = {
    audit = {
      about  = "Looks at windows: what is owed, what is there, what breaks a rule"
      memory = 1769
      looks  = true
      reads  = ["warehouse/", "receipts/", "audit/", "quarantine/"]
      writes = ["audit/", "warehouse/_contracts/"] # what is deployed, where whoever deployed it did not write it down
    }
    plan = {
      about  = "Turns findings into repairs, cheapest first, within the budget"
      memory = 512
      looks  = false
      reads  = ["audit/", "warehouse/_contracts/"]
      writes = ["audit/"]
    }
    queue = {
      about  = "Queues ingest objects and dead letters for processing again, puts parameters right"
      memory = 512
      looks  = false
      reads  = ["audit/"]
      writes = ["audit/"]
    }
    verify = {
      about  = "Learns what repairs brought and looks at the same windows again"
      memory = 1769
      looks  = true
      reads  = ["warehouse/", "receipts/", "audit/", "quarantine/"]
      writes = ["audit/"]
    }
    certify = {
      about  = "Certifies what is whole, judges what is not"
      memory = 1769
      looks  = false
      reads  = ["warehouse/", "audit/", "completeness/"] # the row of a halt that is over is its own with another status
      writes = ["audit/", "completeness/", "warehouse/_certificates/"]
    }
    conclude = { # tells which certificates were issued; where there are canaries it sees whether the planted gap was healed
      about  = "Tells the admins once per cause and whoever listens of everything, and copies new receipts into the log"
      memory = 512
      looks  = local.has_canaries
      reads  = [local.has_canaries ? "warehouse/" : "warehouse/_certificates/", "audit/", "receipts/", "processing_log/"]
      writes = ["audit/", "processing_log/"]
    }
  }
  has_canaries  = length(var.canaries) > 0
  has_databases = var.databases != null

  # What a step may do besides where there are databases: these are asked, and have parameters and a sequence of objects.
  parameters = flatten(var.databases[*].parameters)
  look_grants = {
    AskTheDatabase    = { actions = ["lambda:InvokeFunction"], resources = var.databases[*].check.arn }
    AskForLines       = { actions = ["lambda:InvokeFunction"], resources = [module.restate.arn] } # a sample, shaped again to compare
    CompareParameters = { actions = ["ssm:GetParameters"], resources = local.parameters }
    ReadSequence      = { actions = ["s3:GetObject"], resources = flatten(var.databases[*].objects) } # their metadata say which interval
  }
  database_grants = {
    audit  = local.look_grants
    verify = local.look_grants
    queue = {
      PutParametersRight = { actions = ["ssm:GetParameters", "ssm:PutParameter"], resources = local.parameters }
    }
  }
  # Who sees the dead letters of processing, and who moves them back.
  letter_actions = {
    audit  = ["sqs:ReceiveMessage"]
    verify = ["sqs:ReceiveMessage"]
    queue  = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"] # what it does not move is shown again
  }

  look_environment = {
    STARMEND_ATHENA_WORKGROUP      = var.athena.workgroup.name
    STARMEND_ATHENA_DATABASE       = var.athena.database.name
    STARMEND_SOURCE_FUNCTION       = one(var.databases[*].check.name)
    STARMEND_RESTATE_FUNCTION      = local.has_databases ? module.restate.name : null
    STARMEND_DEAD_LETTER_QUEUE_URL = var.arrivals.dead_url
    STARMEND_MIRROR_SECONDS        = try(tostring(60 * var.mirror.every_minutes), null)
    STARMEND_MIRROR_WITHIN_SECONDS = try(tostring(60 * var.mirror.within_minutes), null)
  }
  step_environment = {
    audit  = local.look_environment
    verify = local.look_environment
    queue  = { STARMEND_PROCESS_QUEUE_URL = var.arrivals.url, STARMEND_DEAD_LETTER_QUEUE_URL = var.arrivals.dead_url }
    conclude = {
      STARMEND_ALARM_TOPIC = var.admins.topic_arn
      STARMEND_RUNBOOK_URL = var.admins.runbook_url
      STARMEND_REPORT_URL  = var.admins.report_url
      STARMEND_EVENT_BUS   = var.event_bus_arn
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "step" {
  for_each = local.steps

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for prefix in each.value.reads : "${var.buckets.warehouse}/${prefix}*"] # wildcard: the prefix's objects
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = concat([var.buckets.warehouse], each.value.looks ? [var.buckets.ingest] : [])
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      # wildcard: the prefix's objects
      values = [for prefix in concat(each.value.reads, each.value.looks ? var.processed_prefixes : []) : "${prefix}*"]
    }
  }

  statement {
    sid       = "WriteDown"
    actions   = ["s3:PutObject"]
    resources = [for prefix in each.value.writes : "${var.buckets.warehouse}/${prefix}*"] # wildcard: the prefix's objects
  }

  dynamic "statement" {
    for_each = each.key == "queue" ? [1] : []
    content {
      sid       = "AskForProcessing"
      actions   = ["sqs:SendMessage"]
      resources = [var.arrivals.arn]
    }
  }

  dynamic "statement" {
    for_each = try([local.letter_actions[each.key]], [])
    content {
      sid       = "TakeDeadLetters"
      actions   = statement.value
      resources = [var.arrivals.dead_arn]
    }
  }

  dynamic "statement" {
    for_each = { for sid, grant in try(local.database_grants[each.key], {}) : sid => grant if local.has_databases }
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  dynamic "statement" {
    for_each = each.key == "conclude" ? [1] : []
    content {
      sid       = "TellAdmins"
      actions   = ["sns:Publish", "sns:GetTopicAttributes"] # whether anybody has confirmed: what nobody hears is held back
      resources = [var.admins.topic_arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "conclude" ? [1] : []
    content {
      sid       = "EncryptForAdmins"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.admins.key_arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "conclude" ? var.event_bus_arn[*] : []
    content {
      sid       = "TellWhoeverListens"
      actions   = ["events:PutEvents"]
      resources = [statement.value]
      condition { # on a bus that others use too it speaks for nobody else
        test     = "StringEquals"
        variable = "events:source"
        values   = ["starmend"]
      }
    }
  }
}

module "step" {
  for_each = local.steps
  source   = "../function"

  name                  = "${var.prefix}-${each.key}"
  description           = each.value.about
  handler               = "auditor.handler.${each.key}"
  policy                = data.aws_iam_policy_document.step[each.key].json
  other_policies_length = contains(local.asks_athena, each.key) ? length(data.aws_iam_policy_document.ask_athena.minified_json) : 0
  environment = merge(
    { POWERTOOLS_SERVICE_NAME = each.key, STARMEND_AUDIT_LIMITS = jsonencode(var.limits) },
    { for name, value in try(local.step_environment[each.key], {}) : name => value if value != null },
  )
  timeout_seconds = var.timing.step_seconds
  memory_mb       = each.value.memory
  shared          = var.functions
  layers          = ["base", "athena"] # the steps share their modules, and these can ask Athena
  tags            = var.tags
  repair          = each.key == "queue" ? "replay" : null
}

# ---------------------------------------------------------------- ranges too large for a function to read are asked of Athena

data "aws_iam_policy_document" "ask_athena" {
  statement {
    sid = "AskAthena"
    actions = [
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
    ]
    resources = [var.athena.workgroup.arn]
  }

  statement {
    sid       = "ReadDefaultDatabase" # Athena looks into it before every query
    actions   = ["glue:GetDatabase", "glue:GetDatabases"]
    resources = ["${local.glue}:catalog", var.athena.database.arn, "${local.glue}:database/default"]
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"]
    resources = [
      "${local.glue}:catalog",
      var.athena.database.arn,
      # wildcard: the database's tables; which of them are facts of feeds, the contracts say
      "${local.glue}:table/${var.athena.database.name}/*",
    ]
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${var.buckets.results}/auditor/*"] # wildcard: Athena names the results
  }

  statement {
    sid       = "ListResults"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets.results]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["auditor/*"] # wildcard: Athena names the results
    }
  }

  statement {
    sid       = "FindBuckets"
    actions   = ["s3:GetBucketLocation"]
    resources = [var.buckets.warehouse, var.buckets.results]
  }
}

locals {
  asks_athena = toset(["audit", "verify"])

  glue = "arn:${data.aws_partition.current.partition}:glue:${var.region}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_iam_role_policy" "ask_athena" {
  for_each = local.asks_athena

  name   = "ask-athena"
  role   = module.step[each.key].role
  policy = data.aws_iam_policy_document.ask_athena.json
}
