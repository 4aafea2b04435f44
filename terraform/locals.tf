# What several rooms use. What only one uses stands in its own file.

# ---------------------------------------------------------------- where it is, and what for

locals {
  # Two deployments of one account share no name, no parameter, no secret and no metric, in one region or in two. The suffix
  # is part of the environment's name wherever that is used.
  environment = join("-", compact([var.environment, var.name_suffix]))
  prefix      = "${var.project}-${local.environment}"
  home        = "${var.project}/${local.environment}" # of parameters and secrets

  emulated  = var.emulator_endpoint != null
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  contracts = jsondecode(file(var.contracts_file))
  databases = { for name, dataset in local.contracts.datasets : name => dataset if dataset.kind == "database" }
  feeds     = { for name, dataset in local.contracts.datasets : name => dataset if dataset.kind == "feed" }
  sources   = merge(local.databases, local.feeds)
  canaries  = { for name, dataset in local.sources : name => dataset if try(dataset.canary, false) }

  has_databases = length(local.databases) > 0
  has_feeds     = length(local.feeds) > 0
  has_sources   = length(local.sources) > 0

  # On everything. Ours win: costs, alarms and clean-up go by them.
  default_tags = merge(var.company_tags, {
    project     = var.project
    environment = local.environment
    component   = "shared"
    purpose     = "base"
  })

  # What Cost Explorer groups by, beside project and environment; repairs say purpose = "repair",
  # and what only one of their ideas uses says which: repair = "history", "re-extract", "restate" or "replay".
  tags = {
    for component in ["storage", "ingestion", "processing", "analytics", "alarms"] :
    component => { component = component }
  }
  audit_tags = { component = "auditor", purpose = "repair" }
}

# ---------------------------------------------------------------- what grants name

locals {
  ingest_arn    = aws_s3_bucket.this["ingest"].arn
  warehouse_arn = aws_s3_bucket.this["warehouse"].arn
  results_arn   = aws_s3_bucket.this["results"].arn

  # What is processed; feeds-errors/ is for people to look at.
  processed_prefixes = ["tables/", "feeds/", "repair/"]

  # What the auditor's runs write down. wildcard: the files of every run
  run_files = ["${local.warehouse_arn}/audit/*"]

  # One stream per feed; the functions fill in the dataset. Streams take half a minute to make; what only needs to name them
  # does not wait.
  stream_name  = "${local.prefix}-{dataset}"
  stream_names = { for name in keys(local.feeds) : name => replace(local.stream_name, "{dataset}", name) }

  # wildcard: one key of each name per table of a dataset
  parameter_arn = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter/${local.home}"
  table_parameters = {
    for key in ["timestamp", "sequential_id", "latest_object"] :
    key => [for name in keys(local.databases) : "${local.parameter_arn}/${name}/*/${key}"]
  }
}

# ---------------------------------------------------------------- what all functions and all schedules share

locals {
  function_settings = {
    code = {
      bucket = aws_s3_object.package["code"].bucket
      key    = aws_s3_object.package["code"].key

      architecture = var.architecture
      layers       = { for name, layer in aws_lambda_layer_version.this : name => layer.arn }
    }
    environment = {
      STARMEND_PROJECT             = var.project
      STARMEND_ENV                 = local.environment
      STARMEND_INGEST_BUCKET       = aws_s3_bucket.this["ingest"].id
      STARMEND_WAREHOUSE_BUCKET    = aws_s3_bucket.this["warehouse"].id
      POWERTOOLS_METRICS_NAMESPACE = local.namespace
    }
    log_retention_days   = var.log_retention_days
    tracing              = var.tracing
    permissions_boundary = var.permissions_boundary
  }

  scheduling = {
    group                = aws_scheduler_schedule_group.this.name
    enabled              = var.schedules_enabled
    paused               = var.paused_datasets
    permissions_boundary = var.permissions_boundary
  }

  # What a schedule tells its function. EventBridge Scheduler replaces <aws.scheduler.scheduled-time> only where it stands
  # literally, and jsonencode would write its brackets as \u003c and \u003e.
  scheduled_event = replace(
    jsonencode({ dataset = "DATASET", time = "SCHEDULED_TIME" }),
    "SCHEDULED_TIME",
    "<aws.scheduler.scheduled-time>",
  )
  scheduled_minute = replace(jsonencode({ time = "SCHEDULED_TIME" }), "SCHEDULED_TIME", "<aws.scheduler.scheduled-time>")
}

# ---------------------------------------------------------------- by role, for outputs, alarms and the dashboard

# Only the rooms that the contracts need exist.
locals {
  functions = merge(
    { process = module.process.name },
    one(module.databases[*].functions),
    one(module.feeds[*].functions),
    one(module.auditor[*].functions),
    one(module.notary[*].functions),
    one(module.mirror[*].functions),
  )

  queues = merge(
    { arrivals = module.arrivals },
    { for queue in module.requests : "requests" => queue },
    { for queue in module.repairs : "repairs" => queue },
    { for mirror in module.mirror : "mirror" => mirror.queue },
  )

  # The functions' own metrics: where they are, and what tells those of this deployment from another's.
  namespace         = "Starmend"
  metric_dimensions = { project = var.project, environment = local.environment }
}
