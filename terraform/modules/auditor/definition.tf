# What the state machine does, in the Amazon States Language. Between the states travel S3 keys and counts only.

locals {
  # What is tried again: a service that does not answer, now.
  transient = [
    "OutOfReach",
    "TransientFailure",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
  ]
  retry = {
    ErrorEquals     = local.transient
    IntervalSeconds = var.timing.retry_seconds
    MaxAttempts     = 4
    BackoffRate     = 2
    JitterStrategy  = "FULL"
  }

  # What becomes of a failure that stays one: of a step, the end of the run; of a job, that its finding stays open.
  ends_run = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.failure", Next = "Tell of the failure" }]
  ends_job = [{ ErrorEquals = ["States.ALL"], ResultPath = null, Next = "Leave it to the verdict" }]
  call     = { Type = "Task", TimeoutSeconds = var.timing.step_seconds, Retry = [local.retry] }
  step     = merge(local.call, { Catch = local.ends_run })
  job      = merge(local.call, { Catch = local.ends_job, Parameters = { "job.$" = "$.job" }, End = true })
  fan_out  = { Type = "Map", MaxConcurrency = 5, ResultPath = null, Catch = local.ends_run }

  # How long a job may wait in the repairs queue and be done. The function passes over one of which the task is over.
  callback_seconds = 3 * var.timing.step_seconds

  definition = {
    Comment = join(" ", [
      "Find what is missing, repair it through the pipeline's own functions, prove the result, or tell the admins.",
      "The state between steps is S3 keys and counts.",
    ])
    StartAt = "Audit"
    States = {
      "Audit" = merge(local.step, {
        Resource   = module.step["audit"].arn
        Parameters = { "order.$" = "$$.Execution.Input", "run.$" = "$$.Execution.Name" }
        Next       = "Is anything wrong?"
      })
      "Is anything wrong?" = {
        Type    = "Choice"
        Choices = [{ Variable = "$.idle", BooleanEquals = true, Next = "Certify" }]
        Default = "Plan"
      }
      "Plan" = merge(local.step, {
        Resource   = module.step["plan"].arn
        Parameters = { "dataset.$" = "$.dataset", "run.$" = "$.run", "attempt.$" = "$.attempt" }
        ResultPath = "$.plan"
        Next       = "Is there a repair?"
      })
      "Is there a repair?" = {
        Type    = "Choice"
        Choices = [{ Variable = "$.plan.planned", NumericEquals = 0, Next = "Certify" }]
        Default = "Repair"
      }
      "Repair" = merge(local.fan_out, {
        ItemsPath     = "$.plan.jobs"
        ItemProcessor = { ProcessorConfig = { Mode = "INLINE" }, StartAt = "Which executor?", States = local.executors }
        Next          = "Wait for the stream"
      })
      "Wait for the stream" = { Type = "Wait", Seconds = var.timing.wait_seconds, Next = "Verify" }
      "Verify" = merge(local.step, {
        Resource   = module.step["verify"].arn
        Parameters = { "dataset.$" = "$.dataset", "run.$" = "$.run", "attempt.$" = "$.plan.attempt" }
        Next       = "Is it healed?"
      })
      "Is it healed?" = {
        Type = "Choice"
        Choices = [
          { Variable = "$.idle", BooleanEquals = true, Next = "Certify" },
          { Variable = "$.exhausted", BooleanEquals = true, Next = "Certify" },
        ]
        Default = "Plan"
      }
      "Certify" = merge(local.step, {
        Resource   = module.step["certify"].arn
        Parameters = { "dataset.$" = "$.dataset", "run.$" = "$.run", "attempt.$" = "$.attempt" }
        ResultPath = "$.certified"
        Next       = "Restate rollups"
      })
      "Restate rollups" = merge(local.fan_out, {
        ItemsPath = "$.certified.rollups"
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "Restate"
          States = {
            Restate = merge(local.call, { Resource = module.restate.arn, Parameters = { "job.$" = "$.job" }, End = true })
          }
        }
        Next = "Conclude"
      })
      "Conclude" = merge(local.step, {
        Resource = module.step["conclude"].arn
        Parameters = {
          "dataset.$" = "$.dataset"
          "run.$"     = "$.run"
          counts = {
            "expected.$"     = "$.expected"
            "present.$"      = "$.present"
            "absent.$"       = "$.absent"
            "missing.$"      = "$.missing"
            "certificates.$" = "$.certified.certificates"
            "repaired.$"     = "$.certified.repaired"
          }
        }
        ResultPath = "$.told"
        End        = true
      })
      "Tell of the failure" = merge(local.call, {
        Resource = module.step["conclude"].arn
        Parameters = {
          "dataset.$" = "$$.Execution.Input.dataset"
          "run.$"     = "$$.Execution.Name"
          "error.$"   = "States.Format('{}: {}', $.failure.Error, $.failure.Cause)"
        }
        ResultPath = "$.told"
        Next       = "Failed"
      })
      "Failed" = {
        Type      = "Fail"
        Error     = "AuditFailed"
        CausePath = "$.told.failure" # what the failed step said, without the stack trace
      }
    }
  }

  # One job of a repair: each has one executor (its `door`), and no failure of it is one of the run.
  states_of_executors = {
    process = "Queue for processing"
    restate = "Make again"
    extract = "Extract again"
    acquire = "Ask the source"
  }
  executors = merge(
    {
      "Which executor?" = {
        Type = "Choice"
        Choices = [
          for executor in concat(["process", "restate"], local.has_databases ? ["extract"] : [], ["acquire"]) :
          { Variable = "$.door", StringEquals = executor, Next = local.states_of_executors[executor] }
        ]
        Default = "Leave it to the verdict"
      }
      "Queue for processing" = merge(local.job, { Resource = module.step["queue"].arn })
      "Make again"           = merge(local.job, { Resource = module.restate.arn })
      "Ask the source" = {
        Type     = "Task"
        Resource = "arn:${data.aws_partition.current.partition}:states:::sqs:sendMessage.waitForTaskToken"
        Comment = join(" ", [
          "The repair function takes the job from the queue and answers with the token.",
          "What it did before a retry it does not do again.",
        ])
        Parameters = {
          QueueUrl    = var.repairs.url
          MessageBody = { "job.$" = "$.job", "token.$" = "$$.Task.Token", within = local.callback_seconds }
        }
        TimeoutSeconds = local.callback_seconds
        Retry = [
          {
            ErrorEquals     = ["ProviderLimited"]
            IntervalSeconds = 6 * var.timing.retry_seconds
            MaxAttempts     = 2
            BackoffRate     = 2
          },
          merge(local.retry, { ErrorEquals = ["ProviderBroken", "OutOfReach", "TransientFailure"], MaxAttempts = 2 }),
        ]
        Catch = local.ends_job
        End   = true
      }
      "Leave it to the verdict" = {
        Type    = "Pass"
        Comment = "A job that failed left word of it, or none: the next look finds what it did not heal."
        End     = true
      }
    },
    {
      for databases in var.databases[*] : "Extract again" => merge(local.job, {
        Resource = databases.check.arn
        Retry = [merge(local.retry, {
          ErrorEquals = distinct(concat(["OutOfReach", "StatementTimeOut", "AuthenticationFailed"], local.transient))
        })]
      })
    },
  )
}
