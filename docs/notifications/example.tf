# Starmend's alarms in Slack, and as incidents of PagerDuty that are resolved when the alarm is over.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

variable "project" {
  description = "The deployment's project."
  type        = string
  default     = "starmend"
}

variable "environment" {
  description = "The deployment's environment."
  type        = string
  default     = "prod"
}

variable "slack_webhook" {
  description = "Address of an incoming webhook of Slack."
  type        = string
  sensitive   = true
}

variable "pagerduty_key" {
  description = "Integration key of a PagerDuty service (Events API v2)."
  type        = string
  sensitive   = true
}

locals {
  destinations = {
    slack     = { url = var.slack_webhook, body = {} }
    pagerduty = { url = "https://events.pagerduty.com/v2/enqueue", body = { routing_key = var.pagerduty_key } }
  }

  # What each listens for, and what it is then sent; <name> stands for a value of the event.
  listeners = {
    slack = {
      to    = "slack"
      state = ["open", "over"]
      says  = "{\"text\": \"<dataset>: <meaning> (<state>). <remedy>. <runbook>\"}"
    }
    pagerduty-open = {
      to    = "pagerduty"
      state = ["open"]
      says = join("", [
        "{\"event_action\": \"trigger\", \"dedup_key\": \"<incident>\", \"payload\": {\"summary\": \"<dataset>: <meaning>\", ",
        "\"source\": \"<incident>\", \"severity\": \"error\"}, \"links\": [{\"href\": \"<runbook>\", \"text\": \"What to do\"}]}",
      ])
    }
    pagerduty-over = {
      to    = "pagerduty"
      state = ["over"]
      says  = "{\"event_action\": \"resolve\", \"dedup_key\": \"<incident>\"}"
    }
  }
}

resource "aws_cloudwatch_event_connection" "this" {
  for_each = local.destinations

  name               = "${var.project}-${var.environment}-${each.key}"
  authorization_type = "API_KEY"

  auth_parameters {
    api_key { # EventBridge asks for one; neither of the two reads it
      key   = "X-Sent-By"
      value = "starmend"
    }

    dynamic "invocation_http_parameters" {
      for_each = length(each.value.body) > 0 ? [1] : []
      content {
        dynamic "body" {
          for_each = each.value.body
          content {
            key             = body.key
            value           = body.value
            is_value_secret = true
          }
        }
      }
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "this" {
  for_each = local.destinations

  name                             = "${var.project}-${var.environment}-${each.key}"
  invocation_endpoint              = each.value.url
  http_method                      = "POST"
  invocation_rate_limit_per_second = 1
  connection_arn                   = aws_cloudwatch_event_connection.this[each.key].arn
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.listeners

  name        = "${var.project}-${var.environment}-${each.key}"
  description = "Starmend's alarms for ${each.value.to}"
  event_pattern = jsonencode({
    source      = ["starmend"]
    detail-type = ["Starmend Alarm"]
    detail      = { project = [var.project], environment = [var.environment], state = each.value.state }
  })
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.listeners

  rule     = aws_cloudwatch_event_rule.this[each.key].name
  arn      = aws_cloudwatch_event_api_destination.this[each.value.to].arn
  role_arn = aws_iam_role.send.arn

  input_transformer {
    input_template = each.value.says
    input_paths = {
      for name, path in {
        dataset  = "$.detail.dataset"
        state    = "$.detail.state"
        incident = "$.detail.alarm.incident"
        meaning  = "$.detail.alarm.meaning"
        remedy   = "$.detail.alarm.remedy"
        runbook  = "$.detail.alarm.runbook"
      } : name => path if strcontains(each.value.says, "<${name}>")
    }
  }

  dead_letter_config {
    arn = aws_sqs_queue.unsent.arn
  }
}

# What the other side did not take in a day.
resource "aws_sqs_queue" "unsent" {
  name                      = "${var.project}-${var.environment}-notifications-unsent"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "unsent" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.unsent.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.this : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "unsent" {
  queue_url = aws_sqs_queue.unsent.url
  policy    = data.aws_iam_policy_document.unsent.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "send" {
  name               = "${var.project}-${var.environment}-notifications"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "send" {
  statement {
    actions   = ["events:InvokeApiDestination"]
    resources = [for destination in aws_cloudwatch_event_api_destination.this : destination.arn]
  }
}

resource "aws_iam_role_policy" "send" {
  name   = "send"
  role   = aws_iam_role.send.id
  policy = data.aws_iam_policy_document.send.json
}
