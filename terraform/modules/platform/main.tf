# One environment, whole: which modules there are and what each is told. Environments differ in numbers only.

data "aws_caller_identity" "here" {}
data "aws_region" "here" {}

locals {
  name    = "aisle-${var.environment}"
  account = data.aws_caller_identity.here.account_id
  # One role and one schema each (local/postgres.py).
  database_owners = ["analytics", "bff", "chat", "llm", "product", "recommendation"]
  # Every process of the release, each with a log group.
  processes = concat(local.database_owners, ["cli", "collector", "control-plane", "edge", "limits", "migrate", "milvus"])

  # Whoever asks an inference profile needs the right to the profile, and to the model wherever the profile passes it on.
  region   = data.aws_region.here.region
  profiles = { for model in var.bedrock_models : model => regex("^(?:eu|us|apac|global)\\.(.+)$", model)[0] if can(regex("^(eu|us|apac|global)\\.", model)) }
  bedrock_model_arns = toset(concat(
    [for model in var.bedrock_models : "arn:aws:bedrock:${local.region}::foundation-model/${model}" if !contains(keys(local.profiles), model)],
    [for profile in keys(local.profiles) : "arn:aws:bedrock:${local.region}:${local.account}:inference-profile/${profile}"],
    [for pair in setproduct([for profile, model in local.profiles : model if !startswith(profile, "global.")], var.bedrock_regions) : "arn:aws:bedrock:${pair[1]}::foundation-model/${pair[0]}"],
    # A global profile names no region at all, and the one it is asked in.
    flatten([for profile, model in local.profiles : ["arn:aws:bedrock:::foundation-model/${model}", "arn:aws:bedrock:${local.region}::foundation-model/${model}"] if startswith(profile, "global.")]),
  ))
}

module "encryption" {
  source = "../encryption"
  name   = local.name
}

module "network" {
  source       = "../network"
  name         = local.name
  boundary_arn = module.pipeline.boundary_arn
  cidr         = var.network.cidr
  zones        = var.network.zones
  nat          = var.network.nat
  logs_key_arn = module.encryption.key_arns["logs"]
  log_days     = var.log_days
}

module "cluster" {
  source              = "../cluster"
  name                = local.name
  boundary_arn        = module.pipeline.boundary_arn
  kubernetes_version  = var.kubernetes_version
  subnet_ids          = module.network.private_subnet_ids
  secrets_key_arn     = module.encryption.key_arns["cluster"]
  logs_key_arn        = module.encryption.key_arns["logs"]
  log_days            = var.log_days
  administrators      = var.administrators
  deployers           = { release = module.pipeline.role_arn }
  deletion_protection = var.protected
}

module "database" {
  source              = "../database"
  name                = local.name
  boundary_arn        = module.pipeline.boundary_arn
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.data_subnet_ids
  client_cidrs        = module.network.private_cidrs
  key_arn             = module.encryption.key_arns["data"]
  logs_key_arn        = module.encryption.key_arns["logs"]
  log_days            = var.log_days
  instance_class      = var.database.instance_class
  storage_gib         = var.database.storage_gib
  multi_az            = var.database.multi_az
  backup_days         = var.database.backup_days
  deletion_protection = var.protected
}

module "redis_main" {
  source             = "../cache"
  name               = local.name
  purpose            = "main"
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.data_subnet_ids
  client_cidrs       = module.network.private_cidrs
  key_arn            = module.encryption.key_arns["data"]
  logs_key_arn       = module.encryption.key_arns["logs"]
  log_days           = var.log_days
  node_type          = var.redis.main.node_type
  nodes              = var.redis.main.nodes
  keeps              = true
  auth_token         = var.redis_tokens.main
  auth_token_version = var.redis_tokens_version
}

module "redis_limits" {
  source             = "../cache"
  name               = local.name
  purpose            = "limits"
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.data_subnet_ids
  client_cidrs       = module.network.private_cidrs
  key_arn            = module.encryption.key_arns["data"]
  logs_key_arn       = module.encryption.key_arns["logs"]
  log_days           = var.log_days
  node_type          = var.redis.limits.node_type
  nodes              = var.redis.limits.nodes
  keeps              = false
  auth_token         = var.redis_tokens.limits
  auth_token_version = var.redis_tokens_version
}

module "storage" {
  source        = "../storage"
  name          = local.name
  account_id    = local.account
  key_arn       = module.encryption.key_arns["data"]
  force_destroy = !var.protected
}

module "registry" {
  source  = "../registry"
  name    = local.name
  key_arn = module.encryption.key_arns["data"]
}

module "secrets" {
  source          = "../secrets"
  name            = local.name
  key_arn         = module.encryption.key_arns["secrets"]
  database_owners = local.database_owners
}

