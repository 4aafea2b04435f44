# ---------------------------------------------------------------- what is deployed

variable "project" {
  description = "Name of the deployment; the first part of every resource's name and a cost tag."
  type        = string
  default     = "starmend"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.project))
    error_message = "project: 3 to 20 lower-case letters, digits and hyphens, a letter first (it becomes part of bucket names)."
  }

  validation {
    condition     = !can(regex("^(aws|ssm|sg-|sthree-|xn--|amzn-s3-demo-)", var.project))
    error_message = "project: AWS keeps aws and ssm for its parameters, sg- for groups, sthree-, xn-- and amzn-s3-demo- of buckets."
  }
}

variable "environment" {
  description = "Which of the project's environments this is, such as dev or prod; the second part of every name and a cost tag."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment: 2 to 10 lower-case letters and digits, a letter first."
  }
}

# A second deployment of an environment in the same account, as in another region: IAM's roles, S3's buckets and CloudWatch's
# dashboards have one space of names for all regions. Its file is environments/<environment>-<name_suffix>.tfvars.
variable "name_suffix" {
  description = "Third part of every name; empty for the only deployment of this project's environment in the account."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-z0-9]{0,8}$", var.name_suffix))
    error_message = "name_suffix: at most 8 lower-case letters and digits, such as us2."
  }
}

variable "account" {
  description = "AWS account that it is meant for (12 digits); with credentials of any other, nothing is planned or changed."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account: the account's 12 digits, in quotes, as `aws sts get-caller-identity` shows them."
  }
}

variable "region" {
  description = "AWS region that everything lives in."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: a region's name such as eu-west-1."
  }
}

variable "contracts_file" {
  description = "Path of the rendered contracts (`starmend contract render`): datasets, parameters and the catalog."
  type        = string

  validation {
    condition     = can(jsondecode(file(var.contracts_file)).catalog)
    error_message = "contracts_file: not a rendered contract. Make it with `starmend contract render`."
  }
}

variable "code_zip" {
  description = "The functions' code (`make package`): the hash of what it is made from, and its zip."
  type        = object({ hash = string, file = string })

  validation {
    condition     = fileexists(var.code_zip.file)
    error_message = "code_zip: no such file. Make it with `make package`."
  }

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.code_zip.hash))
    error_message = "code_zip: a hash is 64 hexadecimal digits, as `starmend deploy` computes it."
  }
}

variable "layer_zips" {
  description = "The functions' layers: the hash of what each is made from, and its zip, read where a plan uploads it; null for none."
  type = object({
    base    = object({ hash = string, file = string })
    athena  = object({ hash = string, file = string })
    iceberg = optional(object({ hash = string, file = string })) # the mirror's, where there is one
  })
  default = null

  validation {
    condition = var.layer_zips == null ? true : alltrue([
      for layer in values(var.layer_zips) : layer == null ? true : can(regex("^[0-9a-f]{64}$", layer.hash))
    ])
    error_message = "layer_zips: a hash is 64 hexadecimal digits, as `starmend deploy` computes it."
  }
}

variable "architecture" {
  description = "Processor of the functions, which their layers are built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture: x86_64 or arm64."
  }
}

# ---------------------------------------------------------------- AWS or the emulator

variable "emulator_endpoint" {
  description = "URL of the local emulator; null on AWS."
  type        = string
  default     = null

  validation {
    condition = (
      var.emulator_endpoint == null ? true :
      can(regex("^http://(127\\.0\\.0\\.1|localhost|\\[::1\\]):[0-9]+$", var.emulator_endpoint))
    )
    error_message = "emulator_endpoint: an http URL on loopback with a port; leave it out on AWS."
  }
}

variable "object_lifecycle" {
  description = "Make the buckets' lifecycle rules; on the emulator nothing expires, and the provider waits a minute per bucket."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Let `destroy` delete buckets that hold data, and secrets at once. Never true for an environment that matters."
  type        = bool
  default     = false

  validation {
    condition     = !(var.force_destroy && var.environment == "prod")
    error_message = "force_destroy: never in prod. Empty the buckets by hand if the data may really go."
  }
}

