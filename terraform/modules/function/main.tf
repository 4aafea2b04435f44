# One Lambda function with a role of its own that may do exactly what the given policy says, and write its own log.

locals {
  in_vpc        = length(var.network.subnet_ids) > 0
  grants_length = length(data.aws_iam_policy_document.this.minified_json)
}

# Made before the function, which would otherwise make it itself: without retention, and left behind by `destroy`.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every group; no line holds a secret, and a customer key costs per function
  #checkov:skip=CKV_AWS_338:retention is the operator's choice (variable)
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.shared.log_retention_days
  tags              = var.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "What ${var.name} may do"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.shared.permissions_boundary
  tags                 = var.tags
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = [var.policy]

  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"] # wildcard: Lambda names the group's streams
  }

  dynamic "statement" {
    for_each = var.shared.tracing ? [1] : []
    content {
      sid       = "WriteTraces"
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      resources = ["*"] # wildcard: X-Ray knows no resource for these actions
    }
  }

  dynamic "statement" {
    for_each = local.in_vpc ? [1] : []
    content {
      sid = "LiveInVpc"
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"] # wildcard: Lambda checks these on "*" before it makes the interfaces
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "grants"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json

  lifecycle {
    precondition { # IAM and STS quotas: of all inline policies of a role together, without blanks
      condition = local.grants_length + var.other_policies_length <= 10240
      error_message = join(" ", [
        "The grants of ${var.name} have ${local.grants_length} characters, of which IAM takes ${10240 - var.other_policies_length}.",
        "They grow with databases and feeds: split the contracts over two environments.",
      ])
    }
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:tracing is the operator's choice (variable)
  #checkov:skip=CKV_AWS_115:concurrency is bounded at the triggers; a new account has nothing to reserve from
  #checkov:skip=CKV_AWS_116:queued work has dead-letter queues, scheduled work comes again with the next schedule
  #checkov:skip=CKV_AWS_117:only functions that read a database live in a VPC, by variable
  #checkov:skip=CKV_AWS_173:the variables are names, never secrets
  #checkov:skip=CKV_AWS_272:packages are reproducible and named by their hash in a bucket of our own
  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn
  handler       = var.handler
  runtime       = "python3.12"
  architectures = [var.shared.code.architecture]
  s3_bucket     = var.shared.code.bucket
  s3_key        = var.shared.code.key
  layers        = [for name in var.layers : var.shared.code.layers[name] if contains(keys(var.shared.code.layers), name)]
  timeout       = var.timeout_seconds
  memory_size   = var.memory_mb
  tags          = merge(var.tags, { for idea in var.repair[*] : "repair" => idea })

  environment {
    variables = merge(var.shared.environment, var.environment, var.shared.tracing ? {} : { POWERTOOLS_TRACE_DISABLED = "true" })
  }

  logging_config {
    log_format = "Text" # the functions write JSON lines themselves
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.shared.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []
    content {
      subnet_ids         = var.network.subnet_ids
      security_group_ids = var.network.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.this] # a function that starts before its grants fails its first events
}
