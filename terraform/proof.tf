# Proof outside the lake: how far the certificates have gone is signed, and kept where nobody who writes the lake can write.
# Off unless asked for: a key costs a dollar a month. docs/proof.md says how to prove with it, and how to move it.

locals {
  proves      = var.proof.enabled && local.has_sources
  notary_role = "arn:${local.partition}:iam::${local.account}:role/${local.prefix}-notary"

  # Names that a plan knows, so that it shows every grant whole. The keys are named by alias. The deployment's own bucket is
  # made wherever the anchors go: what lies in it nobody can delete, so that none that is no longer written to may go either.
  own_anchors     = "${local.prefix}-anchors-${local.account}"
  anchor_bucket   = var.proof.bucket == "" ? local.own_anchors : var.proof.bucket
  anchors_arn     = "arn:${local.partition}:s3:::${local.anchor_bucket}"
  own_anchors_arn = "arn:${local.partition}:s3:::${local.own_anchors}"
  signing_keys    = [for number in range(local.proves ? var.proof.keys : 0) : "alias/${local.prefix}-proof-${number + 1}"]
}

module "notary" {
  count  = local.proves ? 1 : 0
  source = "./modules/notary"

  prefix        = local.prefix
  datasets      = keys(local.sources)
  warehouse_arn = local.warehouse_arn
  anchor_bucket = local.anchor_bucket
  anchors_arn   = local.anchors_arn
  signing_keys  = local.signing_keys
  keys_arn      = "arn:${local.partition}:kms:${var.region}:${local.account}:key"
  functions     = local.function_settings
  scheduling    = local.scheduling
  tags          = local.audit_tags
}

# ---------------------------------------------------------------- the keys

data "aws_iam_policy_document" "proof_key" {
  count = local.proves ? 1 : 0

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
    sid       = "NotaryAloneSigns" # whatever else the account grants
    effect    = "Deny"
    actions   = ["kms:Sign"]
    resources = ["*"] # wildcard: in a key's policy this is the key
    principals {
      type        = "*" # wildcard: a Deny for everybody else
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [local.notary_role]
    }
  }
}

# By age. The one before the last introduces the last; all stay, for a key that waits for its deletion is made anew.
resource "aws_kms_key" "proof" {
  count = local.proves ? var.proof.keys : 0

  #checkov:skip=CKV_AWS_7:an asymmetric key is not rotated by KMS; docs/proof.md says how it is by us
  description              = "Signs how far the certificates of ${local.prefix} have gone (key ${count.index + 1})"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30
  policy                   = one(data.aws_iam_policy_document.proof_key[*].json)
  tags                     = local.audit_tags
}

resource "aws_kms_alias" "proof" {
  count = length(local.signing_keys)

  name          = local.signing_keys[count.index]
  target_key_id = aws_kms_key.proof[count.index].id
}

# ---------------------------------------------------------------- the anchors

resource "aws_s3_bucket" "anchors" {
  count = local.proves ? 1 : 0

  #checkov:skip=CKV_AWS_18:access logs are optional and would be a bucket of their own
  #checkov:skip=CKV_AWS_144:a copy in another account is what the variable is for
  #checkov:skip=CKV_AWS_145:anchors are public by nature: they prove, and hold no data
  #checkov:skip=CKV2_AWS_61:nothing in it ever goes
  #checkov:skip=CKV2_AWS_62:nobody waits for an anchor
  bucket              = local.own_anchors
  object_lock_enabled = true
  force_destroy       = var.force_destroy
  tags                = local.audit_tags
}

resource "aws_s3_bucket_versioning" "anchors" {
  count = local.proves ? 1 : 0

  bucket = aws_s3_bucket.anchors[0].bucket
  versioning_configuration {
    status = "Enabled"
  }
}

# Where everything may be destroyed, an administrator may lift the lock too; where it matters, nobody can.
resource "aws_s3_bucket_object_lock_configuration" "anchors" {
  count = local.proves ? 1 : 0

  bucket = aws_s3_bucket.anchors[0].bucket
  rule {
    default_retention {
      mode = var.force_destroy ? "GOVERNANCE" : "COMPLIANCE"
      days = var.proof.lock_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.anchors]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "anchors" {
  count = local.proves ? 1 : 0

  bucket = aws_s3_bucket.anchors[0].bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "anchors" {
  count = local.proves ? 1 : 0

  bucket                  = aws_s3_bucket.anchors[0].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "anchors" {
  count = local.proves ? 1 : 0

  bucket = aws_s3_bucket.anchors[0].bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "anchors" {
  count = local.proves ? 1 : 0

  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]                                              # wildcard: a Deny of everything
    resources = [local.own_anchors_arn, "${local.own_anchors_arn}/*"] # wildcard: a Deny of everything
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

  statement {
    sid       = "NotaryAloneAdds"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.own_anchors_arn}/*"] # wildcard: every anchor
    principals {
      type        = "*" # wildcard: a Deny for everybody else
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [local.notary_role]
    }
  }
}

resource "aws_s3_bucket_policy" "anchors" {
  count = local.proves ? 1 : 0

  bucket = aws_s3_bucket.anchors[0].bucket
  policy = one(data.aws_iam_policy_document.anchors[*].json)

  depends_on = [aws_s3_bucket_public_access_block.anchors] # S3 refuses to change both at once
}
