variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "datasets" {
  description = "The databases by name, with the schedule expression of each."
  type        = map(string)
}

variable "secret_arns" {
  description = "Secrets of the databases."
  type        = list(string)
}

variable "ingest_arn" {
  description = "ARN of the ingest bucket."
  type        = string
}

variable "warehouse_arn" {
  description = "ARN of the warehouse bucket."
  type        = string
}

variable "table_parameters" {
  description = "The parameters that remember where each table is, as SSM resources by their last name."
  type = object({
    timestamp     = list(string)
    sequential_id = list(string)
  })
}

variable "run_files" {
  description = "What a run of the auditor writes down, as S3 resources."
  type        = list(string)
}

variable "extract_timeout_seconds" {
  description = "Time-out of the extract function."
  type        = number
}

variable "check_timeout_seconds" {
  description = "Time-out of the check function."
  type        = number
}

variable "network" {
  description = "Subnets and security groups from which databases are reached; empty lists: outside any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}

variable "endpoint_urls" {
  description = "Environment variables with the addresses of AWS's services, where their usual names do not lead to them."
  type        = map(string)
  default     = {}
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

variable "audit_tags" {
  description = "Cost tags of what works for the auditor."
  type        = map(string)
}
