# A queue whose messages are tried three times, then kept for two weeks in a dead-letter queue.
#
# Access policies are given inline: each SQS resource of its own makes the provider wait 25 s.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  receives  = 3
  suffix    = var.fifo ? ".fifo" : "" # which SQS asks of the name
  live_name = "${var.name}${local.suffix}"
  dead_name = "${var.name}-dead${local.suffix}"
  account   = data.aws_caller_identity.current.account_id
  arns      = "arn:${data.aws_partition.current.partition}:sqs:${var.region}:${local.account}"
  arn       = "${local.arns}:${local.live_name}"
  dead_arn  = "${local.arns}:${local.dead_name}"
}

data "aws_iam_policy_document" "access" {
  for_each = { live = local.arn, dead = local.dead_arn }

  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"] # wildcard: a Deny of everything
    resources = [each.value]
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

  dynamic "statement" {
    for_each = each.key == "live" ? var.senders : {}
    content {
      sid       = "Send${replace(title(replace(statement.key, ".", " ")), " ", "")}"
      actions   = ["sqs:SendMessage"]
      resources = [each.value]
      principals {
        type        = "Service"
        identifiers = [statement.key]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

resource "aws_sqs_queue" "dead" {
  name                      = local.dead_name
  fifo_queue                = var.fifo
  message_retention_seconds = 14 * 24 * 3600 # SQS's longest
  sqs_managed_sse_enabled   = true
  policy                    = data.aws_iam_policy_document.access["dead"].json
  redrive_allow_policy      = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.arn] })
  tags                      = var.tags
}

resource "aws_sqs_queue" "this" {
  name                        = local.live_name
  fifo_queue                  = var.fifo
  content_based_deduplication = var.fifo ? true : null
  message_retention_seconds   = 4 * 24 * 3600
  # What Lambda asks for, so that retries never overlap: six time-outs and the time in which a batch is gathered.
  visibility_timeout_seconds = 6 * var.consumer_timeout_seconds + var.consumer_window_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
  policy                     = data.aws_iam_policy_document.access["live"].json
  tags                       = var.tags

  redrive_policy = var.dead_queue_first ? null : jsonencode({
    deadLetterTargetArn = local.dead_arn, maxReceiveCount = local.receives
  })
}

# Apart from the queue, so that what hangs on the queue is made meanwhile: the provider takes 25 s for either.
resource "aws_sqs_queue_redrive_policy" "this" {
  count = var.dead_queue_first ? 1 : 0

  queue_url      = aws_sqs_queue.this.id
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = local.receives })
}
