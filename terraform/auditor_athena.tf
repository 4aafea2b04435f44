# Ranges too large for a function to read: the two steps that look ask Athena what is missing of them, in a workgroup of
# the auditor's own, so that people's queries and its own are told apart by cost and by right.

locals {
  looks = toset(local.has_audits ? ["audit", "verify"] : [])

  athena_environment = {
    STARMEND_ATHENA_WORKGROUP = "${local.prefix}-auditor"
    STARMEND_ATHENA_DATABASE  = aws_glue_catalog_database.this.name
  }
}

resource "aws_athena_workgroup" "auditor" {
  count = local.has_audits ? 1 : 0

  name          = local.athena_environment.STARMEND_ATHENA_WORKGROUP
  description   = "The auditor's questions about large ranges; results are encrypted and kept for a week"
  force_destroy = true # only the history of queries goes with it
  tags          = local.audit_tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.this["results"].id}/auditor/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

data "aws_iam_policy_document" "ask_athena" {
  count = local.has_audits ? 1 : 0

  statement {
    sid = "AskAthena"
    actions = [
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:GetWorkGroup",
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
    ]
    resources = [aws_athena_workgroup.auditor[0].arn]
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"]
    resources = [
      "arn:${local.partition}:glue:${var.region}:${local.account}:catalog",
      aws_glue_catalog_database.this.arn,
      # wildcard: the database's tables; which of them are facts of feeds, the contracts say
      "arn:${local.partition}:glue:${var.region}:${local.account}:table/${aws_glue_catalog_database.this.name}/*",
    ]
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.this["results"].arn}/auditor/*"] # wildcard: Athena names the results
  }

  statement {
    sid       = "ListResults"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["results"].arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["auditor/*"] # wildcard: Athena names the results
    }
  }

  statement {
    sid       = "FindBuckets"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.warehouse_arn, aws_s3_bucket.this["results"].arn]
  }
}

resource "aws_iam_role_policy" "ask_athena" {
  for_each = local.looks

  name   = "ask-athena"
  role   = module.step[each.key].role
  policy = data.aws_iam_policy_document.ask_athena[0].json
}
