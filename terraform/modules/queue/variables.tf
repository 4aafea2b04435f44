variable "name" {
  description = "Name of the queue; its dead-letter queue is called <name>-dead."
  type        = string
}

variable "consumer_timeout_seconds" {
  description = "Time-out of the function that takes from this queue; a message comes again after six times as long."
  type        = number
}

variable "consumer_window_seconds" {
  description = "How long the function's trigger gathers messages before it calls the function."
  type        = number
  default     = 0
}

variable "region" {
  description = "Region of the queue, for its own ARN in its own policy."
  type        = string
}

variable "senders" {
  description = "AWS services that may send: principal => ARNs of the resources they send for. Roles need no entry."
  type        = map(list(string))
  default     = {}
}

variable "fifo" {
  description = "Hand out the messages of a group one batch at a time, in order, and each once in five minutes."
  type        = bool
  default     = false
}

variable "dead_queue_first" {
  description = "Name the dead-letter queue only once it exists, as AWS demands; false: at once, for which the emulator waits."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Cost tags on top of the provider's."
  type        = map(string)
}
