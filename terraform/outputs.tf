output "account" {
  description = "Account that everything lives in."
  value       = local.description.account
}

output "project" {
  description = "Name of the deployment."
  value       = local.description.project
}

output "environment" {
  description = "Environment of the deployment, with its suffix."
  value       = local.description.environment
}

output "buckets" {
  description = "Bucket names by role: ingest, warehouse, results, code."
  value       = local.description.buckets
}

output "functions" {
  description = "Function names by role: process, the auditor's, and where there are such sources extract, check, request and pull."
  value       = local.description.functions
}

output "queues" {
  description = "Queue URLs by role: arrivals (new ingest objects), and with feeds requests (points to ask for)."
  value       = local.description.queues
}

output "dead_letter_queues" {
  description = "Dead-letter queue URLs by the same roles."
  value       = local.description.dead_letter_queues
}

output "streams" {
  description = "Kinesis stream names by feed."
  value       = local.description.streams
}

output "schedules" {
  description = "Schedules by dataset."
  value = {
    for name, schedule in merge(one(module.databases[*].schedules), one(module.feeds[*].schedules)) : name => schedule.name
  }
}

output "state_machines" {
  description = "ARNs of the state machines by role: audit, at-scale."
  value       = local.description.state_machines
}

output "secrets" {
  description = "Full secret names by the names in the contracts; fill them with `starmend secret set`."
  value       = local.description.secrets
}

output "alarm_topic" {
  description = "ARN of the topic that alarms are published to."
  value       = local.description.alarm_topic
}

output "alarms" {
  description = "Alarm names by what they watch."
  value       = local.description.alarms
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "database" {
  description = "Name of the catalog's database."
  value       = local.description.database
}

output "workgroup" {
  description = "Athena workgroup of the analysts."
  value       = local.description.workgroup
}

output "analyst_policy" {
  description = "ARN of the policy that lets somebody ask Athena in the analysts' workgroup."
  value       = aws_iam_policy.analyst.arn
}

output "analyst_policies" {
  description = "ARNs of all policies that together let somebody read the open tables and nothing else."
  value       = concat([aws_iam_policy.analyst.arn], values(aws_iam_policy.analyst_tables)[*].arn)
}