# ---------------------------------------------------------------- who hears of it, who may read

variable "admin_emails" {
  description = "Addresses that alarms are mailed to; each must confirm its subscription once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.admin_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "admin_emails: every entry must be an e-mail address."
  }
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read; alarms link its sections."
  type        = string
  default     = "docs/runbook.md"
}

variable "report_url" {
  description = "Where people open the health page; mails and events link it. Empty: its object in AWS's console, where it is written."
  type        = string
  default     = ""

  validation {
    condition     = var.report_url == "" || can(regex("^https://[^\\s/]+[^\\s]*$", var.report_url))
    error_message = "report_url: an address with https:// (whoever listens could change a page that comes by http), or empty."
  }
}

variable "health_page" {
  description = <<-EOT
    The page that says whether numbers are complete (starmend report), written into the warehouse bucket every hour. distributions: ARNs
    of CloudFront distributions of the company's own that may read it, and nothing else there; report_url is then their address.
  EOT
  type = object({
    enabled       = optional(bool, true)
    distributions = optional(list(string), [])
  })
  default = {}

  validation {
    condition = alltrue([
      for arn in var.health_page.distributions : can(regex("^arn:aws[a-z-]*:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+$", arn))
    ])
    error_message = "health_page.distributions: exact ARNs, such as arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE."
  }
}

variable "mirror" {
  description = "Iceberg tables of the star for other engines (docs/iceberg.md): how often, how far behind, how long a run may take."
  type = object({
    enabled         = optional(bool, false)
    every_minutes   = optional(number, 5)
    within_minutes  = optional(number) # before it is late; null: what the contract says of the data, complete_within
    timeout_seconds = optional(number, 120)
  })
  default = {}

  validation {
    condition = (
      var.mirror.every_minutes >= 1 && var.mirror.every_minutes <= 1440 && floor(var.mirror.every_minutes) == var.mirror.every_minutes
    )
    error_message = "mirror.every_minutes: a whole number from 1 to 1440."
  }

  validation {
    condition     = var.mirror.timeout_seconds >= 30 && var.mirror.timeout_seconds <= 900
    error_message = "mirror.timeout_seconds: 30 to 900 (Lambda's limit); the first run over a large lake reads every footer."
  }
}

variable "event_bus" {
  description = "Name of the EventBridge bus here that hears of findings, repairs, certificates and alarms; empty: none."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{0,256}$", var.event_bus)) && !startswith(var.event_bus, "aws.")
    error_message = "event_bus: a bus's name, such as default, or empty."
  }
}

variable "analyst_principals" {
  description = "ARNs of roles or users that may assume the read-only analyst role; none: only the policy is made."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.analyst_principals : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[^*]+$", arn))])
    error_message = "analyst_principals: exact ARNs of principals, no wildcard."
  }
}

# ---------------------------------------------------------------- how it runs

# A company that lets nobody make roles without a boundary has such a policy already.
variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role made here; null: none."
  type        = string
  default     = null

  validation {
    condition = (
      var.permissions_boundary == null ? true :
      can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[^*]+$", var.permissions_boundary))
    )
    error_message = "permissions_boundary: the ARN of one managed policy, such as arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "company_tags" {
  description = "Tags that the company prescribes, on everything beside ours; they cannot replace ours."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.company_tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
      && !startswith(lower(key), "aws:")
    ])
    error_message = "company_tags: keys of 1 to 128 and values of up to 256 letters, digits, spaces and _.:/=+-@; no key begins with aws:."
  }

  validation {
    condition = length([
      for key in keys(var.company_tags) : key
      if contains(["project", "environment", "component", "purpose", "repair", "name"], lower(key))
    ]) == 0
    error_message = "company_tags: project, environment, component, purpose, repair and Name are ours: costs go by them."
  }

  validation {
    condition     = length(var.company_tags) <= 40
    error_message = "company_tags: at most 40; AWS takes 50 on a resource, ours among them."
  }
}

variable "schedules_enabled" {
  description = "Let the schedules fire. Off until the secrets are filled, or every run would fail."
  type        = bool
  default     = false
}

