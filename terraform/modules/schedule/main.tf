# One schedule per dataset that starts the same thing, a function or a state machine, through a role that may start it alone.

locals {
  # EventBridge takes 64 characters. A longer name is cut and ends with a hash of all of it; one that fits stays as it is.
  full_names = { for dataset in keys(var.schedules) : dataset => "${var.name}-${dataset}" }
  names = {
    for dataset, full in local.full_names :
    dataset => length(full) <= 64 ? full : "${substr(full, 0, 55)}-${substr(sha256(full), 0, 8)}"
  }
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "start" {
  statement {
    actions   = [var.target.action]
    resources = [var.target.arn]
  }
}

resource "aws_iam_role" "this" {
  name                 = "${var.prefix}-start-${var.name}"
  description          = "Lets the schedules start ${var.prefix}-${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.scheduling.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "grants"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_scheduler_schedule" "this" {
  for_each = var.schedules

  #checkov:skip=CKV_AWS_297:the input is a dataset's name, no secret
  name                = local.names[each.key]
  description         = each.value.description
  group_name          = var.scheduling.group
  schedule_expression = each.value.expression
  state               = var.scheduling.enabled && !contains(var.scheduling.paused, each.key) ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.target.arn
    role_arn = aws_iam_role.this.arn
    input    = each.value.input
    retry_policy {
      maximum_event_age_in_seconds = var.retry.age_seconds
      maximum_retry_attempts       = var.retry.attempts
    }
  }
}
