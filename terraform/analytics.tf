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
    # Lines that the pipeline writes, which analysts count by. Of the SerDe below the Athena User Guide ("OpenX JSON SerDe",
    # considerations) says that it may give more rows, fewer rows or nulls, and to use this one. A line that is no record of ours
    # fails the query instead of becoming nulls.
    records = {
      input          = "org.apache.hadoop.mapred.TextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde          = "org.apache.hive.hcatalog.data.JsonSerDe"
      settings       = { "serialization.format" = "1" }
      classification = "json"
    }
    json = { # lines of others, whose values may be of any type: for a look at them, never to count by
      input          = "org.apache.hadoop.mapred.TextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde          = "org.openx.data.jsonserde.JsonSerDe"
      settings       = { "ignore.malformed.json" = "true" }
      classification = "json"
    }
    lines = {
      input          = "org.apache.hadoop.mapred.TextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde          = "org.apache.hadoop.hive.serde2.RegexSerDe"
      settings       = { "input.regex" = "(?s)(.*)" }
      classification = "text"
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
  depends_on    = [aws_glue_catalog_table.this] # a view never names a column that its table does not have yet
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

# Analysts get the tables that the contracts open to them, each by name, with its pointers and its objects. Raw lines, the
# current rows of sources (warehouse/_current), rejected lines and the files of the auditor's runs hold columns that stay out of the
# star on purpose, and no statement here reaches them.
locals {
  open_tables = { for name, table in local.contracts.catalog : name => table if table.analysts }

  # Where a table's objects lie, in the warehouse bucket: of the generation that the catalog names and of the one beside it, in an
  # order that does not tell which is which, so that the deployment that lets them change places leaves the policies as they are.
  open_locations = { for name, table in local.open_tables : name => sort(concat([table.location], try(table.beside, []))) }

  # Pointers name their objects below warehouse/_data/.
  open_prefixes = {
    for name, table in local.open_tables : name => concat(
      local.open_locations[name],
      [
        for location in local.open_locations[name] : "warehouse/_data/${trimprefix(location, "warehouse/")}" if table.format == "pointers"
      ],
    )
  }

  # A managed policy may have 6,144 characters: ten tables of ordinary names, or fewer of longer ones, and room for the other
  # generations of some of them. A table takes its own name
  # and its view's in the catalog, two prefixes as resources and two as values, whatever their names have.
  open_table_size = (
    2 * length(local.glue_tables) + 2 * length("arn:${local.partition}:s3:::${local.prefix}-warehouse-${local.account}")
    + 6 * max([for name in keys(local.open_tables) : length(name)]...) + 100
  )
  open_parts = {
    for number, names in chunklist(sort(keys(local.open_tables)), min(10, floor(4600 / local.open_table_size))) :
    format("%02d", number + 1) => names
  }
  open_views = {
    for part, names in local.open_parts : part => [
      for view in flatten([for name in names : ["${name}_now", "${name}_complete"]]) : view if contains(keys(local.contracts.views), view)
    ]
  }

  proofs = ["warehouse/_certificates/", "warehouse/_contracts/"]

  glue         = "arn:${local.partition}:glue:${var.region}:${local.account}"
  glue_tables  = "${local.glue}:table/${aws_glue_catalog_database.this.name}"
  data_catalog = "arn:${local.partition}:athena:${var.region}:${local.account}:datacatalog/AwsDataCatalog"

  # Athena looks into the database called default before every query (Athena User Guide, "Access to the default database
  # and catalog per AWS Region").
  default_database = "${local.glue}:database/default"
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
    sid = "BrowseCatalog" # what Athena's query editor lists
    actions = [
      "athena:GetDataCatalog",
      "athena:GetDatabase",
      "athena:GetTableMetadata",
      "athena:ListDatabases",
      "athena:ListTableMetadata",
    ]
    resources = [local.data_catalog]
  }

  statement {
    sid       = "ReadDescription" # what `starmend query` and `starmend report` go by: names, and the deployed contracts
    actions   = ["s3:GetObject"]
    resources = [for key in ["deployment.json", "contracts/*"] : "${aws_s3_bucket.this["code"].arn}/${key}"] # wildcard: a hash
  }

  statement {
    sid       = "TellMissingFromForbidden" # of the code bucket, whose other keys are hashes: no deployment is 404, not 403
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["code"].arn]
    condition {
      test     = "StringLikeIfExists" # a GET has no prefix
      variable = "s3:prefix"
      values   = ["deployment.json"]
    }
  }

  statement {
    sid       = "ReadProofs" # what `starmend-reader` reads the past by: certificates, and which contract held when
    actions   = ["s3:GetObject"]
    resources = [for root in local.proofs : "${local.warehouse_arn}/${root}*"] # wildcard: the chains and histories of all datasets
  }

  # No IfExists here, although a GET has no prefix: nor has a listing of the whole bucket, whose keys say what sources and quarantine
  # hold. What is missing is 403 to an analyst; the reader tells it from forbidden by listing the folder.
  statement {
    sid       = "ListProofs"
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for root in local.proofs : "${root}*"] # wildcard: the chains and histories of all datasets
    }
  }

  statement {
    sid       = "ListChoices" # of the query editor: workgroup, catalog, engine
    actions   = ["athena:ListDataCatalogs", "athena:ListEngineVersions", "athena:ListWorkGroups"]
    resources = ["*"] # wildcard: these actions know no resource
  }

  statement {
    sid       = "ListDatabases"
    actions   = ["glue:GetDatabase", "glue:GetDatabases"]
    resources = ["${local.glue}:catalog", aws_glue_catalog_database.this.arn, local.default_database]
  }

  statement {
    sid     = "ListTables"
    actions = ["glue:GetTables"]
    resources = [
      "${local.glue}:catalog",
      aws_glue_catalog_database.this.arn,
      "${local.glue_tables}/*", # wildcard: Glue lists whole databases; names and columns are no secret, data are
    ]
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.this["results"].arn}/analysts/*"] # wildcard: Athena names the results, by query and not by person
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

data "aws_iam_policy_document" "analyst_tables" {
  for_each = local.open_parts

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetTable", "glue:GetPartition", "glue:GetPartitions"]
    resources = concat(
      ["${local.glue}:catalog", aws_glue_catalog_database.this.arn],
      [for name in each.value : "${local.glue_tables}/${name}"],
      [for name in local.open_views[each.key] : "${local.glue_tables}/${name}"],
    )
  }

  statement {
    sid     = "ReadWarehouse"
    actions = ["s3:GetObject"]
    # wildcard: the table's objects
    resources = [for prefix in flatten([for name in each.value : local.open_prefixes[name]]) : "${local.warehouse_arn}/${prefix}*"]
  }

  statement {
    sid       = "ListWarehouse"
    actions   = ["s3:ListBucket"]
    resources = [local.warehouse_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      # wildcard: the table's objects
      values = [for prefix in flatten([for name in each.value : local.open_prefixes[name]]) : "${prefix}*"]
    }
  }
}

resource "aws_iam_policy" "analyst_tables" {
  for_each = local.open_parts

  name        = "${local.prefix}-analyst-${each.key}"
  description = "Reads tables of ${local.prefix} from the warehouse, each by name, and nothing else"
  policy      = data.aws_iam_policy_document.analyst_tables[each.key].json
  tags        = local.tags.analytics

  lifecycle {
    precondition {
      condition     = length(local.open_parts) <= (local.mirrors ? 8 : 9)
      error_message = "A role may have ten policies, for 90 tables at most, or 80 with a mirror: split the contracts over two environments."
    }

    precondition {
      condition     = length(data.aws_iam_policy_document.analyst_tables[each.key].minified_json) <= 6144
      error_message = "A policy may have 6,144 characters: rebuild fewer tables at once, in several deployments."
    }
  }
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

  name                 = "${local.prefix}-analyst"
  description          = "Reads the warehouse of ${local.prefix}"
  assume_role_policy   = data.aws_iam_policy_document.analyst_trust[0].json
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags.analytics
}

resource "aws_iam_role_policy_attachment" "analyst" {
  count = length(var.analyst_principals) > 0 ? 1 : 0

  role       = aws_iam_role.analyst[0].name
  policy_arn = aws_iam_policy.analyst.arn
}

resource "aws_iam_role_policy_attachment" "analyst_tables" {
  for_each = { for part, names in local.open_parts : part => names if length(var.analyst_principals) > 0 }

  role       = aws_iam_role.analyst[0].name
  policy_arn = aws_iam_policy.analyst_tables[each.key].arn
}
