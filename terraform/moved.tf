# Where resources stood before they moved into modules, so that a deployment made before keeps them all.

# ---------------------------------------------------------------- feeds

moved {
  from = module.request[0]
  to   = module.feeds[0].module.request
}

moved {
  from = aws_lambda_function_event_invoke_config.request[0]
  to   = module.feeds[0].aws_lambda_function_event_invoke_config.request
}

moved {
  from = module.pull[0]
  to   = module.feeds[0].module.pull
}

moved {
  from = aws_lambda_event_source_mapping.pull[0]
  to   = module.feeds[0].aws_lambda_event_source_mapping.pull
}

moved {
  from = aws_iam_role.start_request[0]
  to   = module.feeds[0].module.schedule.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.start_request[0]
  to   = module.feeds[0].module.schedule.aws_iam_role_policy.this
}

moved {
  from = aws_scheduler_schedule.request
  to   = module.feeds[0].module.schedule.aws_scheduler_schedule.this
}

# ---------------------------------------------------------------- databases

moved {
  from = module.extract[0]
  to   = module.databases[0].module.extract
}

moved {
  from = aws_lambda_function_event_invoke_config.extract[0]
  to   = module.databases[0].aws_lambda_function_event_invoke_config.extract
}

moved {
  from = module.check[0]
  to   = module.databases[0].module.check
}

moved {
  from = aws_iam_role.start_extract[0]
  to   = module.databases[0].module.schedule.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.start_extract[0]
  to   = module.databases[0].module.schedule.aws_iam_role_policy.this
}

moved {
  from = aws_scheduler_schedule.extract
  to   = module.databases[0].module.schedule.aws_scheduler_schedule.this
}

# ---------------------------------------------------------------- auditor

moved {
  from = module.step
  to   = module.auditor[0].module.step
}

moved {
  from = aws_iam_role_policy.ask_athena
  to   = module.auditor[0].aws_iam_role_policy.ask_athena
}

moved {
  from = module.restate[0]
  to   = module.auditor[0].module.restate
}

moved {
  from = module.repair[0]
  to   = module.auditor[0].module.repair
}

moved {
  from = aws_lambda_event_source_mapping.repair[0]
  to   = module.auditor[0].aws_lambda_event_source_mapping.repair
}

moved {
  from = aws_iam_role.machine[0]
  to   = module.auditor[0].aws_iam_role.machine
}

moved {
  from = aws_iam_role_policy.machine[0]
  to   = module.auditor[0].aws_iam_role_policy.machine
}

moved {
  from = aws_sfn_state_machine.audit[0]
  to   = module.auditor[0].aws_sfn_state_machine.audit
}

moved {
  from = aws_iam_role.start_audit[0]
  to   = module.auditor[0].module.schedule.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.start_audit[0]
  to   = module.auditor[0].module.schedule.aws_iam_role_policy.this
}

moved {
  from = aws_scheduler_schedule.audit
  to   = module.auditor[0].module.schedule.aws_scheduler_schedule.this
}

moved {
  from = aws_cloudwatch_metric_alarm.this["audit-failed"]
  to   = module.auditor[0].aws_cloudwatch_metric_alarm.audit_failed
}

moved {
  from = aws_cloudwatch_metric_alarm.gaps_unhealed
  to   = module.auditor[0].aws_cloudwatch_metric_alarm.gaps_unhealed
}

moved {
  from = aws_cloudwatch_metric_alarm.audit_silent
  to   = module.auditor[0].aws_cloudwatch_metric_alarm.audit_silent
}

moved {
  from = aws_cloudwatch_metric_alarm.canary_dead
  to   = module.auditor[0].aws_cloudwatch_metric_alarm.canary_dead
}
