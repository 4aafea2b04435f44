# Offline: no provider, no credentials.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # what AWS would compute is known without an apply, and nothing needs tearing down
}

variables {
  environment    = "test"
  account        = "111122223333"
  contracts_file = "tests/fixtures/contracts.json"
  code_zip       = { hash = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", file = "tests/fixtures/package.txt" }
  layer_zips = {
    base   = { hash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", file = "not built" }
    athena = { hash = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", file = "not built" }
  }
  admin_emails = ["admin@example.com"]
}

run "defaults" {
  command = plan

  # ------------------------------------------------------------- storage

  assert {
    condition = alltrue([
      for name in keys(aws_s3_bucket.this) :
      aws_s3_bucket_public_access_block.this[name].block_public_acls
      && aws_s3_bucket_public_access_block.this[name].block_public_policy
      && aws_s3_bucket_public_access_block.this[name].ignore_public_acls
      && aws_s3_bucket_public_access_block.this[name].restrict_public_buckets
    ])
    error_message = "Every bucket blocks public access."
  }

  assert {
    condition = alltrue([
      for name in keys(aws_s3_bucket.this) :
      one(
        one(aws_s3_bucket_server_side_encryption_configuration.this[name].rule).apply_server_side_encryption_by_default
      ).sse_algorithm == "AES256"
      && one(aws_s3_bucket_ownership_controls.this[name].rule).object_ownership == "BucketOwnerEnforced"
    ])
    error_message = "Every bucket encrypts what it stores, and owns it."
  }

  assert {
    condition     = alltrue([for name in keys(aws_s3_bucket.this) : contains(keys(aws_s3_bucket_policy.tls_only), name)])
    error_message = "Every bucket has the policy that refuses plain http."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this["ingest"].versioning_configuration).status == "Enabled"
    error_message = "A deleted ingest object can be brought back."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : !bucket.force_destroy])
    error_message = "A bucket that holds data is not destroyed unless somebody asks for it."
  }

  assert {
    condition = alltrue([
      for rule in concat(
        aws_s3_bucket_lifecycle_configuration.this["warehouse"].rule,
        aws_s3_bucket_lifecycle_configuration.this["ingest"].rule,
      ) : length(rule.expiration) == 0 || rule.id == "expire-processing_log"
    ])
    error_message = "Nothing in the warehouse or among the current ingest objects expires, but for the copy of the receipts."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.this["warehouse"].rule :
      "${rule.id} ${rule.expiration[0].days}" if length(rule.expiration) > 0
    ] == ["expire-processing_log 102"]
    error_message = "The copy of the receipts expires after the last day that its table shows."
  }

  assert {
    condition = alltrue([
      for name in keys(aws_s3_bucket.this) :
      anytrue([
        for rule in aws_s3_bucket_lifecycle_configuration.this[name].rule :
        length(rule.abort_incomplete_multipart_upload) > 0
      ])
    ])
    error_message = "Unfinished uploads are not paid for forever."
  }

  assert {
    condition     = length(aws_ssm_parameter.state) == length(jsondecode(file("tests/fixtures/contracts.json")).parameters)
    error_message = "Every parameter that the contracts name is made."
  }

  assert {
    condition = (
      toset([for secret in aws_secretsmanager_secret.source : secret.name])
      == toset(["starmend/test/sales-db", "starmend/test/finnhub-token"])
    )
    error_message = "Every secret that a contract names is made, below the project and its environment."
  }

  # ------------------------------------------------------------- functions and their triggers

  assert {
    condition = (
      alltrue([for role, name in output.functions : name == "starmend-test-${role}"])
      && length(setintersection(keys(output.functions), ["extract", "process", "pull", "request"])) == 4
    )
    error_message = "A database and a feed need functions to extract, request, pull and process, named by what they do."
  }

  assert {
    condition = alltrue([
      for mapping in [aws_lambda_event_source_mapping.process, module.feeds[0].pull_trigger] :
      toset(mapping.function_response_types) == toset(["ReportBatchItemFailures"]) && one(mapping.scaling_config).maximum_concurrency >= 2
    ])
    error_message = "A trigger tells which messages failed, and does not use up the account's concurrency."
  }

  assert {
    condition = jsondecode(file("tests/fixtures/contracts.json")).processing == {
      batch_size              = aws_lambda_event_source_mapping.process.batch_size
      batching_window_seconds = aws_lambda_event_source_mapping.process.maximum_batching_window_in_seconds
      concurrency             = one(aws_lambda_event_source_mapping.process.scaling_config).maximum_concurrency
    }
    error_message = "The trigger of processing is as the contracts ask, where no variable says otherwise."
  }

  assert {
    condition     = toset(aws_s3_bucket_notification.arrivals.queue[*].filter_prefix) == toset(["tables/", "feeds/", "repair/"])
    error_message = "Table objects, feed objects and repairs are processed, and nothing else."
  }

  assert {
    condition = alltrue([
      for schedule in concat(
        values(module.databases[0].schedules),
        values(module.feeds[0].schedules),
        values(module.auditor[0].schedules),
      ) : schedule.state == "DISABLED"
    ])
    error_message = "Schedules stay off until the secrets are there."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.schedule_silent) == 0
    error_message = "Schedules that are off are no alarm."
  }

  assert {
    condition = (
      module.feeds[0].schedules["quotes"].schedule_expression == "cron(* * * * ? *)"
      && module.databases[0].schedules["sales"].schedule_expression == "rate(5 minutes)"
    )
    error_message = "A feed is asked with every minute, a database as often as its contract says."
  }

  assert {
    condition = alltrue([
      for dataset, schedule in merge(module.databases[0].schedules, module.feeds[0].schedules) :
      schedule.target[0].input == "{\"dataset\":\"${dataset}\",\"time\":\"<aws.scheduler.scheduled-time>\"}"
    ])
    error_message = "The function is told the scheduled time, in the one spelling that the scheduler replaces."
  }

  assert {
    condition = alltrue([
      for delivery in aws_kinesis_firehose_delivery_stream.feed :
      one(delivery.extended_s3_configuration).compression_format == "GZIP"
      && startswith(one(delivery.extended_s3_configuration).prefix, "feeds/quotes/")
      && startswith(one(delivery.extended_s3_configuration).error_output_prefix, "feeds-errors/quotes/")
    ])
    error_message = "Feed objects are compressed, and failures lie where nothing processes them."
  }

  assert {
    condition = (
      aws_kinesis_stream.feed["quotes"].name == "starmend-test-quotes"
      && aws_kinesis_stream.feed["quotes"].encryption_type == "KMS"
    )
    error_message = "Each feed has an encrypted stream of its own name."
  }

  # ------------------------------------------------------------- the auditor

  assert {
    condition = (
      keys(module.auditor[0].schedules) == ["quotes", "sales"]
      && alltrue([for dataset in ["quotes", "sales"] : contains(keys(output.alarms), "gaps-unhealed-${dataset}")])
    )
    error_message = "Feeds and databases are audited by one state machine, and each has the alarm of what it cannot heal."
  }

  assert {
    condition = (
      strcontains(module.auditor[0].machine.definition, "\"StringEquals\":\"extract\"")
      && output.functions["check"] == "starmend-test-check"
    )
    error_message = "Rows of a database are fetched again by the function that alone talks to it for the auditor."
  }

  # ------------------------------------------------------------- catalog

  assert {
    condition = alltrue([
      for name in ["fact_sales_order", "dim_staff", "current_staff", "fact_quote"] :
      endswith(one(aws_glue_catalog_table.this[name].storage_descriptor).input_format, ".SymlinkTextInputFormat")
      && endswith(
        one(one(aws_glue_catalog_table.this[name].storage_descriptor).ser_de_info).serialization_library,
        "parquet.serde.ParquetHiveSerDe",
      )
    ])
    error_message = "Warehouse tables are read through their pointers."
  }

  assert {
    condition = (
      aws_glue_catalog_table.this["fact_quote"].parameters["storage.location.template"]
      == "s3://${aws_s3_bucket.this["warehouse"].id}/warehouse/fact_quote/symbol=$${symbol}/month=$${month}/"
    )
    error_message = "Athena finds a partition by its values."
  }

  assert {
    condition = (
      aws_glue_catalog_table.this["fact_quote"].parameters["projection.enabled"] == "true"
      && toset(aws_glue_catalog_table.this["fact_quote"].partition_keys[*].name) == toset(["symbol", "month"])
    )
    error_message = "Partitions are projected, never registered."
  }

  assert {
    condition = jsondecode(base64decode(
      regex("/\\* Presto View: (.+) \\*/", aws_glue_catalog_table.view["fact_sales_order_now"].view_original_text)[0]
      )) == {
      originalSql = "select \"sales_order_id\", \"created_at\" from \"fact_sales_order\" where \"is_latest\""
      catalog     = "awsdatacatalog"
      schema      = "starmend_test"
      columns     = [{ name = "sales_order_id", type = "integer" }, { name = "created_at", type = "timestamp(3)" }]
    } && aws_glue_catalog_table.view["fact_sales_order_now"].table_type == "VIRTUAL_VIEW"
    error_message = "A view is kept as Athena keeps it."
  }

  assert {
    condition = (
      one(aws_athena_workgroup.analysts.configuration).enforce_workgroup_configuration
      && one(aws_athena_workgroup.analysts.configuration).bytes_scanned_cutoff_per_query == 10737418240
    )
    error_message = "The workgroup's limits hold for everybody."
  }

  assert {
    condition = length(setsubtract(
      ["completeness", "missing-points", "revenue-by-month", "hourly-prices", "processing-log", "quarantine"],
      keys(aws_athena_named_query.saved),
    )) == 0 && alltrue([for query in aws_athena_named_query.saved : length(query.description) > 20])
    error_message = "What analysts ask first is saved, and every query says what it answers."
  }

  assert {
    condition = alltrue([
      for word in ["Freshness", "Coverage", "Gaps", "Rows out", "quarantine", "oldest message", "Duration", "What costs"] :
      anytrue([
        for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
        strcontains(widget.properties.title, word)
      ])
    ])
    error_message = "The dashboard shows freshness, coverage, gaps, rows, quarantine, queues, durations and what costs."
  }

  assert {
    condition     = length(aws_iam_role.analyst) == 0
    error_message = "Nobody may assume the analyst role unless named."
  }

  # ------------------------------------------------------------- alarms

  assert {
    condition = alltrue([
      for alarm in concat(
        [for name, alarm in aws_cloudwatch_metric_alarm.this : alarm if !contains(local.told_by_auditor, name)],
        values(aws_cloudwatch_composite_alarm.freshness),
      ) :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && !contains(coalesce(alarm.ok_actions, []), aws_sns_topic.alarms.arn)
    ])
    error_message = "Every alarm mails when it starts, and none that it is well when it is new."
  }

  assert {
    condition = alltrue([
      for name, alarm in merge(aws_cloudwatch_metric_alarm.this, aws_cloudwatch_composite_alarm.freshness) :
      coalesce(alarm.ok_actions, []) == toset([module.auditor[0].alarm_is_over])
      if !contains(concat(local.told_by_auditor, local.over_untold), name)
    ])
    error_message = "That an alarm is over mails the auditor, who knows whether it was on."
  }

  assert {
    condition = alltrue([
      for name in local.over_untold :
      try(length(aws_cloudwatch_metric_alarm.this[name].ok_actions), 0) == 0
    ])
    error_message = "No alarm says that it is over where its cause stays, or where the function that says so is what fails."
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        [for name in local.told_by_auditor : aws_cloudwatch_metric_alarm.this[name]],
        [aws_cloudwatch_composite_alarm.unhealthy],
      ) :
      try(length(alarm.alarm_actions), 0) + try(length(alarm.ok_actions), 0) == 0
    ])
    error_message = "What another mail says no alarm mails beside it."
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.this),
        values(aws_cloudwatch_metric_alarm.freshness_part),
        values(aws_cloudwatch_composite_alarm.freshness),
        [aws_cloudwatch_composite_alarm.unhealthy],
      ) :
      strcontains(
        file("../docs/runbook.md"),
        "\n## ${try(regex("Runbook: docs/runbook.md#([a-z-]+)$", alarm.alarm_description)[0], "?")}\n",
      )
    ])
    error_message = "Every alarm's description ends with a section of the runbook that exists."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.treat_missing_data == (name == "deployment-drift" ? "ignore" : "notBreaching")
    ])
    error_message = "Silence of a count is no alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.freshness_part["nothing-processed-quotes"].treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.freshness_part["work-due-quotes"].treat_missing_data == "notBreaching"
    )
    error_message = "Silence of the processing is what freshness watches for, silence of the exchange is not."
  }

  assert {
    condition = alltrue([
      for part in aws_cloudwatch_metric_alarm.freshness_part :
      part.period % 60 == 0 && part.period * part.evaluation_periods <= jsondecode(
        file("tests/fixtures/contracts.json")
      ).datasets[part.dimensions.dataset].complete_within_seconds
    ])
    error_message = "Freshness tells within the time that the contract promises."
  }

  assert {
    condition = alltrue([
      for name in [
        "dead-letters-arrivals", "dead-letters-requests", "function-errors-process", "throttles-extract", "quarantine-sales",
        "halted-objects-quotes", "failed-tables-sales", "horizon-held-sales", "provider-refused-quotes", "provider-broken-quotes",
        "secret-missing-quotes", "freshness-quotes", "freshness-sales", "audit-failed", "pipeline-unhealthy",
      ] :
      contains(keys(output.alarms), name)
    ])
    error_message = "Everything that can go wrong has its alarm."
  }

  assert {
    condition = alltrue([
      for name, alarm in output.alarms :
      name == "pipeline-unhealthy" || strcontains(aws_cloudwatch_composite_alarm.unhealthy.alarm_rule, "\"${alarm}\"")
    ])
    error_message = "The one light knows every alarm."
  }

  assert {
    condition     = aws_kms_key.alarms.enable_key_rotation && aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.alarms.arn
    error_message = "The topic has a key of its own, which CloudWatch may use."
  }

  assert {
    condition     = aws_sns_topic_subscription.admin["admin@example.com"].protocol == "email"
    error_message = "The admins get e-mails."
  }

  # ------------------------------------------------------------- the page

  assert {
    condition = local.page_link == join("", [
      "https://eu-west-1.console.aws.amazon.com/s3/object/${aws_s3_bucket.this["warehouse"].id}",
      "?region=eu-west-1&prefix=page/report.html",
    ])
    error_message = "Mails link the page's object in AWS's console, where a day later one signs in just as well."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.tls_only["warehouse"].statement : statement.effect == "Deny"
    ])
    error_message = "Unless a front of the company's own is named, the bucket's policy lets nobody read anything."
  }

  assert {
    condition = (
      output.functions["page"] == "starmend-test-page"
      && contains(keys(output.alarms), "function-errors-page") && contains(keys(output.alarms), "throttles-page")
    )
    error_message = "The page's function is watched as all are."
  }

  # ------------------------------------------------------------- what is off unless it is asked for

  assert {
    condition     = length(aws_s3_bucket.anchors) == 0 && length(aws_kms_key.proof) == 0 && length(module.notary) == 0
    error_message = "A key costs a dollar a month."
  }

  assert {
    condition = (
      length(aws_emrserverless_application.spark) + length(aws_glue_job.spark) + length(aws_iam_role.spark) == 0
      && length(aws_s3_object.spark) == 0 && local.spark == {}
    )
    error_message = "Nothing of Spark is there, and the deployment says so."
  }
}

