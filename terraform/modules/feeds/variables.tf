variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "datasets" {
  description = "Names of the feeds."
  type        = set(string)
}

variable "requests" {
  description = "The queue of the points to ask for."
  type = object({
    arn = string
    url = string
  })
}

variable "streams" {
  description = "Name of the feeds' streams (the functions fill in {dataset}), their ARNs, and those of deliveries without one."
  type = object({
    name       = string
    arns       = list(string)
    deliveries = list(string)
  })
}

variable "warehouse_arn" {
  description = "The warehouse bucket, where notes for the auditor lie."
  type        = string
}

variable "secret_arns" {
  description = "Secrets of the providers."
  type        = list(string)
}

variable "provider_urls" {
  description = "Other addresses for the providers, by dataset; empty: the real ones."
  type        = map(string)
}

variable "drop_one_entity" {
  description = "Fault switch: a seed leaves one entity out each minute; empty leaves none out."
  type        = string
}

variable "pull" {
  description = "Time-out of the pull function, and how many of it run at most at once."
  type = object({
    timeout_seconds = number
    concurrency     = number
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
  description = "The group of every schedule, whether they fire, those that rest, and the boundary of the roles that start what they start."
  type = object({
    group                = string
    enabled              = bool
    paused               = optional(set(string), [])
    permissions_boundary = optional(string)
  })
}

variable "scheduled_event" {
  description = "What a schedule tells its function, with DATASET for the dataset's name."
  type        = string
}

variable "tags" {
  description = "Cost tags on top of the provider's."
  type        = map(string)
}
