# Spark for rebuilds that shuffle (docs/scale.md says when). Off unless asked for; at rest it costs nothing, for nothing runs and no
# capacity is kept. Neither engine was run on AWS: the same job file runs in the tests on the releases of Spark that both have.

locals {
  has_spark    = var.spark.engine != "none" && local.has_sources
  on_emr       = local.has_spark && var.spark.engine == "emr-serverless"
  on_glue      = local.has_spark && var.spark.engine == "glue"
  spark_name   = "${local.prefix}-spark"
  spark_suffix = local.on_glue ? "gluewheels.zip" : "zip" # by which Glue knows a zip of wheels
  # What a cluster starts; all else is in the functions' package beside it.
  spark_script = <<-EOT
    import sys
    from processing.spark.job import main
    main(sys.argv[1:])
  EOT
  spark_keys = {
    job      = "spark/${sha256(local.spark_script)}.py"
    packages = local.has_spark ? "spark/${filesha256(var.spark.packages)}.${local.spark_suffix}" : ""
  }
  code_url = "s3://${aws_s3_bucket.this["code"].id}"

  # Where a cluster's Python finds ours first: what the job was tested with, whatever the cluster brings.
  spark_settings = {
    "spark.submit.pyFiles"                      = "${local.code_url}/${aws_s3_object.package["code"].key}"
    "spark.archives"                            = "${local.code_url}/${local.spark_keys.packages}#packages"
    "spark.pyspark.python"                      = "python3.13" # for which the packages are
    "spark.emr-serverless.driverEnv.PYTHONPATH" = "./packages/python"
    "spark.executorEnv.PYTHONPATH"              = "./packages/python"
    "spark.executor.cores"                      = "4"
    "spark.executor.memory"                     = "14g"
    "spark.driver.cores"                        = "4"
    "spark.driver.memory"                       = "14g"
    "spark.emr-serverless.executor.disk"        = "${var.spark.disk_gb}g" # what is shuffled lies there
    "spark.dynamicAllocation.maxExecutors"      = tostring(var.spark.most_workers)
  }

  # What the deployment says of it (description.tf); nothing where there is none.
  spark = merge(
    { for name, value in {
      engine      = "emr-serverless"
      application = one(aws_emrserverless_application.spark[*].id)
      role_arn    = one(aws_iam_role.spark[*].arn)
      script      = "${local.code_url}/${local.spark_keys.job}"
      settings    = join(" ", [for name, value in local.spark_settings : "--conf ${name}=${value}"])
    } : name => value if local.on_emr },
    { for name, value in { engine = "glue", job = one(aws_glue_job.spark[*].name) } : name => value if local.on_glue },
  )
}

resource "aws_s3_object" "spark" {
  for_each = local.has_spark ? toset(["job", "packages"]) : toset([])

  bucket                 = aws_s3_bucket.this["code"].id
  key                    = local.spark_keys[each.key]
  content                = each.key == "job" ? local.spark_script : null
  source                 = each.key == "packages" ? var.spark.packages : null
  server_side_encryption = "AES256"
  tags                   = local.audit_tags
}

# ---------------------------------------------------------------- what a job may do: what the restate function may, and read the code

data "aws_iam_policy_document" "spark_trust" {
  count = local.has_spark ? 1 : 0

  statement {
    sid     = "RunJobs"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [local.on_glue ? "glue.amazonaws.com" : "emr-serverless.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "spark" {
  count = local.has_spark ? 1 : 0

  statement {
    sid     = "ReadObjects"
    actions = ["s3:GetObject"]
    resources = concat(
      [for prefix in local.processed_prefixes : "${local.ingest_arn}/${prefix}*"], # wildcard: the objects of every source
      ["${local.warehouse_arn}/receipts/*"],                                       # wildcard: what objects gave before
      [for key in ["deployment.json", "contracts/*", "code/*", "spark/*"] : "${aws_s3_bucket.this["code"].arn}/${key}"],
    )
  }

  statement {
    sid       = "CommitPartitions"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = concat(["${local.warehouse_arn}/warehouse/*"], local.run_files) # wildcard: pointers and versions of every table
  }

  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [local.ingest_arn, local.warehouse_arn, aws_s3_bucket.this["code"].arn]
  }

  dynamic "statement" {
    for_each = local.on_glue ? [1] : []
    content {
      sid       = "Log"
      actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws-glue/*"] # wildcard: Glue names them
    }
  }
}

resource "aws_iam_role" "spark" {
  count = local.has_spark ? 1 : 0

  name                 = local.spark_name
  description          = "What a job of Spark may read and write"
  assume_role_policy   = data.aws_iam_policy_document.spark_trust[0].json
  permissions_boundary = var.permissions_boundary
  tags                 = local.audit_tags
}

resource "aws_iam_role_policy" "spark" {
  count = local.has_spark ? 1 : 0

  name   = "grants"
  role   = aws_iam_role.spark[0].name
  policy = data.aws_iam_policy_document.spark[0].json
}

# ---------------------------------------------------------------- the engines

resource "aws_emrserverless_application" "spark" {
  count = local.on_emr ? 1 : 0

  name          = local.spark_name
  release_label = "emr-spark-8.0.0" # Spark 4.0.2
  type          = "spark"
  architecture  = var.architecture == "arm64" ? "ARM64" : "X86_64"
  tags          = local.audit_tags

  # No initial capacity: an application that is stopped costs nothing, and it stops by itself.
  auto_start_configuration {
    enabled = true
  }
  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }
  maximum_capacity {
    cpu    = "${4 * (var.spark.most_workers + 1)} vCPU"
    memory = "${16 * (var.spark.most_workers + 1)} GB"
  }
}

resource "aws_glue_job" "spark" {
  count = local.on_glue ? 1 : 0

  #checkov:skip=CKV_AWS_195:what it writes, the buckets encrypt; its log holds names of partitions and no rows
  name              = local.spark_name
  description       = "Rebuilds tables whose ingest objects mix all partitions: starmend rebuild TABLE --engine spark"
  role_arn          = aws_iam_role.spark[0].arn
  glue_version      = var.spark.glue_version
  worker_type       = "G.1X"
  number_of_workers = var.spark.most_workers + 1
  timeout           = 1440
  tags              = local.audit_tags

  command {
    name            = "glueetl"
    script_location = "${local.code_url}/${local.spark_keys.job}"
    python_version  = "3"
  }

  execution_property {
    max_concurrent_runs = 4
  }

  default_arguments = {
    "--extra-py-files"                  = "${local.code_url}/${aws_s3_object.package["code"].key}"
    "--additional-python-modules"       = "${local.code_url}/${local.spark_keys.packages}"
    "--python-modules-installer-option" = "--no-index"
    "--enable-auto-scaling"             = "true"
    "--code-bucket"                     = aws_s3_bucket.this["code"].id
    "--environment"                     = local.environment
  }
}
