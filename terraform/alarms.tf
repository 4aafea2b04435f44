# Whoever must act is told what to do, once: an alarm mails the admins when it starts, and its description holds the next step
# and the runbook's section (docs/runbook.md has one per kind). An alarm that only says what another mail says is a state to look
# at, and mails nothing. CloudWatch acts on each change of state, also on the first one of a new alarm, from INSUFFICIENT_DATA to OK
# (User Guide, "Alarm actions"). So the topic hears that it is over of an alarm of silence alone, which has nothing to be OK with when
# it is new; of the others a function of the auditor's, which mails it where the alarm was on.

locals {
  runbook = { for kind in local.alarm_kinds : kind => "Runbook: ${var.runbook_url}#${kind}" }

  alarm_kinds = [
    "dead-letters", "function-errors", "throttles", "queue-age", "schedule-silent", "freshness", "quarantine",
    "halted-objects", "failed-tables", "horizon-held", "provider-refused", "provider-broken", "secret-missing",
    "delivery-late", "gaps-unhealed", "audit-failed", "audit-silent", "canary-dead", "deployment-drift", "mirror-late",
    "pipeline-unhealthy",
  ]

  # What the functions count, in five minutes, by dataset. Silence is fine: a function that met nothing writes nothing.
  counted = {
    quarantine = {
      metric = "LinesRejected", above = var.alarm_thresholds.quarantined_rows, datasets = local.sources
      text   = "Lines of %s break the contract and lie in quarantine. Look at them: starmend quarantine list."
    }
    halted-objects = {
      metric = "ObjectsHalted", above = var.alarm_thresholds.halted_objects, datasets = local.sources
      text = join(" ", [
        "So many lines of an object of %s break the contract that nothing of it was committed. Mend the contract or the code,",
        "deploy, then: starmend quarantine retry.",
      ])
    }
    failed-tables = {
      metric = "TableFailed", above = var.alarm_thresholds.failed_tables, datasets = local.databases
      text   = "A table of %s could not be extracted; the others went on. The extract function's log names the table and the remedy."
    }
    provider-refused = {
      metric = "ProviderRefused", above = var.alarm_thresholds.provider_refusals, datasets = local.feeds
      text   = "The provider of %s refuses the token or what is asked with it. Check the plan, then: starmend secret set."
    }
    provider-broken = {
      metric = "ProviderBroken", above = var.alarm_thresholds.provider_nonsense, datasets = local.feeds
      text = join(" ", [
        "Live answers of the provider of %s make no sense (errors, HTML, zeros, no Date). Nothing of them is written, and what",
        "its history says of the same minutes is not believed. Look at the pull function's log and the provider's status.",
      ])
    }
    secret-missing = {
      metric = "SecretMissing", above = var.alarm_thresholds.missing_secrets, datasets = local.feeds
      text   = "The secret of %s has no value yet (starmend secret set), or cannot be read: the pull function's log says why."
    }
  }

  alarms = merge(
    merge([
      for kind, counter in local.counted : {
        for dataset in keys(counter.datasets) : "${kind}-${dataset}" => {
          kind       = kind, text = format(counter.text, dataset), namespace = local.namespace, metric = counter.metric
          dimensions = merge(local.metric_dimensions, { dataset = dataset })
          statistic  = "Sum", period = 300, periods = 1, above = counter.above, missing = "notBreaching"
        }
      }
    ]...),
    {
      for dataset, source in local.databases : "horizon-held-${dataset}" => {
        kind = "horizon-held", namespace = local.namespace, metric = "HorizonHeldSeconds"
        text = join(" ", [
          "A transaction of the database of ${dataset} has been open for longer than the data may be old; extraction waits for",
          "it. The extract function's log names it (horizon held back). End it.",
        ])
        dimensions = merge(local.metric_dimensions, { dataset = dataset })
        statistic  = "Maximum", period = 300, periods = 1, above = source.complete_within_seconds, missing = "notBreaching"
      }
    },
    {
      for name, queue in local.queues : "dead-letters-${name}" => {
        kind = "dead-letters", namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible"
        text = join(" ", [
          "Work on the queue ${name} failed three times and lies in ${queue.dead_name}. Read a message, mend its cause, then move",
          "it back: starmend replay.",
        ])
        dimensions = { QueueName = queue.dead_name }
        statistic  = "Maximum", period = 60, periods = 1, above = var.alarm_thresholds.dead_letters, missing = "notBreaching"
      }
    },
    {
      for name, queue in local.queues : "queue-age-${name}" => {
        kind = "queue-age", namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage"
        text = join(" ", [
          "A message on the queue ${name} has waited for too long: its function fails, is throttled, or cannot keep up. Look at",
          "the function's errors and concurrency.",
        ])
        dimensions = { QueueName = queue.name }
        statistic  = "Maximum", period = 60, periods = 3, above = var.alarm_thresholds.queue_age, missing = "notBreaching"
      }
    },
    {
      for name, function in local.functions : "function-errors-${name}" => {
        kind       = "function-errors", namespace = "AWS/Lambda", metric = "Errors"
        text       = "The function ${function} failed. Its log says where and what to do."
        dimensions = { FunctionName = function }
        statistic  = "Sum", period = 300, periods = 1, above = var.alarm_thresholds.function_errors, missing = "notBreaching"
      }
    },
    {
      for name, function in local.functions : "throttles-${name}" => {
        kind = "throttles", namespace = "AWS/Lambda", metric = "Throttles"
        text = join(" ", [
          "Lambda refused to run ${function}: the account's concurrency is used up. Ask for more, or lower the triggers'",
          "concurrency.",
        ])
        dimensions = { FunctionName = function }
        statistic  = "Sum", period = 300, periods = 1, above = var.alarm_thresholds.throttles, missing = "notBreaching"
      }
    },
    {
      for dataset in keys(local.feeds) : "delivery-late-${dataset}" => {
        kind = "delivery-late", namespace = "AWS/Firehose", metric = "DeliveryToS3.DataFreshness"
        text = join(" ", [
          "Firehose holds records of ${dataset} that it cannot write. Look at its log group and at feeds-errors/ in the ingest",
          "bucket.",
        ])
        dimensions = { DeliveryStreamName = aws_kinesis_firehose_delivery_stream.feed[dataset].name }
        statistic  = "Maximum", period = 300, periods = 1, above = var.alarm_thresholds.delivery_age, missing = "notBreaching"
      }
    },
    local.drift,
  )

  # That they are over nobody mails. Lines stay in quarantine and objects halted when no more come in; and the function that would mail
  # it of itself would start its own alarm again while it is broken.
  over_untold = concat(
    [for name, alarm in local.alarms : name if contains(["quarantine", "halted-objects"], alarm.kind)],
    ["function-errors-conclude", "throttles-conclude"],
  )

  # The auditor mails why an audit failed, in the words of the function that did; audit-silent where it could not.
  told_by_auditor = [for name in ["audit", "plan", "verify", "certify", "check"] : "function-errors-${name}"]

  # Counted by `starmend deploy drift --notify`; the state stays until it looks again.
  drift = {
    deployment-drift = {
      kind = "deployment-drift", namespace = local.namespace, metric = "DriftedResources"
      text = join(" ", [
        "What is deployed is not what the code says; the mail of the same minute names the resources. Deploy, or take back what",
        "was changed by hand: starmend deploy plan.",
      ])
      dimensions = merge(local.metric_dimensions, { dataset = "deployment" })
      statistic  = "Maximum", period = 300, periods = 1, above = 0, missing = "ignore"
    }
  }

  # Only where schedules run: three missed starts, or a week, which is the most that an alarm looks at. Here silence is the
  # fault.
  scheduled = {
    for name, seconds in {
      extract = [for dataset in local.databases : dataset.every_seconds]
      request = [for dataset in local.feeds : 60]
      notary  = local.proves ? [3600] : []
      page    = local.publishes ? [3600] : []
    } : name => min(3 * max(min(seconds...), 100), local.longest_span) if var.schedules_enabled && length(seconds) > 0
  }

  # Freshness has two parts. No object of the dataset was processed for as long as its data may be old (silence is the
  # fault), although all that time there was something to process (silence is fine: the exchange is closed, the database
  # is quiet). A quarter of the time is a period, so that the first minute of a trading day is no alarm yet; a week is the
  # most that an alarm looks at.
  longest_span = 7 * 24 * 3600
  fresh_span   = { for name, source in local.sources : name => min(source.complete_within_seconds, local.longest_span) }
  fresh_period = { for name, seconds in local.fresh_span : name => max(60, floor(seconds / 240) * 60) }
  freshness_parts = merge(
    {
      for name in keys(local.sources) : "nothing-processed-${name}" => {
        dataset = name, metric = "ObjectsProcessed", compare = "LessThanThreshold", threshold = 1, of = 4, missing = "breaching"
        text    = "Part of freshness-${name}: no object was processed."
      }
    },
    {
      for name, source in local.sources : "work-due-${name}" => {
        dataset = name, metric = source.kind == "feed" ? "PointsExpected" : "ObjectsExtracted"
        compare = "GreaterThanThreshold", threshold = 0, of = source.kind == "feed" ? 4 : 2, missing = "notBreaching"
        text    = "Part of freshness-${name}: there was something to process."
      }
    },
  )

  # All but the one light, which watches these. The auditor's are made beside it (modules/auditor).
  watched = merge(
    { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name },
    { for name, alarm in aws_cloudwatch_metric_alarm.schedule_silent : "schedule-silent-${name}" => alarm.alarm_name },
    { for name, alarm in aws_cloudwatch_composite_alarm.freshness : "freshness-${name}" => alarm.alarm_name },
    one(module.auditor[*].alarms),
    one(module.mirror[*].alarms),
  )
  # Which alarms a rule names, of those over others: CloudWatch deletes no alarm that a rule names, and Terraform deletes before it
  # changes. So an alarm over others is replaced, and thereby gone before what it watched, whenever that is no longer the same.
  parts_of_freshness = ["nothing-processed", "work-due"]
  alarm_names        = merge(local.watched, { pipeline-unhealthy = aws_cloudwatch_composite_alarm.unhealthy.alarm_name })

  # A composite alarm watches 100 others at most, and its rule has 10,240 characters (CloudWatch, PutCompositeAlarm). It may
  # watch composite ones too: so more are watched in parts.
  most_in_rule  = min(100, floor(10240 / max([for name in values(local.watched) : length("ALARM(\"${name}\") OR ")]...)))
  watched_parts = chunklist(sort(values(local.watched)), local.most_in_rule)
}

