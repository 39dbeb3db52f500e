mock_provider "aws" {
  source = "../../testing"
}

variables {
  boundary_arn       = "arn:aws:iam::111122223333:policy/boundary"
  name               = "aisle-test"
  kubernetes_version = "1.36"
  subnet_ids         = ["a", "b", "c"]
  secrets_key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/k"
  logs_key_arn       = "arn:aws:kms:eu-central-1:111122223333:key/l"
  log_days           = 30
  administrators     = ["arn:aws:iam::111122223333:role/admin"]
  deployers          = { release = "arn:aws:iam::111122223333:role/release" }
}

run "cluster" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The Kubernetes API is reached from inside only."
  }
  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.secrets_key_arn
    error_message = "Kubernetes secrets are encrypted by our key."
  }
  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "Every log of the control plane is kept."
  }
  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Who created the cluster is not therefore its administrator."
  }
  assert {
    condition     = aws_eks_cluster.this.compute_config[0].enabled && aws_eks_cluster.this.storage_config[0].block_storage[0].enabled && aws_eks_cluster.this.kubernetes_network_config[0].elastic_load_balancing[0].enabled
    error_message = "Auto Mode needs all three, or none."
  }
  assert {
    condition     = one(aws_eks_access_policy_association.deployer["release"].access_scope).type == "namespace"
    error_message = "A release changes its namespace and nothing else."
  }
  assert {
    condition     = aws_eks_cluster.this.deletion_protection
    error_message = "Unless told otherwise, it refuses to be deleted."
  }
}

run "old_kubernetes_is_refused" {
  command = plan
  variables {
    kubernetes_version = "1.30"
  }
  expect_failures = [var.kubernetes_version]
}