variable "paused_datasets" {
  description = "Datasets that an operator paused (starmend pause): their schedules of acquisition stay off. `starmend deploy` says which."
  type        = set(string)
  default     = []
}

variable "drop_one_entity" {
  description = "Fault switch for demos and game days: a seed leaves one entity out each minute; empty leaves none out."
  type        = string
  default     = ""
}

variable "provider_urls" {
  description = "Other addresses for the providers, by dataset, and `<dataset>.history` for a history of its own; empty: the real."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for url in var.provider_urls : can(regex("^https?://[^\\s]+$", url))])
    error_message = "provider_urls: every entry must be an http or https URL."
  }
}

variable "extract_timeout_seconds" {
  description = "Time-out of the extract function; a pass that runs out of time resumes at the next schedule."
  type        = number
  default     = 600

  validation {
    condition     = var.extract_timeout_seconds >= 1 && var.extract_timeout_seconds <= 900
    error_message = "extract_timeout_seconds: 1 to 900 (Lambda's limit)."
  }
}

variable "pull_timeout_seconds" {
  description = "Time-out of the pull function; a message that failed is tried again after six times as long."
  type        = number
  default     = 30

  validation {
    condition     = var.pull_timeout_seconds >= 1 && var.pull_timeout_seconds <= 900
    error_message = "pull_timeout_seconds: 1 to 900 (Lambda's limit)."
  }
}

variable "process_timeout_seconds" {
  description = "Time-out of the process function; an object that failed is tried again after six times as long."
  type        = number
  default     = 120

  validation {
    condition     = var.process_timeout_seconds >= 1 && var.process_timeout_seconds <= 900
    error_message = "process_timeout_seconds: 1 to 900 (Lambda's limit)."
  }
}

# 1,769 MB is one whole processor: up to there what computes costs the same and is done sooner; it needs 235 MB
# (docs/decisions/memory-of-the-process-function.md).
variable "process_memory_mb" {
  description = "Memory of the process function."
  type        = number
  default     = 1769

  validation {
    condition     = var.process_memory_mb >= 512 && var.process_memory_mb <= 10240
    error_message = "process_memory_mb: 512 to 10240; pyarrow needs at least 512."
  }
}

variable "at_scale_concurrency" {
  description = "Jobs of `starmend rebuild --at-scale` that are carried out side by side, within the account's concurrency of functions."
  type        = number
  default     = 16

  validation {
    condition     = var.at_scale_concurrency >= 1 && var.at_scale_concurrency <= 10000
    error_message = "at_scale_concurrency: 1 to 10000; Lambda gives an account 1,000 functions at once, a new one 10."
  }
}

variable "process_batching_window_seconds" {
  description = "How long the process function's trigger gathers objects before it calls the function; null: as the contracts ask."
  type        = number
  default     = null

  validation {
    condition     = try(var.process_batching_window_seconds >= 1 && var.process_batching_window_seconds <= 5, true)
    error_message = "process_batching_window_seconds: 1 to 5, or null; a longer wait is a later warehouse."
  }
}

variable "process_concurrency" {
  description = <<-EOT
    Most process functions at once; null: as many as swap a partition five times a second (the contracts' `processing`). More for
    a first load, whose objects are large and whose swaps are rare. A new account has ten executions for everything.
  EOT
  type        = number
  default     = null

  validation {
    condition     = try(var.process_concurrency >= 2 && var.process_concurrency <= 1000, true)
    error_message = "process_concurrency: 2 to 1000 (limits of an SQS trigger), or null."
  }
}

variable "pull_concurrency" {
  description = "Most pull functions at once."
  type        = number
  default     = 2

  validation {
    condition     = var.pull_concurrency >= 2 && var.pull_concurrency <= 1000
    error_message = "pull_concurrency: 2 to 1000 (limits of an SQS trigger)."
  }
}

variable "stream_shards" {
  description = "Shards of each feed's stream (1 MB or 1,000 records a second each); 0 for on-demand capacity."
  type        = number
  default     = 1

  validation {
    condition     = var.stream_shards >= 0 && var.stream_shards <= 100 && floor(var.stream_shards) == var.stream_shards
    error_message = "stream_shards: a whole number from 0 to 100."
  }
}

variable "firehose_interval_seconds" {
  description = "Longest time that Firehose gathers records before it writes an object."
  type        = number
  default     = 60

  validation {
    condition     = var.firehose_interval_seconds >= 1 && var.firehose_interval_seconds <= 900
    error_message = "firehose_interval_seconds: 1 to 900."
  }
}

variable "log_retention_days" {
  description = "Days that the functions' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days: one of CloudWatch's steps, from 1 to 731."
  }
}

