# Buckets, the pipeline's remembered state, its secrets (made empty), and the code packages.

locals {
  # noncurrent_days: how long a replaced or deleted object can be brought back; expire_days: how long any object stays.
  buckets = {
    ingest    = { versioned = true, noncurrent_days = var.ingest_noncurrent_days, expire_days = null }
    warehouse = { versioned = false, noncurrent_days = null, expire_days = null } # `vacuum` knows what may go; receipts stay
    results   = { versioned = false, noncurrent_days = null, expire_days = 7 }
    code      = { versioned = true, noncurrent_days = 90, expire_days = null }
  }
  bucket_names = { for name in keys(local.buckets) : name => "${local.prefix}-${name}-${local.account}" }
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  #checkov:skip=CKV_AWS_18:access logs are optional and would be a bucket of their own
  #checkov:skip=CKV_AWS_21:the warehouse keeps its own versions, results are thrown away
  #checkov:skip=CKV_AWS_144:a second region is the operator's choice
  #checkov:skip=CKV_AWS_145:SSE-S3 costs nothing and needs no key grants for every reader
  #checkov:skip=CKV2_AWS_61:lifecycle rules are made below, by variable
  #checkov:skip=CKV2_AWS_62:only the ingest bucket has somebody to notify
  bucket        = local.bucket_names[each.key]
  force_destroy = var.force_destroy
  tags          = local.tags.storage
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = { for name, bucket in local.buckets : name => bucket if bucket.versioned }

  bucket = aws_s3_bucket.this[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.buckets

  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]                                                                    # wildcard: a Deny of everything
    resources = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"] # wildcard: a Deny of everything
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

  # The company's own front, with its own sign-in, reads the page and nothing else. This makes nothing public.
  dynamic "statement" {
    for_each = each.key == "warehouse" && length(var.health_page.distributions) > 0 ? [1] : []
    content {
      sid       = "FrontReadsPage"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/page/*"] # wildcard: the page, and points beside it
      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "AWS:SourceArn"
        values   = var.health_page.distributions
      }
    }
  }

  # Where certificates are signed they are written once, by whoever it is, also within the hour before they are signed.
  dynamic "statement" {
    for_each = each.key == "warehouse" && local.proves ? [1] : []
    content {
      sid     = "CertificatesAreWrittenOnce"
      effect  = "Deny"
      actions = ["s3:PutObject"]
      resources = [
        "${aws_s3_bucket.this[each.key].arn}/warehouse/_certificates/*/0*.json", # wildcard: the numbered ones of each dataset
        "${aws_s3_bucket.this[each.key].arn}/warehouse/_contracts/*",            # wildcard: what they were promised by
      ]
      principals {
        type        = "*" # wildcard: a Deny for everybody
        identifiers = ["*"]
      }
      condition {
        test     = "Null"
        variable = "s3:if-none-match"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "warehouse" && local.proves && !var.force_destroy ? [1] : []
    content {
      sid       = "CertificatesStay"
      effect    = "Deny"
      actions   = ["s3:DeleteObject"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/warehouse/_certificates/*"] # wildcard: all of them
      principals {
        type        = "*" # wildcard: a Deny for everybody
        identifiers = ["*"]
      }
    }
  }

  # Where data matter nobody deletes a bucket beside Terraform, not even an empty one; `deploy` refuses plans that would.
  dynamic "statement" {
    for_each = var.force_destroy ? [] : [1]
    content {
      sid       = "KeepBucket"
      effect    = "Deny"
      actions   = ["s3:DeleteBucket"]
      resources = [aws_s3_bucket.this[each.key].arn]
      principals {
        type        = "*" # wildcard: a Deny for everybody
        identifiers = ["*"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "tls_only" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.tls_only[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this] # S3 refuses to change both at once
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = { for name, bucket in local.buckets : name => bucket if var.object_lifecycle }

  #checkov:skip=CKV_AWS_300:the first rule does so; the check does not see it beside dynamic ones
  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  dynamic "rule" {
    for_each = each.value.noncurrent_days == null ? [] : [each.value.noncurrent_days]
    content {
      id     = "forget-old-versions"
      status = "Enabled"
      filter {}
      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.expire_days == null ? [] : [each.value.expire_days]
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }

  # Copies that a table of the catalog shows for some days; what they are copied from stays.
  dynamic "rule" {
    for_each = {
      for name, table in local.contracts.catalog : name => table
      if table.bucket == each.key && try(table.expire_days, null) != null
    }
    content {
      id     = "expire-${rule.key}"
      status = "Enabled"
      filter {
        prefix = rule.value.location
      }
      expiration {
        days = rule.value.expire_days
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# ---------------------------------------------------------------- remembered state: made here, kept by the functions

resource "aws_ssm_parameter" "state" {
  for_each = local.contracts.parameters

  #checkov:skip=CKV2_AWS_34:watermarks and object numbers are no secrets
  name        = "/${local.home}/${each.key}"
  description = "A cache of what the ingest objects say; rebuilt from them when lost"
  type        = "String"
  value       = each.value
  tags        = local.tags.ingestion

  lifecycle {
    ignore_changes = [value] # the functions move it on
  }
}

# ---------------------------------------------------------------- secrets: made empty, filled with `starmend secret set`

resource "aws_secretsmanager_secret" "source" {
  for_each = toset(flatten(values(local.sources)[*].secrets))

  #checkov:skip=CKV_AWS_149:the account's own key does; readers are named in their roles
  #checkov:skip=CKV2_AWS_57:the value is the provider's or the database's, who rotate it
  name                    = "${local.home}/${each.key}"
  description             = "Filled by the operator: starmend secret set ${each.key}"
  recovery_window_in_days = var.force_destroy ? 0 : 7
  tags                    = local.tags.ingestion
}

# ---------------------------------------------------------------- packages, by the hash of what they are made from

# A layer's hash is of its lock and the rules that it is built by, so that a plan needs no built layer: only whoever uploads one does.
locals {
  layers = var.layer_zips == null ? {} : {
    for name, layer in var.layer_zips : name => layer if layer != null && (name != "iceberg" || var.mirror.enabled)
  }
  layer_descriptions = {
    base    = "What every function imports"
    athena  = "What asking Athena needs beside it"
    iceberg = "What making Iceberg tables needs beside it"
  }
  packages = merge({ code = var.code_zip }, local.layers)
}

resource "aws_s3_object" "package" {
  for_each = local.packages

  bucket                 = aws_s3_bucket.this["code"].id
  key                    = "${each.key}/${each.value.hash}.zip"
  source                 = each.value.file
  server_side_encryption = "AES256"
  tags                   = local.tags.storage

  lifecycle {
    ignore_changes = [source] # where it lay on the machine that applied; what is in it is in the key
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  layer_name               = "${local.prefix}-${each.key}"
  description              = local.layer_descriptions[each.key]
  s3_bucket                = aws_s3_object.package[each.key].bucket
  s3_key                   = aws_s3_object.package[each.key].key # another hash is another key, and another version
  compatible_runtimes      = ["python3.12"]
  compatible_architectures = [var.architecture]
}

# ---------------------------------------------------------------- who read and wrote what, where it is asked for

resource "aws_s3_bucket_logging" "access" {
  for_each = var.access_log_bucket == null ? [] : toset(["ingest", "warehouse"])

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = var.access_log_bucket
  target_prefix = "${aws_s3_bucket.this[each.key].id}/"
}
