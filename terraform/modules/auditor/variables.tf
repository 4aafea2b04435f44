variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "region" {
  description = "Region that everything lives in, for ARNs in grants."
  type        = string
}

variable "datasets" {
  description = "Names of the feeds and databases that are audited."
  type        = set(string)
}

variable "canaries" {
  description = "Names of those in which a gap is planted every day."
  type        = set(string)
}

variable "settle_seconds" {
  description = "Of each feed how late a point may be; its hour is audited soon after that."
  type        = map(number)
  default     = {}
}

variable "buckets" {
  description = "ARNs of the buckets."
  type = object({
    ingest    = string
    warehouse = string
    results   = string
  })
}

variable "processed_prefixes" {
  description = "Prefixes of the ingest bucket whose objects are processed."
  type        = list(string)
}

variable "run_files" {
  description = "What a run of the auditor writes down, as S3 resources."
  type        = list(string)
}

variable "arrivals" {
  description = "The queue of ingest objects to process, and its dead letters."
  type = object({
    arn      = string
    url      = string
    dead_arn = string
    dead_url = string
  })
}

variable "repairs" {
  description = "The queue of jobs for the repair function."
  type = object({
    arn = string
    url = string
  })
}

variable "databases" {
  description = "With databases: who asks them, their tables' parameters and ingest objects as resources; null: there are none."
  type = object({
    check      = object({ name = string, arn = string })
    parameters = list(string)
    objects    = list(string)
  })
  default = null
}

variable "history" {
  description = "How a provider is asked for history: what pulling may do (none without feeds), the streams' name, other addresses."
  type = object({
    policies    = list(string)
    stream_name = string
    urls        = map(string)
    concurrency = number
  })
}

variable "athena" {
  description = "Where ranges too large to read are asked for: the auditor's workgroup, the catalog's database."
  type = object({
    workgroup = object({ name = string, arn = string })
    database  = object({ name = string, arn = string })
  })
}

variable "admins" {
  description = "How the admins are told: the topic, its key, where the runbook is, and the health page (null: nowhere)."
  type = object({
    topic_arn   = string
    key_arn     = string
    runbook_url = string
    report_url  = optional(string)
  })
}

variable "mirror" {
  description = "How often the mirror runs and how far it may be behind, which tell when it is late; null: no schedule runs it."
  type = object({
    every_minutes  = number
    within_minutes = optional(number)
  })
  default = null
}

variable "page" {
  description = "Whether a function writes the health page every hour."
  type        = bool
  default     = true
}

variable "page_tags" {
  description = "Cost tags of what writes the page, on top of the provider's: it repairs nothing."
  type        = map(string)
  default     = {}
}

variable "event_bus_arn" {
  description = "The bus that hears of findings, repairs, certificates and alarms; null: none does."
  type        = string
  default     = null
}

variable "alarms" {
  description = "What alarms share: namespace, the dimensions that tell this deployment's metrics from another's, runbook sections by kind."
  type = object({
    namespace  = string
    dimensions = map(string)
    runbook    = map(string)
    tags       = map(string)
  })
}

variable "limits" {
  description = "How much is done at once, where the defaults do not fit."
  type        = any
}

variable "timing" {
  description = "Seconds: a step's time-out, the wait for repaired rows, the first pause before a step is tried again."
  type = object({
    step_seconds  = number
    wait_seconds  = number
    retry_seconds = number
  })
}

variable "restate_memory_mb" {
  description = "Memory of the restate function, which does the process function's work."
  type        = number
}

variable "at_scale_concurrency" {
  description = "Jobs of one run at scale that are carried out side by side."
  type        = number
}

variable "functions" {
  description = "What all functions share: code package, layers, settings, how long logs are kept, X-Ray traces, their roles' boundary."
  type = object({
    code = object({
      bucket       = string
      key          = string
      architecture = string
      layers       = map(string)
    })
    environment          = map(string)
    log_retention_days   = number
    tracing              = bool
    permissions_boundary = optional(string)
  })
}

variable "scheduling" {
  description = "The group of every schedule, whether they fire, and the boundary of the roles that start what they start."
  type = object({
    group                = string
    enabled              = bool
    permissions_boundary = optional(string)
  })
}

variable "tags" {
  description = "Cost tags on top of the provider's."
  type        = map(string)
}
