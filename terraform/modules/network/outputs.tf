output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer, one a zone."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Subnets of the pods, one a zone."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "private_cidrs" {
  description = "Addresses of the pods."
  value       = [for zone in var.zones : local.private[zone]]
}

output "data_subnet_ids" {
  description = "Subnets of databases, one a zone, without a way out."
  value       = [for zone in var.zones : aws_subnet.data[zone].id]
}

output "data_cidrs" {
  description = "Addresses of the databases."
  value       = [for zone in var.zones : local.data[zone]]
}

output "public_cidrs" {
  description = "Addresses of the load balancer."
  value       = [for zone in var.zones : local.public[zone]]
}

output "exits" {
  description = "How many ways out there are."
  value       = length(aws_nat_gateway.this)
}