run "all_that_can_be_asked_for_in_a_private_network_without_any_road_to_aws" {
  command = plan

  override_data {
    target = data.aws_subnet.functions["subnet-1"]
    values = { availability_zone_id = "euw1-az1" }
  }
  override_data {
    target = data.aws_subnet.functions["subnet-2"]
    values = { availability_zone_id = "euw1-az2" }
  }
  override_data {
    target = data.aws_subnet.functions["subnet-3"]
    values = { availability_zone_id = "euw1-az2" }
  }

  variables {
    schedules_enabled  = true
    report_url         = "https://data.example.com/health/report.html"
    health_page        = { distributions = ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"] }
    proof              = { enabled = true, keys = 2 }
    analyst_principals = ["arn:aws:iam::111122223333:role/people"]
    company_tags       = { cost-centre = "4711" }
    object_lifecycle   = false
    layer_zips         = null
    vpc_subnet_ids     = ["subnet-1", "subnet-2", "subnet-3"]
    security_group_ids = ["sg-functions"]
    vpc_endpoints = {
      vpc_id          = "vpc-1"
      route_table_ids = ["rtb-1"]
      private_dns     = true
      admit           = { cidrs = ["10.0.0.0/16"], security_group_ids = ["sg-others"], prefix_list_ids = ["pl-office"] }
    }
    access_log_bucket = "our-access-logs"
  }

  assert {
    condition     = local.page_link == "https://data.example.com/health/report.html"
    error_message = "Mails link the company's own front."
  }

  assert {
    condition = jsonencode([
      for statement in data.aws_iam_policy_document.tls_only["warehouse"].statement : [
        statement.sid, statement.actions, statement.resources, one(statement.principals).type,
        one(statement.principals).identifiers, one(statement.condition).variable, one(statement.condition).values,
      ] if statement.effect != "Deny"
      ]) == jsonencode([[
        "FrontReadsPage", ["s3:GetObject"], ["${aws_s3_bucket.this["warehouse"].arn}/page/*"], "Service",
        ["cloudfront.amazonaws.com"], "AWS:SourceArn", ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"],
    ]])
    error_message = "That front reads the page, and nothing else."
  }

  assert {
    condition = alltrue([
      for name, document in data.aws_iam_policy_document.tls_only :
      name == "warehouse" || alltrue([for statement in document.statement : statement.effect == "Deny"])
    ])
    error_message = "No other bucket is opened."
  }

  assert {
    condition = (
      aws_s3_bucket.anchors[0].object_lock_enabled
      && one(aws_s3_bucket_versioning.anchors[0].versioning_configuration).status == "Enabled"
      && one(one(aws_s3_bucket_object_lock_configuration.anchors[0].rule).default_retention).mode == "COMPLIANCE"
      && one(one(aws_s3_bucket_object_lock_configuration.anchors[0].rule).default_retention).days == 400
    )
    error_message = "Nobody deletes an anchor while its lock lasts."
  }

  assert {
    condition = length(aws_kms_key.proof) == 2 && alltrue([
      for key in aws_kms_key.proof : key.key_usage == "SIGN_VERIFY" && key.customer_master_key_spec == "ECC_NIST_P256"
    ])
    error_message = "The keys sign by ECDSA over P-256, which is what the proof is by."
  }

  assert {
    condition     = local.functions.notary == "starmend-test-notary" && contains(keys(local.alarms), "function-errors-notary")
    error_message = "A notary that refuses to sign is an alarm."
  }

  assert {
    condition = alltrue([
      for schedule in concat(
        values(module.databases[0].schedules),
        values(module.feeds[0].schedules),
        values(module.auditor[0].schedules),
      ) : schedule.state == "ENABLED"
    ])
    error_message = "One variable switches the schedules on."
  }

  assert {
    condition = local.default_tags == {
      cost-centre = "4711", project = "starmend", environment = "test", component = "shared", purpose = "base"
    }
    error_message = "What the company prescribes stands beside our own tags."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.schedule_silent :
      alarm.treat_missing_data == "breaching" && alarm.period % 60 == 0
    ]) && toset(keys(aws_cloudwatch_metric_alarm.schedule_silent)) == toset(["extract", "notary", "page", "request"])
    error_message = "A schedule that falls silent is an alarm."
  }

  assert {
    condition = (
      length(aws_iam_role.analyst) == 1
      && length(aws_s3_bucket_lifecycle_configuration.this) == 0
      && length(aws_lambda_layer_version.this) == 0
    )
    error_message = "Variables add the analysts' role and leave out what an emulator does not need."
  }

  assert {
    condition = (
      keys(aws_s3_bucket_logging.access) == ["ingest", "warehouse"]
      && alltrue([for logging in aws_s3_bucket_logging.access : logging.target_bucket == "our-access-logs"])
    )
    error_message = "Who read or wrote data is logged where it is asked for."
  }

  assert {
    condition = keys(aws_vpc_endpoint.interface) == ["secretsmanager", "ssm"] && alltrue([
      for endpoint in aws_vpc_endpoint.interface :
      endpoint.private_dns_enabled && endpoint.subnet_ids == toset(["subnet-1", "subnet-2"])
    ])
    error_message = "Secrets and parameters are reached under their usual names, from every zone once: EC2 takes no two subnets of one."
  }

  assert {
    condition     = aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3[0].route_table_ids == toset(["rtb-1"])
    error_message = "Objects are reached through a gateway, which costs nothing."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.endpoints["sg-functions"].from_port == 443
      && length(aws_vpc_security_group_ingress_rule.endpoints) == 1
    )
    error_message = "The functions may use the endpoints."
  }

  assert {
    condition = (
      length(aws_vpc_security_group_ingress_rule.admitted) == 3
      && aws_vpc_security_group_ingress_rule.admitted["cidr 10.0.0.0/16"].cidr_ipv4 == "10.0.0.0/16"
      && aws_vpc_security_group_ingress_rule.admitted["group sg-others"].referenced_security_group_id == "sg-others"
      && aws_vpc_security_group_ingress_rule.admitted["list pl-office"].prefix_list_id == "pl-office"
    )
    error_message = "Whoever else needs these services in the VPC is admitted, by network, group or list."
  }

  assert {
    condition     = length(local.endpoint_urls) == 0
    error_message = "Where the usual names lead to the endpoints, the functions use these."
  }
}

