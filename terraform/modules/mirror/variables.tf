variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "region" {
  description = "Region of the queue, for its own ARN in its own policy."
  type        = string
}

variable "datasets" {
  description = "The datasets that have a source, and for how many seconds their tables' mirrors may be behind."
  type        = map(number)
}

variable "warehouse_arn" {
  description = "ARN of the warehouse bucket."
  type        = string
}

variable "catalog" {
  description = "The mirrors' database in the catalog: its name and ARN, the catalog's ARN, and what the ARNs of its tables begin with."
  type = object({
    arn          = string
    database     = string
    database_arn = string
    tables_arn   = string
  })
}

variable "timing" {
  description = "Minutes from one run to the next, and how long one may take."
  type = object({
    every_minutes   = number
    timeout_seconds = number
  })
}

variable "scheduled_event" {
  description = "What the schedule tells the function: the time that it was scheduled for."
  type        = string
}

variable "dead_queue_first" {
  description = "Name the dead-letter queue only once it exists, as AWS demands."
  type        = bool
}

variable "alarms" {
  description = "Namespace and dimensions of the functions' metrics, the runbook's sections, topic, who mails their end, tags."
  type = object({
    namespace  = string
    dimensions = map(string)
    runbook    = map(string)
    topic_arn  = string
    over_arn   = optional(string)
    tags       = map(string)
  })
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
