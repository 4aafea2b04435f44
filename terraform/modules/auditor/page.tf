# The page: a function that reads what is stored of the last days, every hour, and writes one HTML text into the warehouse
# bucket (`starmend report` makes the same). It may read and write nothing else; who may open it, docs/decisions say.

locals {
  page = {
    reads = ["warehouse/", "audit/", "completeness/", "receipts/", "quarantine/"]
    lines = "feeds/"
    # Told beside each table: the newest object that was processed.
    parameters = [for arn in local.parameters : arn if endswith(arn, "/latest_object")]
  }
}

data "aws_iam_policy_document" "page" {
  statement {
    sid       = "ReadRecords"
    actions   = ["s3:GetObject"]
    resources = [for prefix in local.page.reads : "${var.buckets.warehouse}/${prefix}*"] # wildcard: the prefix's objects
  }

  statement {
    sid       = "ReadLines" # a story tells which line brought a point, or that none did
    actions   = ["s3:GetObject"]
    resources = ["${var.buckets.ingest}/${local.page.lines}*"] # wildcard: the lines of every feed
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets.warehouse, var.buckets.ingest]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      values   = [for prefix in concat(local.page.reads, [local.page.lines]) : "${prefix}*"] # wildcard: the prefix's objects
    }
  }

  dynamic "statement" {
    for_each = length(local.page.parameters) > 0 ? [1] : []
    content {
      sid       = "ReadLatestObjects"
      actions   = ["ssm:GetParameters"]
      resources = local.page.parameters
    }
  }

  statement {
    sid       = "WritePage"
    actions   = ["s3:PutObject"]
    resources = ["${var.buckets.warehouse}/page/*"] # wildcard: the page, and points beside it
  }
}

module "page" {
  count  = var.page ? 1 : 0
  source = "../function"

  name            = "${var.prefix}-page"
  description     = "Writes the page that says whether numbers are complete"
  handler         = "auditor.page.handler.handle"
  policy          = data.aws_iam_policy_document.page.json
  environment     = { POWERTOOLS_SERVICE_NAME = "page" }
  timeout_seconds = var.timing.step_seconds
  memory_mb       = 1769
  shared          = var.functions
  layers          = ["base", "athena"] # it shares the steps' modules
  tags            = var.page_tags
}

# In the first minutes of an hour no audit starts, and those of the hour before are over.
module "page_schedule" {
  count  = var.page ? 1 : 0
  source = "../schedule"

  prefix = var.prefix
  name   = "page"
  target = { arn = module.page[0].arn, action = "lambda:InvokeFunction" }
  schedules = {
    every-hour = {
      description = "Writes the page that says whether numbers are complete"
      expression  = "cron(3 * * * ? *)"
      input       = "{}"
    }
  }
  retry      = { attempts = 3, age_seconds = 600 }
  scheduling = var.scheduling
  tags       = var.page_tags
}
