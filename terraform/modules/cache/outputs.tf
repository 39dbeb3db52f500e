output "host" {
  description = "Name of the primary's host; it follows when another node takes over."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "Its port, TLS only."
  value       = aws_elasticache_replication_group.this.port
}

output "nodes" {
  description = "Names of its nodes, which their metrics carry."
  value       = [for number in range(1, var.nodes + 1) : format("%s-%03d", aws_elasticache_replication_group.this.replication_group_id, number)]
}
