# The auditor: a state machine whose steps are functions, each with its own least role. It writes no fact: it asks
# acquisition (through the repair queue) and processing (through the arrivals queue, or a partition made again) to do
# their own work once more. Between the steps travel S3 keys and counts only.

locals {
  audited     = local.sources
  has_audits  = length(local.audited) > 0
  audit_name  = "${local.prefix}-audit"
  machine_arn = "arn:${local.partition}:states:${var.region}:${local.account}:stateMachine:${local.audit_name}"
  audit_tags  = { component = "auditor", purpose = "repair" }

  # What each step may do beyond its own log. The papers of a run lie below audit/ in the warehouse bucket.
  papers  = ["${local.warehouse_arn}/audit/*"]                                          # wildcard: every run's papers
  arrived = [for prefix in local.processed_prefixes : "${local.ingest_arn}/${prefix}*"] # wildcard: the prefix's objects

  # reads and writes: prefixes of the warehouse bucket; looks: also sees what arrived in the ingest bucket.
  steps = {
    audit    = { memory = 1769, looks = true, reads = ["warehouse/", "receipts/", "audit/"], writes = ["audit/"], about = "Looks at windows: what is owed, what is there, what breaks a rule" }
    plan     = { memory = 512, looks = false, reads = ["audit/"], writes = ["audit/"], about = "Turns findings into repairs, cheapest first, within the budget" }
    queue    = { memory = 512, looks = false, reads = ["audit/"], writes = ["audit/"], about = "Queues ingest objects and dead letters for processing again, puts parameters right" }
    verify   = { memory = 1769, looks = true, reads = ["warehouse/", "receipts/", "audit/"], writes = ["audit/"], about = "Learns what repairs brought and looks at the same windows again" }
    certify  = { memory = 1769, looks = false, reads = ["warehouse/", "audit/"], writes = ["audit/", "completeness/", "warehouse/_certificates/"], about = "Certifies what is whole, judges what is not" }
    conclude = { memory = 512, looks = local.has_canaries, reads = local.has_canaries ? ["warehouse/", "audit/"] : ["audit/"], writes = ["audit/"], about = "Tells the admins once per cause, and finishes the run" }
  }

  # What a step may do besides where there are databases: these are asked, and have parameters and a sequence of objects.
  look_grants = {
    AskTheDatabase    = { actions = ["lambda:InvokeFunction"], resources = module.check[*].arn }
    CompareParameters = { actions = ["ssm:GetParameters"], resources = flatten(values(local.table_parameters)) }
    PeekAtDeadLetters = { actions = ["sqs:ReceiveMessage"], resources = [module.arrivals.dead_arn] }
    # An object's metadata say which interval it covers. wildcard: the tables' objects
    ReadSequence = { actions = ["s3:GetObject"], resources = [for name in keys(local.databases) : "${local.ingest_arn}/tables/${name}/*"] }
  }
  for_databases = {
    audit  = local.look_grants
    verify = local.look_grants
    queue = {
      PutParametersRight = { actions = ["ssm:GetParameters", "ssm:PutParameter"], resources = flatten(values(local.table_parameters)) }
      RedriveDeadLetters = { actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"], resources = [module.arrivals.dead_arn] }
    }
  }
  # wildcard: one key of each name per table of a dataset
  table_parameters = { for key in ["timestamp", "sequential_id", "latest_object"] : key => [for name in keys(local.databases) : "${local.parameter_arn}/${name}/*/${key}"] }

  step_environment = {
    audit    = local.look_environment
    verify   = local.look_environment
    queue    = { STARMEND_PROCESS_QUEUE_URL = module.arrivals.url, STARMEND_DEAD_LETTER_QUEUE_URL = local.dead_letters }
    conclude = { STARMEND_ALARM_TOPIC = aws_sns_topic.alarms.arn, STARMEND_RUNBOOK_URL = var.runbook_url }
  }
  look_environment = merge(local.athena_environment, {
    STARMEND_SOURCE_FUNCTION       = one(module.check[*].name)
    STARMEND_DEAD_LETTER_QUEUE_URL = local.dead_letters
  })
  dead_letters = local.has_databases ? module.arrivals.dead_url : null
}

data "aws_iam_policy_document" "step" {
  for_each = local.has_audits ? local.steps : {}

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for prefix in each.value.reads : "${local.warehouse_arn}/${prefix}*"] # wildcard: the prefix's objects
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = concat([local.warehouse_arn], each.value.looks ? [local.ingest_arn] : [])
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      values   = [for prefix in concat(each.value.reads, each.value.looks ? local.processed_prefixes : []) : "${prefix}*"] # wildcard: the prefix's objects
    }
  }

  statement {
    sid       = "WriteDown"
    actions   = ["s3:PutObject"]
    resources = [for prefix in each.value.writes : "${local.warehouse_arn}/${prefix}*"] # wildcard: the prefix's objects
  }

  dynamic "statement" {
    for_each = each.key == "queue" ? [1] : []
    content {
      sid       = "AskForProcessing"
      actions   = ["sqs:SendMessage"]
      resources = [module.arrivals.arn]
    }
  }

  dynamic "statement" {
    for_each = { for sid, one in try(local.for_databases[each.key], {}) : sid => one if local.has_databases }
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
      actions   = ["sns:Publish"]
      resources = [aws_sns_topic.alarms.arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "conclude" ? [1] : []
    content {
      sid       = "EncryptForAdmins"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [aws_kms_key.alarms.arn]
    }
  }
}

