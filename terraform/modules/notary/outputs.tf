output "functions" {
  description = "Function names by role."
  value       = { notary = module.notary.name }
}
