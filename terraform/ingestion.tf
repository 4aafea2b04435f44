# Acquisition of databases: by schedule and extract. Feeds have a room of their own (feeds.tf).

resource "aws_scheduler_schedule_group" "this" {
  name = local.prefix
  tags = local.tags.ingestion
}

module "databases" {
  count  = local.has_databases ? 1 : 0
  source = "./modules/databases"

  prefix                  = local.prefix
  datasets                = { for name, dataset in local.databases : name => dataset.schedule }
  secret_arns             = [for name in distinct(flatten(values(local.databases)[*].secrets)) : aws_secretsmanager_secret.source[name].arn]
  ingest_arn              = local.ingest_arn
  warehouse_arn           = local.warehouse_arn
  table_parameters        = local.table_parameters
  run_files               = local.run_files
  extract_timeout_seconds = var.extract_timeout_seconds
  check_timeout_seconds   = var.audit_step_timeout_seconds
  network                 = { subnet_ids = var.vpc_subnet_ids, security_group_ids = var.security_group_ids }
  endpoint_urls           = local.endpoint_urls
  functions               = local.function_settings
  scheduling              = local.scheduling
  scheduled_event         = local.scheduled_event
  tags                    = local.tags.ingestion
  audit_tags              = local.audit_tags
}
