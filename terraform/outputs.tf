output "account" {
  description = "Account that everything lives in."
  value       = local.account
}

output "project" {
  description = "Name of the deployment."
  value       = var.project
}

output "environment" {
  description = "Environment of the deployment, with its suffix."
  value       = local.environment
}

output "buckets" {
  description = "Bucket names by role: ingest, warehouse, results, code."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.id }
}

output "functions" {
  description = "Function names by role: process, the auditor's, and where there are such sources extract, check, request and pull."
  value       = local.functions
}

output "queues" {
  description = "Queue URLs by role: arrivals (new ingest objects), and with feeds requests (points to ask for)."
  value       = { for name, queue in local.queues : name => queue.url }
}

output "dead_letter_queues" {
  description = "Dead-letter queue URLs by the same roles."
  value       = { for name, queue in local.queues : name => queue.dead_url }
}

output "streams" {
  description = "Kinesis stream names by feed."
  value       = { for name, stream in aws_kinesis_stream.feed : name => stream.name }
}

output "schedules" {
  description = "Schedules by dataset."
  value = {
    for name, schedule in merge(one(module.databases[*].schedules), one(module.feeds[*].schedules)) : name => schedule.name
  }
}

output "state_machines" {
  description = "ARNs of the state machines by role: audit."
  value       = { for auditor in module.auditor : "audit" => auditor.machine.arn }
}

output "secrets" {
  description = "Full secret names by the names in the contracts; fill them with `starmend secret set`."
  value       = { for name, secret in aws_secretsmanager_secret.source : name => secret.name }
}

output "alarm_topic" {
  description = "ARN of the topic that alarms are published to."
  value       = aws_sns_topic.alarms.arn
}

output "alarms" {
  description = "Alarm names by what they watch."
  value       = local.alarm_names
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "database" {
  description = "Name of the catalog's database."
  value       = aws_glue_catalog_database.this.name
}

output "workgroup" {
  description = "Athena workgroup of the analysts."
  value       = aws_athena_workgroup.analysts.name
}

output "analyst_policy" {
  description = "ARN of the policy that lets somebody ask Athena in the analysts' workgroup."
  value       = aws_iam_policy.analyst.arn
}

output "analyst_policies" {
  description = "ARNs of all policies that together let somebody read the open tables and nothing else."
  value       = concat([aws_iam_policy.analyst.arn], values(aws_iam_policy.analyst_tables)[*].arn)
}
