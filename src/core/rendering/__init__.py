"""From the contracts to the JSON document that Terraform and the Lambdas read."""
