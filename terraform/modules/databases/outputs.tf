output "functions" {
  description = "Function names by role."
  value       = { extract = module.extract.name, check = module.check.name }
}

output "check" {
  description = "The function that the auditor asks about databases."
  value       = { name = module.check.name, arn = module.check.arn }
}

output "schedules" {
  description = "The schedules of the extract function by database."
  value       = module.schedule.schedules
}
