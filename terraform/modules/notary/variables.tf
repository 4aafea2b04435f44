variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "datasets" {
  description = "The datasets whose certificates are signed."
  type        = list(string)
}

variable "warehouse_arn" {
  description = "ARN of the warehouse bucket."
  type        = string
}

variable "anchor_bucket" {
  description = "Name of the bucket that the anchors are added to."
  type        = string
}

variable "anchors_arn" {
  description = "ARN of that bucket."
  type        = string
}

variable "signing_keys" {
  description = "Aliases of the keys that sign, by age, the newest last."
  type        = list(string)
}

variable "keys_arn" {
  description = "What the ARNs of the account's keys begin with."
  type        = string
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
