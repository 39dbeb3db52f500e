output "host" {
  description = "Name of the database's host."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Its port."
  value       = aws_db_instance.this.port
}

output "database" {
  description = "Name of the database in it."
  value       = aws_db_instance.this.db_name
}

output "identifier" {
  description = "Name of the instance, which its metrics carry."
  value       = aws_db_instance.this.identifier
}

output "master_secret_arn" {
  description = "Secret with the password of the role that makes the services' roles; RDS rotates it."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "standing" {
  description = "Whether it has a standby, refuses to be deleted, and for how many days it can be put back."
  value = {
    multi_az    = aws_db_instance.this.multi_az
    protected   = aws_db_instance.this.deletion_protection
    backup_days = aws_db_instance.this.backup_retention_period
  }
}
