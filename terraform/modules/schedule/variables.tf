variable "prefix" {
  description = "Project and environment; the first part of every name."
  type        = string
}

variable "name" {
  description = "What is started, such as extract: <prefix>-<name>. The schedules are called <name>-<dataset>."
  type        = string
}

variable "target" {
  description = "ARN of what is started, and the one action that starts it."
  type = object({
    arn    = string
    action = string
  })
}

variable "schedules" {
  description = "What each dataset's schedule is for, when it starts the target (UTC), and what it tells it."
  type = map(object({
    description = string
    expression  = string
    input       = string
  }))
}

variable "retry" {
  description = "How often a start that failed is tried again, and until when after its time."
  type = object({
    attempts    = number
    age_seconds = number
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

variable "tags" {
  description = "Cost tags on top of the provider's."
  type        = map(string)
}
