# Offline: no provider, no credentials.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # what AWS would compute is known without an apply, and nothing needs tearing down
}

run "queue" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name                     = "starmend-test-arrivals"
    consumer_timeout_seconds = 120
    region                   = "eu-west-1"
    senders                  = { "s3.amazonaws.com" = ["arn:aws:s3:::x"] }
    tags                     = { component = "processing" }
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 6 * 120
    error_message = "A message comes again after six times the function's time-out, so that retries never overlap."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_policy.this[0].redrive_policy) == {
      deadLetterTargetArn = aws_sqs_queue.dead.arn
      maxReceiveCount     = 3
    }
    error_message = "What failed three times is a dead letter."
  }

  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "Dead letters are kept for as long as SQS allows."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled
    error_message = "Messages are encrypted."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.dead.redrive_allow_policy).sourceQueueArns
      == ["arn:aws:sqs:eu-west-1:111122223333:starmend-test-arrivals"]
    )
    error_message = "Only its own queue fills a dead-letter queue."
  }
}

run "queue_made_at_once" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name                     = "starmend-test-arrivals"
    consumer_timeout_seconds = 5
    region                   = "eu-west-1"
    dead_queue_first         = false
    tags                     = {}
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:starmend-test-arrivals-dead"
      maxReceiveCount     = 3
    }
    error_message = "Made at once or one after the other, a queue has the same dead-letter queue."
  }
}

run "function" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name            = "starmend-test-process"
    description     = "Processes"
    handler         = "processing.handler.handle"
    policy          = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    environment     = { POWERTOOLS_SERVICE_NAME = "process" }
    timeout_seconds = 120
    memory_mb       = 1024
    shared = {
      code = {
        bucket       = "b"
        key          = "k"
        hash         = "aGFzaA=="
        architecture = "arm64"
        layers = {
          base   = "arn:aws:lambda:eu-west-1:111122223333:layer:base:1"
          athena = "arn:aws:lambda:eu-west-1:111122223333:layer:athena:1"
        }
      }
      environment        = { STARMEND_ENV = "test" }
      log_retention_days = 30
      tracing            = false
    }
    network = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    tags    = { component = "processing" }
  }

  assert {
    condition = one(aws_lambda_function.this.environment).variables == tomap({
      POWERTOOLS_SERVICE_NAME   = "process"
      POWERTOOLS_TRACE_DISABLED = "true"
      STARMEND_ENV              = "test"
    })
    error_message = "A function has its own settings beside those of all."
  }

  assert {
    condition = (
      aws_cloudwatch_log_group.this.name == "/aws/lambda/starmend-test-process"
      && aws_cloudwatch_log_group.this.retention_in_days == 30
    )
    error_message = "The log group is made first, with its retention."
  }

  assert {
    condition     = aws_iam_role.this.name == "starmend-test-process" && aws_lambda_function.this.role == aws_iam_role.this.arn
    error_message = "A function has a role of its own."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.12" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "Functions run where their layers do."
  }

  assert {
    condition     = aws_lambda_function.this.layers == tolist(["arn:aws:lambda:eu-west-1:111122223333:layer:base:1"])
    error_message = "A function that asks for no more has the layer of all."
  }

  assert {
    condition     = toset(one(aws_lambda_function.this.vpc_config).subnet_ids) == toset(["subnet-1"])
    error_message = "A function that reads a database lives in its network."
  }

  assert {
    condition     = one(aws_lambda_function.this.tracing_config).mode == "PassThrough"
    error_message = "Traces cost, so somebody must ask for them."
  }
}

run "handler_that_is_no_path_is_refused" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name            = "x"
    description     = "x"
    handler         = "handler"
    policy          = "{}"
    timeout_seconds = 1
    memory_mb       = 128
    shared = {
      code               = { bucket = "b", key = "k", hash = "h", architecture = "x86_64", layers = {} }
      environment        = {}
      log_retention_days = 1
      tracing            = false
    }
    tags = {}
  }

  expect_failures = [var.handler]
}
