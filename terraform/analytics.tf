# What analysts use: the catalog with its views (from the contracts; no function ever writes to it), a workgroup with
# limits, saved queries, and a policy that reads the warehouse and nothing else.

locals {
  # How Athena reads each storage form. Pointers: a symlink names the one Parquet object that is a partition's content.
  storage_forms = {
    pointers = {
      input          = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde          = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      settings       = { "serialization.format" = "1" }
      classification = "parquet"
    }
    json = {
      input          = "org.apache.hadoop.mapred.TextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde          = "org.openx.data.jsonserde.JsonSerDe"
      settings       = { "ignore.malformed.json" = "true" }
      classification = "json"
    }
  }

  table_locations = {
    for name, table in local.contracts.catalog : name => "s3://${aws_s3_bucket.this[table.bucket].id}/${table.location}"
  }

  saved_queries = {
    for file in fileset("${path.module}/queries", "*.sql") :
    trimsuffix(file, ".sql") => file("${path.module}/queries/${file}")
  }
}

resource "aws_glue_catalog_database" "this" {
  name        = replace(local.prefix, "-", "_")
  description = "The star schema of ${local.prefix}, its ingest objects and its own records"
  tags        = local.tags.analytics
}

resource "aws_glue_catalog_table" "this" {
  for_each = local.contracts.catalog

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    { EXTERNAL = "TRUE", classification = local.storage_forms[each.value.format].classification },
    each.value.projection,
    each.value.template == "" ? {} : {
      "storage.location.template" = "${local.table_locations[each.key]}${each.value.template}"
    },
  )

  dynamic "partition_keys" {
    for_each = each.value.partition_keys
    content {
      name    = partition_keys.value.name
      type    = partition_keys.value.type
      comment = partition_keys.value.comment
    }
  }

  storage_descriptor {
    location      = local.table_locations[each.key]
    input_format  = local.storage_forms[each.value.format].input
    output_format = local.storage_forms[each.value.format].output

    ser_de_info {
      serialization_library = local.storage_forms[each.value.format].serde
      parameters            = local.storage_forms[each.value.format].settings
    }

    dynamic "columns" {
      for_each = each.value.columns
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

# Athena's own form of a view: its text and its columns, encoded, with the types in the query engine's words.
resource "aws_glue_catalog_table" "view" {
  for_each = local.contracts.views

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  description   = each.value.description
  table_type    = "VIRTUAL_VIEW"
  parameters    = { presto_view = "true", comment = "Presto View" }

  view_expanded_text = "/* Presto View */"
  view_original_text = format("/* Presto View: %s */", base64encode(jsonencode({
    originalSql = each.value.sql
    catalog     = "awsdatacatalog"
    schema      = aws_glue_catalog_database.this.name
    columns     = [for column in each.value.columns : { name = column.name, type = column.trino }]
  })))

  storage_descriptor {
    ser_de_info { # Athena wants one, and looks at nothing in it
      name                  = "-"
      serialization_library = "-"
    }

    dynamic "columns" {
      for_each = each.value.columns
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

resource "aws_athena_workgroup" "analysts" {
  name          = "${local.prefix}-analysts"
  description   = "Queries of people; results are encrypted and kept for a week"
  force_destroy = true # only the history of queries goes with it
  tags          = local.tags.analytics

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.this["results"].id}/analysts/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

# The first line of each file, a comment, is the query's description.
resource "aws_athena_named_query" "saved" {
  for_each = local.saved_queries

  name        = each.key
  description = trimprefix(split("\n", each.value)[0], "-- ")
  workgroup   = aws_athena_workgroup.analysts.id
  database    = aws_glue_catalog_database.this.name
  query       = each.value
}

# ---------------------------------------------------------------- who may read

locals {
  # Not the ingest objects and not the quarantine: they hold columns that stay out of the warehouse on purpose.
  read_by_analysts = ["warehouse/", "receipts/", "completeness/"]
}

data "aws_iam_policy_document" "analyst" {
  statement {
    sid = "Query"
    actions = [
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
      "athena:GetQueryExecution",
      "athena:BatchGetQueryExecution",
      "athena:ListQueryExecutions",
      "athena:GetQueryResults",
      "athena:GetQueryResultsStream",
      "athena:GetWorkGroup",
      "athena:GetNamedQuery",
      "athena:BatchGetNamedQuery",
      "athena:ListNamedQueries",
    ]
    resources = [aws_athena_workgroup.analysts.arn]
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"]
    resources = [
      "arn:${local.partition}:glue:${var.region}:${local.account}:catalog",
      aws_glue_catalog_database.this.arn,
      # wildcard: the database's tables; their descriptions are no secret, and a list of them would outgrow a policy
      "arn:${local.partition}:glue:${var.region}:${local.account}:table/${aws_glue_catalog_database.this.name}/*",
    ]
  }

  statement {
    sid       = "ReadWarehouse"
    actions   = ["s3:GetObject"]
    resources = [for prefix in local.read_by_analysts : "${local.warehouse_arn}/${prefix}*"] # wildcard: the tables' objects
  }

  statement {
    sid       = "ListWarehouse"
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for prefix in local.read_by_analysts : "${prefix}*"] # wildcard: the tables' objects
    }
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.this["results"].arn}/analysts/*"] # wildcard: Athena names the results
  }

  statement {
    sid       = "FindBuckets"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.warehouse_arn, aws_s3_bucket.this["results"].arn]
  }

  statement {
    sid       = "ListResults"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["results"].arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["analysts/*"] # wildcard: Athena names the results
    }
  }
}

resource "aws_iam_policy" "analyst" {
  name        = "${local.prefix}-analyst"
  description = "Reads the warehouse of ${local.prefix} through its workgroup, and nothing else"
  policy      = data.aws_iam_policy_document.analyst.json
  tags        = local.tags.analytics
}

data "aws_iam_policy_document" "analyst_trust" {
  count = length(var.analyst_principals) > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = var.analyst_principals
    }
  }
}

resource "aws_iam_role" "analyst" {
  count = length(var.analyst_principals) > 0 ? 1 : 0

  name               = "${local.prefix}-analyst"
  description        = "Reads the warehouse of ${local.prefix}"
  assume_role_policy = data.aws_iam_policy_document.analyst_trust[0].json
  tags               = local.tags.analytics
}

resource "aws_iam_role_policy_attachment" "analyst" {
  count = length(var.analyst_principals) > 0 ? 1 : 0

  role       = aws_iam_role.analyst[0].name
  policy_arn = aws_iam_policy.analyst.arn
}
