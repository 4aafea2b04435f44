# The state machine of an audit, and the schedules that start it for every dataset.

locals {
  name = "${var.prefix}-audit"
  machine_arn = join(":", [
    "arn", data.aws_partition.current.partition, "states", var.region, data.aws_caller_identity.current.account_id,
    "stateMachine", local.name,
  ])
  # What a machine that writes traces asks of X-Ray (Step Functions Developer Guide, IAM policies for X-Ray).
  trace_actions = [
    "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
  ]

  # The minute of the hour in which each dataset's audit starts, so that they do not all ask the source and Lambda at once. Not
  # in the first five, in which points of the hour before are still settling. A feed's comes soon after its points have settled: its
  # hour is certified then, and a gap of the hour's beginning has waited for longest.
  earliest = { for dataset in var.datasets : dataset => max(5, 2 + ceil(try(var.settle_seconds[dataset], 0) / 60)) }
  minutes = {
    for dataset in var.datasets : dataset => local.earliest[dataset] > 54 ? local.spread[dataset] % 55 + 5 : (
      local.earliest[dataset] + local.spread[dataset] % (contains(keys(var.settle_seconds), dataset) ? 6 : 60 - local.earliest[dataset])
    )
  }
  spread = { for dataset in var.datasets : dataset => parseint(substr(sha256(dataset), 0, 8), 16) }

  functions = merge(
    { for step, function in module.step : step => function.name },
    { restate = module.restate.name, repair = module.repair.name },
    { for page in module.page : "page" => page.name },
  )
}

data "aws_iam_policy_document" "states_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "machine" {
  statement {
    sid       = "CallSteps"
    actions   = ["lambda:InvokeFunction"]
    resources = concat(values(module.step)[*].arn, [module.restate.arn], var.databases[*].check.arn)
  }

  statement {
    sid       = "AskAcquisition"
    actions   = ["sqs:SendMessage"]
    resources = [var.repairs.arn]
  }

  dynamic "statement" {
    for_each = var.functions.tracing ? [1] : []
    content {
      sid       = "WriteTraces"
      actions   = local.trace_actions
      resources = ["*"] # wildcard: X-Ray knows no resource for these actions
    }
  }
}

resource "aws_iam_role" "machine" {
  name                 = "${local.name}-machine"
  description          = "What the auditor's state machine may call"
  assume_role_policy   = data.aws_iam_policy_document.states_trust.json
  permissions_boundary = var.functions.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "machine" {
  name   = "grants"
  role   = aws_iam_role.machine.name
  policy = data.aws_iam_policy_document.machine.json
}

resource "aws_sfn_state_machine" "audit" {
  #checkov:skip=CKV_AWS_284:tracing is the operator's choice (variable)
  #checkov:skip=CKV_AWS_285:each step logs for itself, and the service keeps every execution's history for 90 days
  name       = local.name
  role_arn   = aws_iam_role.machine.arn
  type       = "STANDARD"
  definition = jsonencode(local.definition)
  tags       = var.tags

  tracing_configuration {
    enabled = var.functions.tracing
  }
}

module "schedule" {
  source = "../schedule"

  prefix = var.prefix
  name   = "audit"
  target = { arn = aws_sfn_state_machine.audit.arn, action = "states:StartExecution" }
  schedules = {
    for dataset in var.datasets : dataset => {
      description = "Audits the windows of ${dataset} that are not certified yet"
      expression  = "cron(${local.minutes[dataset]} * * * ? *)"
      input       = jsonencode({ dataset = dataset })
    }
  }
  retry      = { attempts = 3, age_seconds = 600 }
  scheduling = var.scheduling
  tags       = var.tags
}
