variable "name" {
  description = "Name of the function, its role and its log group."
  type        = string
}

variable "description" {
  description = "What the function does, in one sentence."
  type        = string
}

variable "handler" {
  description = "Python path of the handler, such as processing.handler.handle."
  type        = string

  validation {
    condition     = can(regex("^[a-z_]+(\\.[a-z_]+)+$", var.handler))
    error_message = "handler: a dotted Python path such as processing.handler.handle."
  }
}

variable "policy" {
  description = "JSON policy document: exactly what this function may do beyond writing its own log."
  type        = string
}

variable "other_policies_length" {
  description = "Characters of other inline policies of the role, which IAM counts together with the function's own."
  type        = number
  default     = 0
}

variable "environment" {
  description = "Environment variables beside the shared ones; never a secret."
  type        = map(string)
  default     = {}
}

variable "timeout_seconds" {
  description = "How long one invocation may take."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds: 1 to 900 (Lambda's limit)."
  }
}

variable "memory_mb" {
  description = "Memory; the share of a processor grows with it."
  type        = number

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb: 128 to 10240 (Lambda's limits)."
  }
}

variable "layers" {
  description = "The layers that it finds its packages in, of those of all functions."
  type        = list(string)
  default     = ["base"]
}

variable "shared" {
  description = "What all functions share: code package, layers, settings, how long logs are kept, X-Ray traces, their roles' boundary."
  type = object({
    # layers: the ARN of each by its name
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

variable "network" {
  description = "Subnets and security groups; empty lists: outside any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = { subnet_ids = [], security_group_ids = [] }
}

variable "tags" {
  description = "Cost tags on top of the provider's."
  type        = map(string)
}

variable "repair" {
  description = "The idea of repair that it alone carries out, as a tag of the function; null: none, or several."
  type        = string
  default     = null
}
