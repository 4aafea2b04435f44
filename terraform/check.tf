# The auditor's door to the databases: the one function of it that talks to them. It answers what the audit asks (how many
# rows of which version, and which), and fetches rows again, into repair/ beside the sequence. It never writes a fact, a
# table's own object or a parameter.

data "aws_iam_policy_document" "check" {
  count = local.has_databases ? 1 : 0

  statement {
    sid       = "ReadDatabaseSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for name in distinct(flatten(values(local.databases)[*].secrets)) : aws_secretsmanager_secret.source[name].arn]
  }

  statement {
    sid       = "SeeState" # which object is the newest
    actions   = ["ssm:GetParameters"]
    resources = concat(local.table_parameters.timestamp, local.table_parameters.sequential_id)
  }

  statement {
    sid     = "ReadObjects" # in which a deleted row was last seen; repairs also to read back what a lost answer left open
    actions = ["s3:GetObject"]
    # wildcard: the tables' objects
    resources = flatten([for name in keys(local.databases) : ["${local.ingest_arn}/tables/${name}/*", "${local.ingest_arn}/repair/${name}/*"]])
  }

  statement {
    sid       = "WriteRepairs"
    actions   = ["s3:PutObject"]
    resources = [for name in keys(local.databases) : "${local.ingest_arn}/repair/${name}/*"] # wildcard: the tables' repairs
  }

  statement {
    sid       = "FindObjects"
    actions   = ["s3:ListBucket"]
    resources = [local.ingest_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing key, not 403
      variable = "s3:prefix"
      # wildcard: the tables' objects
      values = flatten([for name in keys(local.databases) : ["tables/${name}/*", "repair/${name}/*"]])
    }
  }

  statement {
    sid       = "Papers" # jobs in; answers that are too large for an answer, and word of each job, out
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = local.papers
  }

  statement {
    sid       = "TellMissingFromForbidden" # without it S3 answers 403 for a job that is not there
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["audit/*"] # wildcard: every run's papers
    }
  }
}

module "check" {
  count  = local.has_databases ? 1 : 0
  source = "./modules/function"

  name               = "${local.prefix}-check"
  description        = "Answers the auditor's questions about a database, and fetches rows again beside the sequence"
  handler            = "ingestion.check.handler.handle"
  code               = local.code
  policy             = data.aws_iam_policy_document.check[0].json
  environment        = merge(local.function_environment, { POWERTOOLS_SERVICE_NAME = "check" })
  timeout_seconds    = var.audit_step_timeout_seconds
  memory_mb          = 1024
  log_retention_days = var.log_retention_days
  tracing            = var.tracing
  network            = { subnet_ids = var.vpc_subnet_ids, security_group_ids = var.security_group_ids }
  tags               = local.audit_tags
}