module "step" {
  for_each = local.has_audits ? local.steps : {}
  source   = "./modules/function"

  name        = "${local.prefix}-${each.key}"
  description = each.value.about
  handler     = "auditor.handler.${each.key}"
  code        = local.code
  policy      = data.aws_iam_policy_document.step[each.key].json
  environment = merge(
    local.function_environment,
    { POWERTOOLS_SERVICE_NAME = each.key, STARMEND_AUDIT_LIMITS = jsonencode(var.audit_limits) },
    { for name, value in try(local.step_environment[each.key], {}) : name => value if value != null },
  )
  timeout_seconds    = var.audit_step_timeout_seconds
  memory_mb          = each.value.memory
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  tags               = local.audit_tags
}

# ---------------------------------------------------------------- make again: processing's own work

data "aws_iam_policy_document" "restate" {
  count = local.has_audits ? 1 : 0

  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = concat(local.arrived, local.papers)
  }

  statement {
    sid       = "CommitPartitions"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.warehouse_arn}/warehouse/*"] # wildcard: pointers and versions of every table
  }

  statement {
    sid       = "RemoveOldObjects" # what no pointer will name again
    actions   = ["s3:DeleteObject"]
    resources = ["${local.warehouse_arn}/warehouse/_data/*"] # wildcard: versions of every table
  }

  statement {
    sid       = "WriteDown"
    actions   = ["s3:PutObject"]
    resources = local.papers
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [local.ingest_arn, local.warehouse_arn]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = concat([for prefix in local.processed_prefixes : "${prefix}*"], ["warehouse/*", "audit/*"]) # wildcard: the prefix's objects
    }
  }
}

module "restate" {
  count  = local.has_audits ? 1 : 0
  source = "./modules/function"

  name               = "${local.prefix}-restate"
  description        = "Makes partitions again, from ingest objects or inputs, and removes objects that nothing points to"
  handler            = "processing.restating.handler.handle"
  code               = local.code
  policy             = data.aws_iam_policy_document.restate[0].json
  environment        = merge(local.function_environment, { POWERTOOLS_SERVICE_NAME = "restate" })
  timeout_seconds    = var.audit_step_timeout_seconds
  memory_mb          = var.process_memory_mb
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  tags               = local.audit_tags
}

# ---------------------------------------------------------------- ask the source again: acquisition's own work

module "repairs" {
  count  = local.has_audits ? 1 : 0
  source = "./modules/queue"

  name                     = "${local.prefix}-repairs"
  consumer_timeout_seconds = var.audit_step_timeout_seconds
  region                   = var.region
  dead_queue_first         = !local.emulated
  tags                     = local.audit_tags
}

data "aws_iam_policy_document" "repair" {
  count = local.has_audits ? 1 : 0

  source_policy_documents = data.aws_iam_policy_document.pull[*].json

  override_policy_documents = [data.aws_iam_policy_document.take_repairs[0].json]
}

data "aws_iam_policy_document" "take_repairs" {
  count = local.has_audits ? 1 : 0

  statement {
    sid       = "TakeRequests" # instead of the pull function's own queue
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [module.repairs[0].arn]
  }

  statement {
    sid       = "Papers"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = local.papers
  }

  statement {
    sid       = "TellMissingFromForbidden" # without it S3 answers 403 for a key that is not there
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["audit/*"] # wildcard: every run's papers
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
    resources = [local.ingest_arn]
  }

  statement {
    sid       = "AnswerStateMachine"
    actions   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
    resources = [local.machine_arn]
  }
}

module "repair" {
  count  = local.has_audits ? 1 : 0
  source = "./modules/function"

  name        = "${local.prefix}-repair"
  description = "Asks a provider's history for what is missing, into the same stream, and brings back lost objects"
  handler     = "ingestion.repair.handler.handle"
  code        = local.code
  policy      = data.aws_iam_policy_document.repair[0].json
  environment = merge(local.function_environment, {
    POWERTOOLS_SERVICE_NAME = "repair"
    STARMEND_STREAM_NAME    = local.stream_name
    STARMEND_PROVIDER_URLS  = jsonencode(var.provider_urls)
  })
  timeout_seconds    = var.audit_step_timeout_seconds
  memory_mb          = 512
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  tags               = local.audit_tags
}

resource "aws_lambda_event_source_mapping" "repair" {
  count = local.has_audits ? 1 : 0

  event_source_arn        = module.repairs[0].arn
  function_name           = module.repair[0].name
  batch_size              = 1 # a job may take long, and each answers for itself
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.audit_tags

  scaling_config {
    maximum_concurrency = var.pull_concurrency
  }
}