# ---------------------------------------------------------------- the topic

# CloudWatch may not use the AWS-managed key of SNS, so the topic has its own.
data "aws_iam_policy_document" "alarm_key" {
  #checkov:skip=CKV_AWS_109:a key's policy speaks of that key alone
  #checkov:skip=CKV_AWS_111:a key's policy speaks of that key alone
  #checkov:skip=CKV_AWS_356:a key's policy speaks of that key alone
  statement {
    sid       = "AccountOwnsKey"
    actions   = ["kms:*"] # wildcard: KMS refuses a policy that could lock the account out of its key
    resources = ["*"]     # wildcard: in a key's policy this is the key
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "AlarmsPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"] # wildcard: in a key's policy this is the key
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "alarms" {
  description             = "Encrypts the alarms of ${local.prefix} on their way"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.alarm_key.json
  tags                    = local.tags.alarms
}

resource "aws_kms_alias" "alarms" {
  name          = "alias/${local.prefix}-alarms"
  target_key_id = aws_kms_key.alarms.id
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.prefix}-alarms"
  display_name      = "${local.prefix} alarms"
  kms_master_key_id = aws_kms_key.alarms.arn
  tags              = local.tags.alarms
}

data "aws_iam_policy_document" "alarm_topic" {
  statement {
    sid       = "AlarmsPublish"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "*" # wildcard: a Deny for everybody
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarm_topic.json
}

resource "aws_sns_topic_subscription" "admin" {
  for_each = toset(var.admin_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# ---------------------------------------------------------------- the alarms

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = "${each.value.text} ${local.runbook[each.value.kind]}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = each.value.missing
  alarm_actions       = contains(local.told_by_auditor, each.key) ? [] : [aws_sns_topic.alarms.arn]
  ok_actions          = contains(concat(local.told_by_auditor, local.over_untold), each.key) ? [] : module.auditor[*].alarm_is_over
  tags                = local.tags.alarms
}

resource "aws_cloudwatch_metric_alarm" "schedule_silent" {
  for_each = local.scheduled

  alarm_name = "${local.prefix}-schedule-silent-${each.key}"
  alarm_description = join(" ", [
    "The schedules no longer start ${local.functions[each.key]}. Look whether they are enabled and whether their role may",
    "start it. ${local.runbook["schedule-silent"]}",
  ])
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = local.functions[each.key] }
  statistic           = "Sum"
  period              = each.value
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = local.tags.alarms
}

# No actions of their own: each is the normal state of a quiet night. Together they are an alarm.
resource "aws_cloudwatch_metric_alarm" "freshness_part" {
  for_each = local.freshness_parts

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = "${each.value.text} ${local.runbook["freshness"]}"
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = merge(local.metric_dimensions, { dataset = each.value.dataset })
  statistic           = "Sum"
  period              = local.fresh_period[each.value.dataset]
  evaluation_periods  = 4
  datapoints_to_alarm = each.value.of
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  tags                = local.tags.alarms
}

resource "aws_cloudwatch_composite_alarm" "freshness" {
  for_each = local.sources

  alarm_name = "${local.prefix}-freshness-${each.key}"
  alarm_description = join(" ", [
    "Nothing of ${each.key} has reached the warehouse for ${local.fresh_span[each.key] / 60} minutes, although",
    "there was something to bring. Follow it along the road: starmend status. ${local.runbook["freshness"]}",
  ])
  alarm_rule = join(" AND ", [
    for part in local.parts_of_freshness :
    "ALARM(\"${aws_cloudwatch_metric_alarm.freshness_part["${part}-${each.key}"].alarm_name}\")"
  ])
  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = module.auditor[*].alarm_is_over
  tags          = local.tags.alarms

  lifecycle {
    replace_triggered_by = [terraform_data.parts_of_freshness]
  }
}

resource "terraform_data" "parts_of_freshness" {
  input = local.parts_of_freshness
}

resource "terraform_data" "watched" {
  input = concat(sort(values(local.watched)), local.parts_of_freshness) # a freshness that is replaced is watched
}

# What no rule of one alarm has room for is watched by parts, which tell nobody by themselves.
resource "aws_cloudwatch_composite_alarm" "unhealthy_part" {
  count = length(local.watched_parts) > 1 ? length(local.watched_parts) : 0

  alarm_name = "${local.prefix}-pipeline-unhealthy-part-${count.index + 1}"
  alarm_description = join(" ", [
    "Part of pipeline-unhealthy, which says what this one says: at least one of ${length(local.watched_parts[count.index])} alarms is on.",
    local.runbook["pipeline-unhealthy"],
  ])
  alarm_rule = join(" OR ", [for name in local.watched_parts[count.index] : "ALARM(\"${name}\")"])
  tags       = local.tags.alarms

  lifecycle {
    replace_triggered_by = [terraform_data.watched]
  }
}

# The one light: it is looked at, and mails nothing, for each alarm that it watches has.
resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name = "${local.prefix}-pipeline-unhealthy"
  alarm_description = join(" ", [
    "At least one alarm of ${local.prefix} is on; it has said so itself. This one is over when all are.",
    local.runbook["pipeline-unhealthy"],
  ])
  alarm_rule = join(" OR ", [
    for name in length(local.watched_parts) > 1 ? aws_cloudwatch_composite_alarm.unhealthy_part[*].alarm_name : local.watched_parts[0] :
    "ALARM(\"${name}\")"
  ])
  tags = local.tags.alarms

  lifecycle {
    replace_triggered_by = [terraform_data.watched]
    precondition {
      condition     = length(local.watched_parts) <= local.most_in_rule
      error_message = "An alarm over alarms may watch so many: split the contracts over two environments."
    }
  }
}
