# What one machine would take days for: jobs that somebody laid down in a folder, each carried out by a function of its own, so
# many at once. It costs nothing while nobody starts it.

locals {
  at_scale = "${var.prefix}-at-scale"
  at_scale_arns = {
    for kind in ["stateMachine", "execution"] : kind => join(":", [
      "arn", data.aws_partition.current.partition, "states", var.region, data.aws_caller_identity.current.account_id, kind, local.at_scale,
    ])
  }

  # What a job is carried out by; whoever starts a run says which.
  at_scale_workers = { restate = module.restate.arn, audit = module.step["audit"].arn }

  # The folder is the manifest, and the outcomes beside it are the results: neither a reader of files nor a writer is needed. A job
  # that fails for good leaves none, or one that says why; whoever started the run collects them, and starts those again.
  at_scale_definition = {
    Comment = "Carry out every job of a folder, side by side. Whoever started it reads the outcomes."
    StartAt = "Whose jobs?"
    States = merge(
      {
        "Whose jobs?" = {
          Type = "Choice"
          Choices = [{
            And  = [{ Variable = "$.worker", IsPresent = true }, { Variable = "$.worker", StringEquals = "audit" }]
            Next = "Each job of audit"
          }]
          Default = "Each job of restate" # a run of an earlier release names nobody
        }
      },
      { for worker, arn in local.at_scale_workers : "Each job of ${worker}" => {
        Type                       = "Map"
        MaxConcurrency             = var.at_scale_concurrency
        ToleratedFailurePercentage = 100
        ItemReader = {
          Resource   = "arn:${data.aws_partition.current.partition}:states:::s3:listObjectsV2"
          Parameters = { Bucket = element(split(":::", var.buckets.warehouse), 1), "Prefix.$" = "$.jobs" }
        }
        ItemSelector = { "job.$" = "$$.Map.Item.Value.Key" }
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = "Do it by ${worker}" # names of states are one space, those of maps in it
          States = {
            "Do it by ${worker}" = {
              Type           = "Task"
              Resource       = arn
              TimeoutSeconds = var.timing.step_seconds
              Retry = [
                local.retry,
                { ErrorEquals = ["States.TaskFailed"], IntervalSeconds = var.timing.retry_seconds, MaxAttempts = 2, BackoffRate = 2 },
              ]
              OutputPath = null # the results of ten thousand jobs would be more than a state may carry
              End        = true
            }
          }
        }
        ResultPath = null
        End        = true
      } },
    )
  }
}

data "aws_iam_policy_document" "at_scale" {
  statement {
    sid       = "CarryOut"
    actions   = ["lambda:InvokeFunction"]
    resources = values(local.at_scale_workers)
  }

  statement {
    sid       = "ListJobs"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets.warehouse]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["audit/runs/*"] # wildcard: the folders of every run
    }
  }

  statement {
    sid       = "StartChildren" # each job is an execution of its own
    actions   = ["states:StartExecution"]
    resources = [local.at_scale_arns["stateMachine"]]
  }

  statement {
    sid     = "FollowChildren"
    actions = ["states:DescribeExecution", "states:StopExecution"]
    # wildcard: its own executions and their children
    resources = [for children in ["", "/*"] : "${local.at_scale_arns["execution"]}${children}:*"]
  }

  dynamic "statement" {
    for_each = var.functions.tracing ? [1] : []
    content {
      sid       = "WriteTraces"
      actions   = local.trace_actions
      resources = ["*"] # wildcard: X-Ray knows no resource for these actions
    }
  }
}

resource "aws_iam_role" "at_scale" {
  name                 = "${local.at_scale}-machine"
  description          = "What the state machine for work at scale may call"
  assume_role_policy   = data.aws_iam_policy_document.states_trust.json
  permissions_boundary = var.functions.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "at_scale" {
  name   = "grants"
  role   = aws_iam_role.at_scale.name
  policy = data.aws_iam_policy_document.at_scale.json
}

resource "aws_sfn_state_machine" "at_scale" {
  #checkov:skip=CKV_AWS_284:tracing is the operator's choice (variable)
  #checkov:skip=CKV_AWS_285:each function logs for itself, and the service keeps every execution's history for 90 days
  name       = local.at_scale
  role_arn   = aws_iam_role.at_scale.arn
  type       = "STANDARD"
  definition = jsonencode(local.at_scale_definition)
  tags       = var.tags

  tracing_configuration {
    enabled = var.functions.tracing
  }
}
