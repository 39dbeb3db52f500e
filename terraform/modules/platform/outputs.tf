output "helm_values" {
  description = "Everything the chart has to be told about this environment, and no secret: `terraform output -json helm_values`."
  value = {
    environment = var.environment
    region      = data.aws_region.here.region
    domain      = var.domain
    namespace   = "aisle"
    images      = { registry = module.registry.registry, urls = module.registry.urls }
    # Bound to their roles by Pod Identity: the service accounts need their names and no annotation.
    serviceAccounts = module.identity.service_accounts
    database = {
      host             = module.database.host
      port             = module.database.port
      name             = module.database.database
      owners           = local.database_owners
      tls              = "verify-full"
      masterSecretArn  = module.database.master_secret_arn
      passwordSecrets  = { for owner in local.database_owners : owner => module.secrets.names["database/${owner}"] }
      masterSecretUser = "postgres"
    }
    redis = {
      main   = { host = module.redis_main.host, port = module.redis_main.port, tls = true, passwordSecret = module.secrets.names["redis-main"] }
      limits = { host = module.redis_limits.host, port = module.redis_limits.port, tls = true, passwordSecret = module.secrets.names["redis-limits"] }
    }
    # For the chart's network policies: pods and AWS' endpoints are in the first, PostgreSQL and Redis in the second.
    network = { private = module.network.private_cidrs, data = module.network.data_cidrs }
    buckets = module.storage.names
    media   = { bucket = module.storage.names["media"], region = data.aws_region.here.region, origin = "https://${module.storage.domains["media"]}" }
    # Where a Milvus of the release keeps its vectors, and the role that its account names.
    vectors = { bucket = module.storage.names["vectors"], roleArn = module.identity.role_arns["milvus"] }
    bedrock = {
      region       = length(var.bedrock_models) > 0 ? data.aws_region.here.region : ""
      batchFolder  = "s3://${module.storage.names["batches"]}/llm"
      batchRoleArn = module.identity.batch_role_arn
      models       = sort(tolist(var.bedrock_models))
    }
    edge = {
      targetGroupArn  = module.entrance.target_group_arn
      securityGroupId = module.entrance.security_group_id
      certificateArn  = module.entrance.certificate_arn
      firewallArn     = module.firewall.arn
      # Addresses that may say for whom they ask (X-Forwarded-For): the load balancer's.
      trustedProxies = module.network.public_cidrs
      # CloudFront and the load balancer: `edge.trusted_hops` of the registry.
      trustedHops = 2
      port        = 8080
    }
    secrets   = { store = "SecretsManager", names = module.secrets.names, arns = module.secrets.arns }
    telemetry = { namespace = module.observability.collector.namespace, logGroups = module.observability.log_group_names, collector = module.observability.collector }
  }
}

output "cluster_name" {
  description = "Name of the cluster, for `aws eks update-kubeconfig`."
  value       = module.cluster.name
}

output "release_role_arn" {
  description = "Role that a release takes on from GitHub."
  value       = module.pipeline.role_arn
}

output "github" {
  description = "What the workflows of GitHub are told: variables of the repository, for plans, and variables of the environment."
  value = {
    repository = {
      "AWS_PLAN_ROLE_ARN_${upper(var.environment)}" = module.pipeline.plan_role_arn
      "STATE_BUCKET_${upper(var.environment)}"      = "aisle-terraform-${local.account}"
    }
    environment = {
      AWS_APPLY_ROLE_ARN = module.pipeline.apply_role_arn
      RELEASE_ROLE_ARN   = module.pipeline.role_arn
      REGISTRY           = "${module.registry.registry}/${local.name}"
      FRONTEND_BUCKET    = module.storage.names["frontend"]
      DISTRIBUTION       = module.distribution.id
    }
  }
}

output "frontend" {
  description = "Where a release puts the front end, and the distribution whose cache it clears."
  value       = { bucket = module.storage.names["frontend"], distribution = module.distribution.id }
}

output "alarms" {
  description = "Name of each alarm."
  value       = module.observability.alarms
}

output "standing" {
  description = "How much of everything there is and what refuses to be deleted, as it was built: what environments are tested by."
  value = {
    network  = { exits = module.network.exits }
    cluster  = { protected = module.cluster.deletion_protection }
    database = module.database.standing
    redis    = { main = length(module.redis_main.nodes), limits = length(module.redis_limits.nodes) }
    entrance = { protected = module.entrance.deletion_protection }
    models   = local.bedrock_model_arns
    buckets  = { force_destroy = module.storage.force_destroy }
  }
}
