output "functions" {
  description = "Function names by role."
  value       = { request = module.request.name, pull = module.pull.name }
}

output "pull_policy" {
  description = "What the pull function may do: asking for missing points again needs the same, but for the queue."
  value       = data.aws_iam_policy_document.pull.json
}

output "pull_trigger" {
  description = "What calls the pull function."
  value       = aws_lambda_event_source_mapping.pull
}

output "schedules" {
  description = "The schedules of the request function by feed."
  value       = module.schedule.schedules
}
