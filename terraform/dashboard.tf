# One page: is it healthy, is it whole, is it fresh, is it keeping up, what does it cost.

locals {
  # Which datasets have a metric.
  datasets_by_metric = merge(
    { for metric in ["ObjectsProcessed", "LinesRejected"] : metric => local.sources },
    { HorizonHeldSeconds = local.databases, PointsExpected = local.feeds },
  )

  by_dataset = {
    for metric, datasets in local.datasets_by_metric : metric => [
      for dataset in keys(datasets) :
      concat(
        [local.namespace, metric],
        flatten([for name, value in local.metric_dimensions : [name, value]]),
        ["dataset", dataset, { label = dataset }],
      )
    ]
  }

  # What no alarm reads is no metric to pay for: it stands in the functions' logs under the metric's name, a number a line.
  fields = {
    audits    = ["max(AuditExpected)", "max(AuditMissing)", "max(AuditAbsent)", "max(PointsRepaired)", "max(PointsUnhealed)"]
    processed = ["sum(RowsOut)", "sum(NonSequentialIds)"]
    durations = ["pct(ProcessingTime, 95)"]
    extracted = ["sum(RowsExtracted)"]
    pulled    = ["sum(PointsWritten)"]
    delays    = ["pct(TriggerDelaySeconds, 95)"]
  }
  pictures = flatten([
    for picture in [
      { title = "Coverage and Gaps as audited", of = "audits", in = "conclude", every = "1h", datasets = local.sources },
      { title = "Rows out, and objects out of sequence", of = "processed", in = "process", every = "5m", datasets = local.sources },
      { title = "From event to receipt, milliseconds", of = "durations", in = "process", every = "5m", datasets = local.sources },
      { title = "Rows extracted", of = "extracted", in = "extract", every = "5m", datasets = local.databases },
      { title = "Points written", of = "pulled", in = "pull", every = "5m", datasets = local.feeds },
      { title = "Seconds between a minute's start and its quote", of = "delays", in = "pull", every = "5m", datasets = local.feeds },
      ] : [
      for dataset in keys(picture.datasets) : {
        title = "${picture.title}: ${dataset}"
        query = join(" | ", [
          "SOURCE '/aws/lambda/${local.functions[picture.in]}'",
          "filter dataset = '${dataset}'",
          "stats ${join(", ", local.fields[picture.of])} by bin(${picture.every})",
        ])
      }
    ]
  ])

  # Athena counts by state and type of a query too (Athena User Guide, "List of CloudWatch metrics and dimensions for Athena"): no
  # metric has the workgroup as its one dimension.
  bytes_scanned = join("", [
    "SUM(SEARCH('{AWS/Athena,QueryState,QueryType,WorkGroup} MetricName=\"ProcessedBytes\" ",
    "WorkGroup=\"${aws_athena_workgroup.analysts.name}\"', 'Sum', 300))",
  ])

  # A widget shows 100 alarms at most.
  shown_alarms   = chunklist(sort(values(local.alarm_names)), 100)
  below_alarms   = 4 * length(local.shown_alarms)
  below_pictures = local.below_alarms + 6 * ceil(length(local.pictures) / 3)
  widgets = [
    {
      title = "Freshness: seconds that a feed's oldest record waits for S3", stat = "Maximum",
      metrics = [
        for name, stream in aws_kinesis_firehose_delivery_stream.feed :
        ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", stream.name, { label = name }]
      ]
    },
    { title = "Freshness: processed objects", stat = "Sum", metrics = local.by_dataset.ObjectsProcessed },
    { title = "Lines in quarantine", stat = "Sum", metrics = local.by_dataset.LinesRejected },
    { title = "Extraction held back by open transactions, seconds", stat = "Maximum", metrics = local.by_dataset.HorizonHeldSeconds },
    { title = "Points expected", stat = "Sum", metrics = local.by_dataset.PointsExpected },
    {
      title   = "Age of the oldest message, seconds", stat = "Maximum",
      metrics = [for name, queue in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { label = name }]]
    },
    {
      title = "Dead letters", stat = "Maximum",
      metrics = [
        for name, queue in local.queues :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_name, { label = name }]
      ]
    },
    {
      title   = "Duration of a function, milliseconds", stat = "p95",
      metrics = [for name, function in local.functions : ["AWS/Lambda", "Duration", "FunctionName", function, { label = name }]]
    },
    {
      title   = "Errors of functions", stat = "Sum",
      metrics = [for name, function in local.functions : ["AWS/Lambda", "Errors", "FunctionName", function, { label = name }]]
    },
    {
      title   = "What costs: invocations", stat = "Sum",
      metrics = [for name, function in local.functions : ["AWS/Lambda", "Invocations", "FunctionName", function, { label = name }]]
    },
    {
      title   = "What costs: bytes scanned by analysts", stat = "Sum",
      metrics = [[{ id = "scanned", label = "analysts", expression = local.bytes_scanned }]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.prefix

  dashboard_body = jsonencode({
    widgets = concat(
      [
        for index, names in local.shown_alarms : {
          type = "alarm", x = 0, y = 4 * index, width = 24, height = 4
          properties = {
            title  = "Alarms"
            alarms = [for name in names : "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${name}"]
          }
        }
      ],
      [
        for index, picture in local.pictures : {
          type       = "log", x = 8 * (index % 3), y = local.below_alarms + 6 * floor(index / 3), width = 8, height = 6
          properties = { title = picture.title, region = var.region, view = "timeSeries", query = picture.query }
        }
      ],
      [
        for index, widget in [for widget in local.widgets : widget if length(widget.metrics) > 0] : {
          type = "metric", x = 8 * (index % 3), y = local.below_pictures + 6 * floor(index / 3), width = 8, height = 6
          properties = {
            title = widget.title, region = var.region, stat = widget.stat, period = 300, view = "timeSeries", metrics = widget.metrics
          }
        }
      ],
    )
  })
}
