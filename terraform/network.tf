# How the functions that read a database reach AWS from inside a private network: through these endpoints and by no other
# road, for their subnets need no way to the internet. Lambda carries their logs by itself.

locals {
  endpoints = var.vpc_endpoints == null ? [] : ["secretsmanager", "ssm"]

  # In every partition: in China some services are cn.com.amazonaws, but neither these two nor the gateway of S3 (EC2,
  # DescribeVpcEndpointServices).
  service_prefix = "com.amazonaws"

  # EC2 takes one subnet of a zone: from the others of it the endpoint is reached as well.
  zones            = { for subnet in data.aws_subnet.functions : subnet.availability_zone_id => subnet.id... }
  endpoint_subnets = [for zone, subnets in local.zones : sort(subnets)[0]]

  # Who else may use them, where the services' usual names lead to them.
  admitted = var.vpc_endpoints == null ? {} : merge(
    { for cidr in var.vpc_endpoints.admit.cidrs : "cidr ${cidr}" => { cidr = cidr, group = null, list = null } },
    { for group in var.vpc_endpoints.admit.security_group_ids : "group ${group}" => { cidr = null, group = group, list = null } },
    { for list in var.vpc_endpoints.admit.prefix_list_ids : "list ${list}" => { cidr = null, group = null, list = list } },
  )

  # Where the usual names lead elsewhere, our functions are told the endpoints' own; the SDK reads these variables.
  endpoint_variables = { secretsmanager = "AWS_ENDPOINT_URL_SECRETS_MANAGER", ssm = "AWS_ENDPOINT_URL_SSM" }
  endpoint_urls = try(var.vpc_endpoints.private_dns, true) ? {} : {
    for service, endpoint in aws_vpc_endpoint.interface :
    local.endpoint_variables[service] => "https://${endpoint.dns_entry[0].dns_name}"
  }
}

data "aws_subnet" "functions" {
  for_each = var.vpc_endpoints == null ? [] : toset(var.vpc_subnet_ids)

  id = each.value
}

resource "aws_security_group" "endpoints" {
  count = var.vpc_endpoints == null ? 0 : 1

  name        = "${local.prefix}-endpoints"
  description = "Who may use the endpoints of ${local.prefix}: its functions that read a database"
  vpc_id      = var.vpc_endpoints.vpc_id
  tags        = merge(local.tags.ingestion, { Name = "${local.prefix}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = var.vpc_endpoints == null ? [] : toset(var.security_group_ids)

  description                  = "HTTPS from the functions"
  security_group_id            = aws_security_group.endpoints[0].id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags.ingestion
}

resource "aws_vpc_security_group_ingress_rule" "admitted" {
  for_each = local.admitted

  description                  = "HTTPS from others in the VPC"
  security_group_id            = aws_security_group.endpoints[0].id
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.group
  prefix_list_id               = each.value.list
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags.ingestion
}

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(local.endpoints)

  vpc_id              = var.vpc_endpoints.vpc_id
  service_name        = "${local.service_prefix}.${var.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = local.endpoint_subnets
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = var.vpc_endpoints.private_dns
  tags                = merge(local.tags.ingestion, { Name = "${local.prefix}-${each.value}" })
}

resource "aws_vpc_endpoint" "s3" {
  count = var.vpc_endpoints == null ? 0 : 1

  vpc_id            = var.vpc_endpoints.vpc_id
  service_name      = "${local.service_prefix}.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.vpc_endpoints.route_table_ids
  tags              = merge(local.tags.ingestion, { Name = "${local.prefix}-s3" })
}
