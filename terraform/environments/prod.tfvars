# The environment that matters: `make destroy` refuses while its buckets hold anything. `make deploy ENV=prod`
project     = "starmend"
environment = "prod"
region      = "eu-west-1"

# The account that this is meant for, as `aws sts get-caller-identity` shows it. With credentials of another nothing is changed.
# account = "111122223333"

# Who is mailed when an alarm fires. Each address gets one mail to confirm.
admin_emails = []

# Off until the secrets are filled (`starmend secret set`), or every run would fail and alarm. Then: true, and deploy.
schedules_enabled = false

# Never true here: the root module refuses it.
force_destroy = false

log_retention_days = 90

# How far the certificates have gone is signed, and kept where nobody can delete it for 400 days (docs/proof.md).
proof = { enabled = true }