run "database_only" {
  command = plan

  variables {
    contracts_file = "tests/fixtures/database-only.json"
  }

  assert {
    condition = (
      length(aws_kinesis_stream.feed) + length(aws_kinesis_firehose_delivery_stream.feed)
      + length(module.feeds) + length(module.requests) == 0
    )
    error_message = "Without a feed there is nothing of a feed's to pay for."
  }

  assert {
    condition     = keys(module.auditor[0].schedules) == ["sales"] && contains(keys(output.functions), "repair")
    error_message = "A database is audited without a feed, and its lost objects are brought back."
  }
}

run "feed_only" {
  command = plan

  variables {
    contracts_file = "tests/fixtures/feed-only.json"
  }

  assert {
    condition     = length(module.databases) == 0 && !strcontains(module.auditor[0].machine.definition, "Extract again")
    error_message = "Without a database nothing of the auditor talks to one."
  }
}

run "no_page_a_paused_dataset_and_a_proof_in_another_account_in_a_private_network_that_others_use" {
  command = plan

  variables {
    schedules_enabled  = true
    health_page        = { enabled = false }
    paused_datasets    = ["sales"]
    proof              = { enabled = true, bucket = "company-anchors" }
    vpc_subnet_ids     = ["subnet-1"]
    security_group_ids = ["sg-functions"]
    vpc_endpoints      = { vpc_id = "vpc-1", route_table_ids = ["rtb-1"] }
  }

  assert {
    condition = (
      local.page_link == null && !contains(keys(output.functions), "page")
      && !contains(keys(aws_cloudwatch_metric_alarm.schedule_silent), "page")
    )
    error_message = "Where no page is wanted there is none, no alarm of it and no link to it."
  }

  assert {
    condition = (
      module.databases[0].schedules["sales"].state == "DISABLED"
      && module.feeds[0].schedules["quotes"].state == "ENABLED"
      && module.auditor[0].schedules["sales"].state == "ENABLED"
    )
    error_message = "A deployment leaves a paused dataset's acquisition off, and nothing else."
  }

  assert {
    condition = (
      local.anchors_arn == "arn:aws:s3:::company-anchors" && local.description.anchors == "company-anchors"
      && aws_s3_bucket.anchors[0].bucket == "starmend-test-anchors-111122223333"
      && one(one(aws_s3_bucket_object_lock_configuration.anchors[0].rule).default_retention).mode == "COMPLIANCE"
      && strcontains(one(data.aws_iam_policy_document.anchors[*]).statement[1].sid, "NotaryAloneAdds")
    )
    error_message = "The anchors go to the bucket that is named, and ours keeps what it has, as closed as it was."
  }

  assert {
    condition = alltrue([for endpoint in aws_vpc_endpoint.interface : !endpoint.private_dns_enabled]) && (
      length(aws_vpc_security_group_ingress_rule.admitted) == 0
    )
    error_message = "The services' usual names keep leading where they led, for everybody else in the VPC."
  }

  assert {
    condition = local.endpoint_urls == tomap({
      AWS_ENDPOINT_URL_SECRETS_MANAGER = "https://vpce-1.ssm.eu-west-1.vpce.amazonaws.com"
      AWS_ENDPOINT_URL_SSM             = "https://vpce-1.ssm.eu-west-1.vpce.amazonaws.com"
    })
    error_message = "Our functions use the endpoints' own names."
  }
}
