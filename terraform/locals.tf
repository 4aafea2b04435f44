locals {
  prefix    = "${var.project}-${var.environment}"
  emulated  = var.emulator_endpoint != null
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  contracts = jsondecode(file(var.contracts_file))
  databases = { for name, dataset in local.contracts.datasets : name => dataset if dataset.kind == "database" }
  feeds     = { for name, dataset in local.contracts.datasets : name => dataset if dataset.kind == "feed" }
  sources   = merge(local.databases, local.feeds)

  has_databases = length(local.databases) > 0

  # What a schedule tells its function. EventBridge Scheduler replaces <aws.scheduler.scheduled-time> only where it stands
  # literally, and jsonencode would write its brackets as \u003c and \u003e.
  scheduled_event = replace(
    jsonencode({ dataset = "DATASET", time = "SCHEDULED_TIME" }),
    "SCHEDULED_TIME",
    "<aws.scheduler.scheduled-time>",
  )

  # What Cost Explorer groups by. The provider adds project and environment; repairs say purpose = "repair".
  tags = {
    for component in ["storage", "ingestion", "processing", "analytics", "alarms"] :
    component => { component = component }
  }
}

# By role, for outputs, alarms and the dashboard. Only the rooms that the contracts need exist.
locals {
  functions = merge(
    { process = module.process.name },
    { for one in module.extract : "extract" => one.name },
    { for one in module.request : "request" => one.name },
    { for one in module.pull : "pull" => one.name },
    { for step, one in module.step : step => one.name },
    { for one in module.restate : "restate" => one.name },
    { for one in module.repair : "repair" => one.name },
    { for one in module.check : "check" => one.name },
  )

  queues = merge(
    { arrivals = module.arrivals },
    { for one in module.requests : "requests" => one },
    { for one in module.repairs : "repairs" => one },
  )
}
