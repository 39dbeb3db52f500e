# Development: everything once, nothing twice, and nothing that refuses to be deleted.

module "platform" {
  source    = "../../modules/platform"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  environment         = "dev"
  domain              = var.domain
  zone_id             = var.zone_id
  repository          = var.repository
  github_provider_arn = var.github_provider_arn
  github_subject      = var.github_subject
  state_key_arn       = var.state_key_arn
  administrators      = var.administrators
  redis_tokens        = var.redis_tokens

  network = {
    cidr  = "10.40.0.0/16"
    zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    nat   = "single"
  }
  database = {
    instance_class = "db.t4g.medium"
    storage_gib    = { initial = 50, most = 200 }
    multi_az       = false
    backup_days    = 3
  }
  redis = {
    main   = { node_type = "cache.t4g.small", nodes = 1 }
    limits = { node_type = "cache.t4g.micro", nodes = 1 }
  }

  bedrock_models = [
    "eu.amazon.nova-micro-v1:0",
    "eu.amazon.nova-lite-v1:0",
    "amazon.titan-embed-text-v2:0",
  ]
  requests_per_address = 2000
  log_days             = 14
  usd_per_hour         = 5
  usd_per_month        = 900
  protected            = false

  alarms = {
    pages    = var.pages
    mails    = var.mails
    runbooks = "https://github.com/${var.repository}/blob/main"
  }
}
