output "schedules" {
  description = "The schedules by dataset."
  value       = aws_scheduler_schedule.this
}
