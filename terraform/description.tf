# What the deployment is, kept in the deployment itself. Commands read it from here: nobody needs what lies on the machine that
# applied, and what a plan renders on somebody's own is nothing to them until it is applied.

locals {
  description = {
    project            = var.project
    environment        = local.environment
    account            = local.account
    region             = var.region
    buckets            = { for name, bucket in aws_s3_bucket.this : name => bucket.id }
    database           = aws_glue_catalog_database.this.name
    workgroup          = aws_athena_workgroup.analysts.name
    functions          = local.functions
    queues             = { for name, queue in local.queues : name => queue.url }
    dead_letter_queues = { for name, queue in local.queues : name => queue.dead_url }
    streams            = { for name, stream in aws_kinesis_stream.feed : name => stream.name }
    state_machines     = merge([for auditor in module.auditor : { audit = auditor.machine.arn, at-scale = auditor.at_scale }]...)
    secrets            = { for name, secret in aws_secretsmanager_secret.source : name => secret.name }
    alarms             = local.alarm_names
    alarm_topic        = aws_sns_topic.alarms.arn
    anchors            = local.proves ? local.anchor_bucket : ""
    signing_keys       = local.signing_keys
    mirror_database    = local.mirrors ? local.mirror_database : ""
    schedules_enabled  = var.schedules_enabled
    spark              = local.spark
    contracts_key      = aws_s3_object.contracts.key
    contracts_sha256   = filesha256(var.contracts_file)
    code_version       = substr(var.code_zip.hash, 0, 12) # as in the package itself, for its functions
  }
}

# The rendered contracts as they were deployed, under their hash. The functions have the same text in their package.
resource "aws_s3_object" "contracts" {
  bucket                 = aws_s3_bucket.this["code"].bucket
  key                    = "contracts/${filesha256(var.contracts_file)}.json"
  source                 = var.contracts_file
  content_type           = "application/json"
  server_side_encryption = "AES256"
  tags                   = local.tags.storage

  lifecycle {
    ignore_changes        = [source] # where it lay on the machine that applied; what is in it is in the key
    create_before_destroy = true     # the description never names what is not there
  }
}

resource "aws_s3_object" "description" {
  bucket                 = aws_s3_bucket.this["code"].bucket
  key                    = "deployment.json"
  content                = jsonencode(local.description)
  content_type           = "application/json"
  server_side_encryption = "AES256"
  tags                   = local.tags.storage
}
