# The Iceberg mirror: for engines that do not read pointers (docs/iceberg.md). Off unless asked for: run every five minutes it costs
# some dollars a month, its function, its requests and its alarms, and who asks Athena alone has no use for it.

locals {
  mirrors     = var.mirror.enabled
  mirrored    = { for name, table in local.open_tables : name => table if local.mirrors && table.format == "pointers" } # the star's own
  mirror_tags = { component = "mirror" }
  mirror_within = { # as core.mirroring.lag says it
    for name, source in local.sources : name => max(
      var.mirror.within_minutes == null ? source.complete_within_seconds : 60 * var.mirror.within_minutes, 3 * 60 * var.mirror.every_minutes
    )
  }

  # Names that a plan knows.
  mirror_database = "${aws_glue_catalog_database.this.name}_iceberg"
  mirror_tables   = "${local.glue}:table/${local.mirror_database}"
}

resource "aws_glue_catalog_database" "mirror" {
  count = local.mirrors ? 1 : 0

  name        = local.mirror_database
  description = "The star schema of ${local.prefix} as Iceberg tables, over the same objects"
  tags        = local.mirror_tags
}

# Shells: the mirror fills in which metadata a table's name leads to, and its columns, at every commit.
resource "aws_glue_catalog_table" "mirror" {
  for_each = local.mirrored

  name          = each.key
  database_name = aws_glue_catalog_database.mirror[0].name
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"
  parameters    = { table_type = "ICEBERG" }

  storage_descriptor {
    location = "s3://${aws_s3_bucket.this["warehouse"].id}/warehouse/_iceberg/${each.key}"
  }

  lifecycle {
    ignore_changes = [parameters, storage_descriptor]
  }
}

module "mirror" {
  count  = local.mirrors ? 1 : 0
  source = "./modules/mirror"

  prefix        = local.prefix
  region        = var.region
  datasets      = local.mirror_within
  warehouse_arn = local.warehouse_arn
  catalog = {
    arn          = "${local.glue}:catalog"
    database     = local.mirror_database
    database_arn = "${local.glue}:database/${local.mirror_database}"
    tables_arn   = local.mirror_tables
  }
  timing           = { every_minutes = var.mirror.every_minutes, timeout_seconds = var.mirror.timeout_seconds }
  scheduled_event  = local.scheduled_minute
  dead_queue_first = !local.emulated
  alarms = {
    namespace  = local.namespace
    dimensions = local.metric_dimensions
    runbook    = local.runbook
    topic_arn  = aws_sns_topic.alarms.arn
    over_arn   = one(module.auditor[*].alarm_is_over)
    tags       = local.tags.alarms
  }
  functions  = local.function_settings
  scheduling = local.scheduling
  tags       = local.mirror_tags
}

# ---------------------------------------------------------------- who may read it

# As of the star itself: each table by name, with its metadata. The objects are the star's, which another policy opens.
data "aws_iam_policy_document" "analyst_mirror" {
  count = local.mirrors ? 1 : 0

  statement {
    sid     = "ReadMirrorCatalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
    resources = [
      "${local.glue}:catalog",
      "${local.glue}:database/${local.mirror_database}",
      "${local.mirror_tables}/*", # wildcard: all tables of the mirrors' own database
    ]
  }

  statement {
    sid     = "ReadMirrors"
    actions = ["s3:GetObject"]
    # wildcard: the table's metadata
    resources = [for name in keys(local.mirrored) : "${local.warehouse_arn}/warehouse/_iceberg/${name}/*"]
  }
}

resource "aws_iam_policy" "analyst_mirror" {
  count = local.mirrors ? 1 : 0

  name        = "${local.prefix}-analyst-mirror"
  description = "Reads the Iceberg tables of ${local.prefix}, and nothing else"
  policy      = data.aws_iam_policy_document.analyst_mirror[0].json
  tags        = local.mirror_tags

  lifecycle {
    precondition {
      condition     = length(data.aws_iam_policy_document.analyst_mirror[0].minified_json) <= 6144
      error_message = "A policy may have 6,144 characters: split the contracts over two environments, or leave the mirror off."
    }
  }
}

resource "aws_iam_role_policy_attachment" "analyst_mirror" {
  count = local.mirrors && length(var.analyst_principals) > 0 ? 1 : 0

  role       = aws_iam_role.analyst[0].name
  policy_arn = aws_iam_policy.analyst_mirror[0].arn
}
