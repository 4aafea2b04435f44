# The auditor's state machine, and the schedules that start it for every dataset.

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
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "machine" {
  count = local.has_audits ? 1 : 0

  statement {
    sid       = "CallSteps"
    actions   = ["lambda:InvokeFunction"]
    resources = concat([for one in module.step : one.arn], [module.restate[0].arn], module.check[*].arn)
  }

  statement {
    sid       = "AskAcquisition"
    actions   = ["sqs:SendMessage"]
    resources = [module.repairs[0].arn]
  }
}

resource "aws_iam_role" "machine" {
  count = local.has_audits ? 1 : 0

  name               = "${local.audit_name}-machine"
  description        = "What the auditor's state machine may call"
  assume_role_policy = data.aws_iam_policy_document.states_trust.json
  tags               = local.audit_tags
}

resource "aws_iam_role_policy" "machine" {
  count = local.has_audits ? 1 : 0

  name   = "grants"
  role   = aws_iam_role.machine[0].id
  policy = data.aws_iam_policy_document.machine[0].json
}

resource "aws_sfn_state_machine" "audit" {
  count = local.has_audits ? 1 : 0

  #checkov:skip=CKV_AWS_284:tracing is the operator's choice (variable)
  #checkov:skip=CKV_AWS_285:each step logs for itself, and the service keeps every execution's history for 90 days
  name     = local.audit_name
  role_arn = aws_iam_role.machine[0].arn
  type     = "STANDARD"
  tags     = local.audit_tags

  definition = templatefile("${path.module}/state_machines/audit.asl.json.tftpl", merge(
    { for name, one in module.step : "${name}_arn" => one.arn },
    {
      restate_arn      = module.restate[0].arn
      check_arn        = local.has_databases ? module.check[0].arn : ""
      repair_queue_url = module.repairs[0].url
      step_seconds     = var.audit_step_timeout_seconds
      job_seconds      = 3 * var.audit_step_timeout_seconds
      retry_seconds    = var.audit_retry_seconds
      limited_seconds  = 6 * var.audit_retry_seconds
      wait_seconds     = var.audit_wait_seconds
      concurrent_jobs  = 5
    },
  ))

  tracing_configuration {
    enabled = var.tracing
  }
}

data "aws_iam_policy_document" "start_audit" {
  count = local.has_audits ? 1 : 0

  statement {
    actions   = ["states:StartExecution"]
    resources = [aws_sfn_state_machine.audit[0].arn]
  }
}

resource "aws_iam_role" "start_audit" {
  count = local.has_audits ? 1 : 0

  name               = "${local.prefix}-start-audit"
  description        = "Lets the schedules start ${local.audit_name}"
  assume_role_policy = data.aws_iam_policy_document.scheduler_trust.json
  tags               = local.audit_tags
}

resource "aws_iam_role_policy" "start_audit" {
  count = local.has_audits ? 1 : 0

  name   = "grants"
  role   = aws_iam_role.start_audit[0].id
  policy = data.aws_iam_policy_document.start_audit[0].json
}

resource "aws_scheduler_schedule" "audit" {
  for_each = local.audited

  #checkov:skip=CKV_AWS_297:the input is a dataset's name, no secret
  name                = "audit-${each.key}"
  description         = "Audits the windows of ${each.key} that are not certified yet"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = "cron(5 * * * ? *)"
  state               = var.schedules_enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.audit[0].arn
    role_arn = aws_iam_role.start_audit[0].arn
    input    = jsonencode({ dataset = each.key })
    retry_policy {
      maximum_event_age_in_seconds = 600
      maximum_retry_attempts       = 3
    }
  }
}
