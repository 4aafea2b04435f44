output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "role" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "timeout_seconds" {
  description = "How long one invocation may take; queues derive their visibility time-out from it."
  value       = aws_lambda_function.this.timeout
}
