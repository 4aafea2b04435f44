# How the functions that read a database reach AWS from inside a private network: through these endpoints and by no other
# road, for their subnets need no way to the internet. Lambda carries their logs by itself.

locals {
  endpoints = var.vpc_endpoints == null ? [] : ["secretsmanager", "ssm"]
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

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(local.endpoints)

  vpc_id              = var.vpc_endpoints.vpc_id
  service_name        = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.vpc_subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  tags                = merge(local.tags.ingestion, { Name = "${local.prefix}-${each.value}" })
}

resource "aws_vpc_endpoint" "s3" {
  count = var.vpc_endpoints == null ? 0 : 1

  vpc_id            = var.vpc_endpoints.vpc_id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.vpc_endpoints.route_table_ids
  tags              = merge(local.tags.ingestion, { Name = "${local.prefix}-s3" })
}
