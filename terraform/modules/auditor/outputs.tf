output "functions" {
  description = "Function names by role: the steps, restate and repair, the page."
  value       = local.functions
}

output "machine" {
  description = "The state machine."
  value       = aws_sfn_state_machine.audit
}

output "at_scale" {
  description = "The ARN of the state machine that carries out the jobs of a folder side by side, which a plan knows by its name."
  value       = "${trimsuffix(local.at_scale_arns["stateMachine"], local.at_scale)}${aws_sfn_state_machine.at_scale.name}"
}

output "schedules" {
  description = "The schedules of the state machine by dataset."
  value       = module.schedule.schedules
}

output "alarm_is_over" {
  description = "The ARN of the function that mails, as an alarm's action of OK, that it is over."
  value       = module.step["conclude"].arn
  depends_on  = [aws_lambda_permission.alarm_is_over] # an alarm that may not start it yet says so to nobody
}

output "alarms" {
  description = "Alarm names by what they watch."
  value = merge(
    { audit-failed = aws_cloudwatch_metric_alarm.audit_failed.alarm_name },
    { for dataset, alarm in aws_cloudwatch_metric_alarm.gaps_unhealed : "gaps-unhealed-${dataset}" => alarm.alarm_name },
    { for dataset, alarm in aws_cloudwatch_metric_alarm.audit_silent : "audit-silent-${dataset}" => alarm.alarm_name },
    { for dataset, alarm in aws_cloudwatch_metric_alarm.canary_dead : "canary-dead-${dataset}" => alarm.alarm_name },
  )
}
