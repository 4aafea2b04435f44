# An environment to try things in: it may be destroyed with all that is in it. `starmend deploy apply --env dev`
# Others are files beside this one, such as prod.tfvars with environment = "prod" and force_destroy = false.
project     = "@PROJECT@"
environment = "dev"
region      = "eu-west-1"

# The account that this is meant for, as `aws sts get-caller-identity` shows it. With credentials of another nothing is changed.
# account = "111122223333"

# Who is mailed when an alarm fires. Each address gets one mail to confirm.
admin_emails = []

# Off until the secrets are filled (`starmend secret set`), or every run would fail and alarm. Then: true, and deploy.
schedules_enabled = false

# `starmend deploy destroy` also deletes what the buckets hold, and the secrets at once.
force_destroy = true

log_retention_days = 14
