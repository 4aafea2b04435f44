# The alarms of the auditor itself; each description holds the next step and the runbook's section.
#
# What the auditor mails itself, once per cause with what was tried, and once when it is over, no alarm mails beside it: such an
# alarm is a state to look at. Those that watch the auditor mail: audit_silent where it does not come to the end at which it would
# have mailed, and the errors of its last step (function-errors-conclude).

resource "aws_cloudwatch_metric_alarm" "audit_failed" {
  alarm_name = "${var.prefix}-audit-failed"
  alarm_description = join(" ", [
    "An audit failed in one of its steps; the auditor's own mail says with what, where, and what to do, and so does starmend",
    "audits list. The next audit looks at the same windows again. ${var.alarms.runbook["audit-failed"]}",
  ])
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.audit.arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.alarms.tags
}

# It keeps its state between audits.
resource "aws_cloudwatch_metric_alarm" "gaps_unhealed" {
  for_each = var.datasets

  alarm_name = "${var.prefix}-gaps-unhealed-${each.key}"
  alarm_description = join(" ", [
    "The auditor could not heal something of ${each.key}; its own mail says what and what was tried. Try again:",
    "starmend heal. ${var.alarms.runbook["gaps-unhealed"]}",
  ])
  namespace           = var.alarms.namespace
  metric_name         = "CausesOpen"
  dimensions          = merge(var.alarms.dimensions, { dataset = each.key })
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore"
  tags                = var.alarms.tags
}

# The dead man: two audits in a row came to no end, not even to one that says why they failed. Only where schedules
# run: nobody heals what nobody audits.
resource "aws_cloudwatch_metric_alarm" "audit_silent" {
  for_each = var.scheduling.enabled ? var.datasets : []

  alarm_name = "${var.prefix}-audit-silent-${each.key}"
  alarm_description = join(" ", [
    "No audit of ${each.key} has ended for two hours, nor said why not. Look at the schedule and at the state machine's",
    "executions.",
    var.alarms.runbook["audit-silent"],
  ])
  namespace           = var.alarms.namespace
  metric_name         = "AuditFinished"
  dimensions          = merge(var.alarms.dimensions, { dataset = each.key })
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [var.admins.topic_arn]
  ok_actions          = [var.admins.topic_arn]
  tags                = var.alarms.tags
}

# The auditor's proof of itself. Each audit of a canary says whether the newest planted gap was healed (1) or not (0), on
# days without trade of the last one. Silence is the dead man's business.
resource "aws_cloudwatch_metric_alarm" "canary_dead" {
  for_each = var.canaries

  alarm_name = "${var.prefix}-canary-dead-${each.key}"
  alarm_description = join(" ", [
    "For a day no audit has found the gap healed that is planted in ${each.key} every day: real gaps may stay open as well.",
    "Look at the newest audit of ${each.key}. ${var.alarms.runbook["canary-dead"]}",
  ])
  namespace           = var.alarms.namespace
  metric_name         = "CanaryHealed"
  dimensions          = merge(var.alarms.dimensions, { dataset = each.key })
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.admins.topic_arn]
  ok_actions          = [module.step["conclude"].arn]
  tags                = var.alarms.tags
}

# CloudWatch asks the function whether it may start it, and says nothing where it may not: nobody would be mailed that anything is
# over. One grant for all alarms of the deployment: their names begin alike.
resource "aws_lambda_permission" "alarm_is_over" {
  statement_id   = "AlarmIsOver"
  action         = "lambda:InvokeFunction"
  function_name  = module.step["conclude"].name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com" # in every partition
  source_account = data.aws_caller_identity.current.account_id
  source_arn = join(":", [
    "arn", data.aws_partition.current.partition, "cloudwatch", var.region, data.aws_caller_identity.current.account_id,
    "alarm", "${var.prefix}-*", # wildcard: the alarms
  ])
}