module "identity" {
  source             = "../identity"
  name               = local.name
  boundary_arn       = module.pipeline.boundary_arn
  cluster_name       = module.cluster.name
  cluster_arn        = module.cluster.arn
  issuer             = module.cluster.issuer
  bucket_arns        = module.storage.arns
  key_arns           = module.encryption.key_arns
  secret_arns        = module.secrets.arns
  master_secret_arn  = module.database.master_secret_arn
  bedrock_model_arns = local.bedrock_model_arns
  log_group_arns     = module.observability.log_group_arns
  metric_namespace   = module.observability.collector.namespace
}

module "logs" {
  source         = "../logs"
  name           = local.name
  boundary_arn   = module.pipeline.boundary_arn
  cluster_name   = module.cluster.name
  cluster_arn    = module.cluster.arn
  service_groups = module.observability.service_log_groups
  audit_group    = module.observability.log_group_names["audit"]
  others_group   = module.observability.others_log_group.name
  group_arns     = concat(module.observability.log_group_arns, [module.observability.others_log_group.arn])
}

resource "aws_cloudwatch_log_group" "firewall" {
  # checkov:skip=CKV_AWS_338:Refused requests are looked at while an attack goes on, not a year later.
  name              = "aws-waf-logs-${local.name}"
  retention_in_days = var.log_days
  kms_key_id        = module.encryption.key_arns["logs"]
}

# The log group of CloudFront's firewall has to be where CloudFront is, and keys do not leave their region.
resource "aws_cloudwatch_log_group" "firewall_cloudfront" {
  # checkov:skip=CKV_AWS_158:The environment's key is in its own region; what is logged here has no header that says who somebody is.
  # checkov:skip=CKV_AWS_338:Refused requests are looked at while an attack goes on, not a year later.
  provider          = aws.us_east_1
  name              = "aws-waf-logs-${local.name}-cloudfront"
  retention_in_days = var.log_days
}

module "firewall" {
  source               = "../firewall"
  name                 = local.name
  scope                = "REGIONAL"
  requests_per_address = var.requests_per_address
  log_group_arn        = aws_cloudwatch_log_group.firewall.arn
}

module "firewall_cloudfront" {
  source               = "../firewall"
  providers            = { aws = aws.us_east_1 }
  name                 = "${local.name}-cloudfront"
  scope                = "CLOUDFRONT"
  requests_per_address = var.requests_per_address
  log_group_arn        = aws_cloudwatch_log_group.firewall_cloudfront.arn
}

module "entrance" {
  source                = "../entrance"
  name                  = local.name
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.public_subnet_ids
  pod_cidrs             = module.network.private_cidrs
  pod_security_group_id = module.cluster.security_group_id
  cluster_name          = module.cluster.name
  domain                = var.domain
  zone_id               = var.zone_id
  firewall_arn          = module.firewall.arn
  log_bucket            = module.storage.names["logs"]
  deletion_protection   = var.protected
}

module "distribution" {
  source    = "../distribution"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }
  name      = local.name
  domain    = var.domain
  zone_id   = var.zone_id
  frontend_bucket = {
    name   = module.storage.names["frontend"]
    arn    = module.storage.arns["frontend"]
    domain = module.storage.domains["frontend"]
  }
  media_domain      = module.storage.domains["media"]
  origin_host       = module.entrance.host
  firewall_arn      = module.firewall_cloudfront.arn
  log_bucket_domain = module.storage.domains["logs"]
}

module "pipeline" {
  source              = "../pipeline"
  name                = local.name
  repository          = var.repository
  subject             = var.github_subject
  environment         = var.environment
  provider_arn        = var.github_provider_arn
  account_id          = local.account
  zone_id             = var.zone_id
  state               = { bucket = "aisle-terraform-${local.account}", key_arn = var.state_key_arn }
  repository_arns     = values(module.registry.arns)
  frontend_bucket_arn = module.storage.arns["frontend"]
  distribution_arn    = module.distribution.arn
  cluster_arn         = module.cluster.arn
  data_key_arn        = module.encryption.key_arns["data"]
  empties_buckets     = !var.protected
}

module "observability" {
  source        = "../observability"
  name          = local.name
  logs_key_arn  = module.encryption.key_arns["logs"]
  log_days      = var.log_days
  services      = toset(local.processes)
  pages         = var.alarms.pages
  mails         = var.alarms.mails
  runbooks      = var.alarms.runbooks
  usd_per_hour  = var.usd_per_hour
  usd_per_month = var.usd_per_month
  cost_tag      = var.environment
  references = {
    load_balancer = module.entrance.arn_suffix
    target_group  = module.entrance.target_group_arn_suffix
    database      = module.database.identifier
    redis_node    = module.redis_main.nodes[0]
    redis_replica = try(module.redis_main.nodes[1], "")
    firewall      = module.firewall.name
    region        = data.aws_region.here.region
  }
}
