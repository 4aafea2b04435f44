# The auditor: a state machine whose steps are functions, each with its own least role (modules/auditor). Here is what keeps
# something: the queue of jobs for the source, and the workgroup with the history of its questions.

module "repairs" {
  count  = local.has_sources ? 1 : 0
  source = "./modules/queue"

  name                     = "${local.prefix}-repairs"
  consumer_timeout_seconds = var.audit_step_timeout_seconds
  region                   = var.region
  dead_queue_first         = !local.emulated
  tags                     = local.audit_tags
}

# Apart from the analysts', so that people's queries and its own are told apart by cost and by right.
resource "aws_athena_workgroup" "auditor" {
  count = local.has_sources ? 1 : 0

  name          = "${local.prefix}-auditor"
  description   = "The auditor's questions about large ranges; results are encrypted and kept for a week"
  force_destroy = true # only the history of queries goes with it
  tags          = local.audit_tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.this["results"].id}/auditor/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

# A mail is opened a day later, so its link lasts: the company's own front, or AWS's console, where one signs in first. An
# address that a function's role signs would end with that role's session (docs/decisions/the-page-is-behind-a-sign-in.md).
locals {
  publishes = local.has_sources && var.health_page.enabled
  page_key  = "page/report.html"

  consoles = { aws = "console.aws.amazon.com", aws-cn = "console.amazonaws.cn", aws-us-gov = "console.amazonaws-us-gov.com" }
  console  = try("${var.region}.${local.consoles[local.partition]}", null)
  page_in_console = !local.publishes || local.emulated || local.console == null ? null : join("", [
    "https://${local.console}/s3/object/${aws_s3_bucket.this["warehouse"].id}?region=${var.region}&prefix=${local.page_key}",
  ])
  page_link = var.report_url != "" ? var.report_url : local.page_in_console
}

module "auditor" {
  count  = local.has_sources ? 1 : 0
  source = "./modules/auditor"

  prefix             = local.prefix
  region             = var.region
  datasets           = keys(local.sources)
  canaries           = keys(local.canaries)
  settle_seconds     = { for name, feed in local.feeds : name => feed.settle_seconds }
  buckets            = { ingest = local.ingest_arn, warehouse = local.warehouse_arn, results = local.results_arn }
  processed_prefixes = local.processed_prefixes
  run_files          = local.run_files
  arrivals           = module.arrivals
  repairs            = one(module.repairs)

  databases = one([
    for databases in module.databases : {
      check      = databases.check
      parameters = flatten(values(local.table_parameters))
      objects    = [for name in keys(local.databases) : "${local.ingest_arn}/tables/${name}/*"] # wildcard: the tables' objects
    }
  ])

  history = {
    policies    = local.has_feeds ? [module.feeds[0].pull_policy] : [] # [*] would wait for all of the module's functions
    stream_name = local.stream_name
    urls        = var.provider_urls
    concurrency = var.pull_concurrency
  }

  athena = {
    workgroup = one(aws_athena_workgroup.auditor)
    database  = aws_glue_catalog_database.this
  }

  admins = {
    topic_arn   = aws_sns_topic.alarms.arn
    key_arn     = aws_kms_key.alarms.arn
    runbook_url = var.runbook_url
    report_url  = local.page_link
  }

  mirror = local.mirrors && var.schedules_enabled ? var.mirror : null # else nobody runs it, and it may be late

  page      = var.health_page.enabled
  page_tags = { component = "page" }

  event_bus_arn = var.event_bus != "" ? "arn:${local.partition}:events:${var.region}:${local.account}:event-bus/${var.event_bus}" : null

  alarms = {
    namespace  = local.namespace
    dimensions = local.metric_dimensions
    runbook    = local.runbook
    tags       = local.tags.alarms
  }

  limits = var.audit_limits
  timing = {
    step_seconds  = var.audit_step_timeout_seconds
    wait_seconds  = var.audit_wait_seconds
    retry_seconds = var.audit_retry_seconds
  }

  restate_memory_mb    = var.process_memory_mb
  at_scale_concurrency = var.at_scale_concurrency
  functions            = local.function_settings
  scheduling           = local.scheduling
  tags                 = local.audit_tags
}