variable "ingest_noncurrent_days" {
  description = "Days that replaced or deleted ingest objects can still be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.ingest_noncurrent_days >= 7
    error_message = "ingest_noncurrent_days: at least 7, or a lost object is gone before anybody looks."
  }
}

variable "athena_scan_limit_mb" {
  description = "Most that one query, an analyst's or the auditor's, may scan before Athena stops it."
  type        = number
  default     = 10240

  validation {
    condition     = var.athena_scan_limit_mb >= 10
    error_message = "athena_scan_limit_mb: at least 10 (Athena's own minimum)."
  }
}

variable "tracing" {
  description = "Record X-Ray traces of the functions."
  type        = bool
  default     = false
}

# ---------------------------------------------------------------- how it is audited

# {attempts, windows, points, query_seconds, grace_seconds, sweep_rows, budget = {...}}
variable "audit_limits" {
  description = "How much the auditor does at once, where its defaults do not fit."
  type        = any
  default     = {}
}

variable "audit_step_timeout_seconds" {
  description = "Time-out of each of the auditor's functions."
  type        = number
  default     = 300

  validation {
    condition     = var.audit_step_timeout_seconds >= 1 && var.audit_step_timeout_seconds <= 900
    error_message = "audit_step_timeout_seconds: 1 to 900 (Lambda's limit)."
  }
}

variable "audit_wait_seconds" {
  description = "How long the auditor waits for repaired rows: the stream's buffer (firehose_interval_seconds) and processing."
  type        = number
  default     = 90

  validation {
    condition     = var.audit_wait_seconds >= 1 && var.audit_wait_seconds <= 3600
    error_message = "audit_wait_seconds: 1 to 3600."
  }
}

variable "audit_retry_seconds" {
  description = "First pause before the auditor tries a failed step again; it doubles."
  type        = number
  default     = 10

  validation {
    condition     = var.audit_retry_seconds >= 1 && var.audit_retry_seconds <= 300
    error_message = "audit_retry_seconds: 1 to 300."
  }
}

variable "proof" {
  description = <<-EOT
    Sign how far the certificates have gone. keys: how many keys there were, one more to rotate; bucket: one with Object Lock that
    is not ours, perhaps in another account (empty: ours, which is made in any case); lock_days: for how long an anchor in ours
    cannot be deleted.
  EOT
  type = object({
    enabled   = optional(bool, false)
    keys      = optional(number, 1)
    bucket    = optional(string, "")
    lock_days = optional(number, 400)
  })
  default = {}

  validation {
    condition     = var.proof.keys >= 1 && var.proof.keys <= 20 && floor(var.proof.keys) == var.proof.keys
    error_message = "proof.keys: 1 to 20; one more than before makes a new key."
  }

  validation {
    condition     = var.proof.lock_days >= 1 && var.proof.lock_days <= 36500
    error_message = "proof.lock_days: 1 to 36500 (S3's limit)."
  }

  validation {
    condition     = var.proof.bucket == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.proof.bucket))
    error_message = "proof.bucket: the name of a bucket with Object Lock, or empty."
  }
}

