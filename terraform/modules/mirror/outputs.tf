output "functions" {
  description = "Function names by role."
  value       = { mirror = module.mirror.name }
}

output "queue" {
  description = "The queue that hands out tables."
  value       = module.queue
}

output "alarms" {
  description = "Alarm names by what they watch."
  value       = { for dataset, alarm in aws_cloudwatch_metric_alarm.late : "mirror-late-${dataset}" => alarm.alarm_name }
}
