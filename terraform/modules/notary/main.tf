# The notary: a function that signs how far the certificates of each dataset have gone, and adds an anchor to a bucket that
# nobody else may write. It may read certificates, and nothing else of the lake.

locals {
  # Half an hour after the dataset's audit, so that what that certified is signed within the hour.
  minutes = { for dataset in var.datasets : dataset => (35 + parseint(substr(sha256(dataset), 0, 8), 16) % 55) % 60 }
}

data "aws_iam_policy_document" "notary" {
  statement {
    sid       = "ReadCertificates"
    actions   = ["s3:GetObject"]
    resources = ["${var.warehouse_arn}/warehouse/_certificates/*"] # wildcard: the chain of each dataset
  }

  statement {
    sid       = "SeeWhatIsMissing" # without it S3 answers 403 where there is no certificate yet
    actions   = ["s3:ListBucket"]
    resources = [var.warehouse_arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix: so S3 answers 404 for a missing certificate, not 403
      variable = "s3:prefix"
      values   = ["warehouse/_certificates/*"] # wildcard: the chain of each dataset
    }
  }

  statement {
    sid       = "AddAnchors"
    actions   = ["s3:PutObject", "s3:GetObjectVersion"]
    resources = ["${var.anchors_arn}/anchors/*"] # wildcard: the anchors of each dataset
  }

  statement {
    sid       = "FindAnchors"
    actions   = ["s3:ListBucketVersions"]
    resources = [var.anchors_arn]
  }

  statement {
    sid       = "Sign"
    actions   = ["kms:Sign", "kms:GetPublicKey"]
    resources = ["${var.keys_arn}/*"] # wildcard: of the account's keys those that have one of our aliases
    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = var.signing_keys
    }
  }
}

module "notary" {
  source = "../function"

  name        = "${var.prefix}-notary"
  description = "Signs how far the certificates of a dataset have gone"
  handler     = "notary.handler.handle"
  policy      = data.aws_iam_policy_document.notary.json
  environment = {
    POWERTOOLS_SERVICE_NAME = "notary"
    STARMEND_ANCHOR_BUCKET  = var.anchor_bucket
    STARMEND_SIGNING_KEYS   = jsonencode(var.signing_keys)
  }
  timeout_seconds = 300
  memory_mb       = 512
  shared          = var.functions
  tags            = var.tags
}

module "schedule" {
  source = "../schedule"

  prefix = var.prefix
  name   = "notary"
  target = { arn = module.notary.arn, action = "lambda:InvokeFunction" }
  schedules = {
    for dataset in var.datasets : dataset => {
      description = "Signs how far the certificates of ${dataset} have gone"
      expression  = "cron(${local.minutes[dataset]} * * * ? *)"
      input       = jsonencode({ dataset = dataset })
    }
  }
  retry      = { attempts = 3, age_seconds = 600 }
  scheduling = var.scheduling
  tags       = var.tags
}
