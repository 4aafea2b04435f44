# One page: is it healthy, is it whole, is it fresh, is it keeping up, what does it cost.

locals {
  # Which datasets have a metric.
  datasets_by_metric = merge(
    { for metric in ["ObjectsProcessed", "RowsOut", "LinesRejected", "ProcessingTime"] : metric => local.sources },
    { for metric in ["RowsExtracted", "HorizonHeldSeconds", "NonSequentialIds"] : metric => local.databases },
    { for metric in ["PointsExpected", "PointsWritten", "TriggerDelaySeconds"] : metric => local.feeds },
    {
      for metric in ["AuditExpected", "AuditMissing", "AuditAbsent", "PointsRepaired", "PointsUnhealed"] :
      metric => local.sources
    },
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

  # Several metrics on one picture, each line with the dataset and the metric's name.
  together = {
    for name, metrics in {
      points   = ["PointsExpected", "PointsWritten"]
      coverage = ["AuditExpected", "AuditMissing", "AuditAbsent"]
      gaps     = ["AuditMissing", "PointsRepaired", "PointsUnhealed"]
      } : name => [
      for curve in flatten([for metric in metrics : [for line in local.by_dataset[metric] : { line = line }]]) :
      concat(slice(curve.line, 0, length(curve.line) - 1), [{ label = "${curve.line[length(curve.line) - 2]} ${curve.line[1]}" }])
    ]
  }

  # Athena counts by state and type of a query too (Athena User Guide, "List of CloudWatch metrics and dimensions for Athena"): no
  # metric has the workgroup as its one dimension.
  bytes_scanned = join("", [
    "SUM(SEARCH('{AWS/Athena,QueryState,QueryType,WorkGroup} MetricName=\"ProcessedBytes\" ",
    "WorkGroup=\"${aws_athena_workgroup.analysts.name}\"', 'Sum', 300))",
  ])

  widgets = [
    {
      title   = "Coverage: points and rows owed, missing and absent at the source, as audited", stat = "Maximum",
      metrics = local.together.coverage
    },
    { title = "Gaps: missing when an audit ended, healed, beyond healing", stat = "Maximum", metrics = local.together.gaps },
    {
      title = "Freshness: seconds that a feed's oldest record waits for S3", stat = "Maximum",
      metrics = [
        for name, stream in aws_kinesis_firehose_delivery_stream.feed :
        ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", stream.name, { label = name }]
      ]
    },
    { title = "Freshness: processed objects", stat = "Sum", metrics = local.by_dataset.ObjectsProcessed },
    { title = "Rows out", stat = "Sum", metrics = local.by_dataset.RowsOut },
    { title = "Lines in quarantine", stat = "Sum", metrics = local.by_dataset.LinesRejected },
    { title = "From event to receipt, milliseconds", stat = "p95", metrics = local.by_dataset.ProcessingTime },
    { title = "Rows extracted", stat = "Sum", metrics = local.by_dataset.RowsExtracted },
    { title = "Extraction held back by open transactions, seconds", stat = "Maximum", metrics = local.by_dataset.HorizonHeldSeconds },
    { title = "Objects out of sequence", stat = "Sum", metrics = local.by_dataset.NonSequentialIds },
    { title = "Points expected and written", stat = "Sum", metrics = local.together.points },
    { title = "Seconds between a minute's start and its quote", stat = "p95", metrics = local.by_dataset.TriggerDelaySeconds },
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
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 4
        properties = {
          title = "Alarms"
          alarms = sort([
            for name in values(local.alarm_names) :
            "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${name}"
          ])
        }
      }],
      [
        for index, widget in [for widget in local.widgets : widget if length(widget.metrics) > 0] : {
          type = "metric", x = 8 * (index % 3), y = 4 + 6 * floor(index / 3), width = 8, height = 6
          properties = {
            title = widget.title, region = var.region, stat = widget.stat, period = 300, view = "timeSeries", metrics = widget.metrics
          }
        }
      ],
    )
  })
}
