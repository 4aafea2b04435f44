"""Programs of this machine that deployments are made with: interpreters of Python, Terraform."""