variable "spark" {
  description = <<-EOT
    Spark for rebuilds that shuffle. engine: emr-serverless, glue or none; packages: what `starmend deploy package --spark ENGINE` built;
    most_workers of 4 processors each; disk_gb of each of EMR's; glue_version 5.1 or 6.0.
  EOT
  type = object({
    engine       = optional(string, "none")
    packages     = optional(string, "")
    most_workers = optional(number, 10)
    disk_gb      = optional(number, 100)
    glue_version = optional(string, "5.1")
  })
  default = {}

  validation {
    condition     = contains(["none", "emr-serverless", "glue"], var.spark.engine)
    error_message = "spark.engine: none, emr-serverless or glue."
  }

  validation {
    condition     = var.spark.packages == "" ? var.spark.engine == "none" : fileexists(var.spark.packages)
    error_message = "spark.packages: no such file, or none. Make it with `starmend deploy package --spark ENGINE`."
  }

  validation {
    condition     = var.spark.most_workers >= 1 && var.spark.most_workers <= 1000 && floor(var.spark.most_workers) == var.spark.most_workers
    error_message = "spark.most_workers: 1 to 1000."
  }

  validation {
    condition     = var.spark.disk_gb >= 20 && var.spark.disk_gb <= 200
    error_message = "spark.disk_gb: 20 to 200 (a worker's of EMR Serverless)."
  }

  validation {
    condition     = contains(["5.1", "6.0"], var.spark.glue_version)
    error_message = "spark.glue_version: 5.1 or 6.0."
  }
}

variable "access_log_bucket" {
  description = "An existing bucket of the region for access logs of the ingest and warehouse buckets; null: none are kept."
  type        = string
  default     = null
}

# ---------------------------------------------------------------- network of the functions that read a database

# From there S3, Systems Manager and Secrets Manager must be reached: see vpc_endpoints.
variable "vpc_subnet_ids" {
  description = "Private subnets from which the database is reached; empty: outside any VPC."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the functions that read the database; needed with vpc_subnet_ids."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.vpc_subnet_ids) == 0) == (length(var.security_group_ids) == 0)
    error_message = "security_group_ids: give subnets and security groups both, or neither."
  }
}

# For what the functions reach from vpc_subnet_ids, in their VPC, with the subnets' route tables.
#
# Without private_dns our functions use the endpoints' own names, and nothing changes for anybody else. With it the services' usual
# names lead to these endpoints for whoever is in the VPC: admit the other workloads by CIDR, security group or prefix list.
variable "vpc_endpoints" {
  description = <<-EOT
    Make endpoints for AWS's services; null: the network has them, or a NAT gateway. WARNING: with private_dns they answer for
    the whole VPC, and cut off whoever is not admitted: name all who use these services, or leave private_dns off.
  EOT
  type = object({
    vpc_id          = string
    route_table_ids = list(string)
    private_dns     = optional(bool, false)
    admit = optional(object({
      cidrs              = optional(list(string), [])
      security_group_ids = optional(list(string), [])
      prefix_list_ids    = optional(list(string), [])
    }), {})
  })
  default = null

  validation {
    condition     = var.vpc_endpoints == null ? true : length(var.vpc_subnet_ids) > 0 && length(var.vpc_endpoints.route_table_ids) > 0
    error_message = "vpc_endpoints: give vpc_subnet_ids and their route tables too."
  }

  validation {
    condition = var.vpc_endpoints == null ? true : alltrue([
      for cidr in var.vpc_endpoints.admit.cidrs : can(cidrnetmask(cidr)) && !endswith(cidr, "/0")
    ])
    error_message = "vpc_endpoints: admit.cidrs are networks of the VPC such as 10.0.0.0/16, not everybody."
  }
}

# ---------------------------------------------------------------- when an alarm fires

variable "alarm_thresholds" {
  description = "What each alarm tolerates: it fires above the figure. Counts are per five minutes, ages in seconds."
  type = object({
    dead_letters      = optional(number, 0)
    function_errors   = optional(number, 0)
    throttles         = optional(number, 0)
    queue_age         = optional(number, 1800)
    quarantined_rows  = optional(number, 0)
    halted_objects    = optional(number, 0)
    failed_tables     = optional(number, 0)
    provider_refusals = optional(number, 0)
    provider_nonsense = optional(number, 5)
    missing_secrets   = optional(number, 0)
    delivery_age      = optional(number, 900)
  })
  default = {}

  validation {
    condition     = alltrue([for name, figure in var.alarm_thresholds : figure >= 0])
    error_message = "alarm_thresholds: no figure may be negative."
  }
}
