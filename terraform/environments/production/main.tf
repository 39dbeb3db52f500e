# Production: three zones, a standby of everything that keeps data, and no way to delete it by mistake.

module "platform" {
  source    = "../../modules/platform"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  environment         = "production"
  domain              = var.domain
  zone_id             = var.zone_id
  repository          = var.repository
  github_provider_arn = var.github_provider_arn
  github_subject      = var.github_subject
  state_key_arn       = var.state_key_arn
  administrators      = var.administrators
  redis_tokens        = var.redis_tokens

  network = {
    cidr  = "10.42.0.0/16"
    zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    nat   = "per_zone"
  }
  database = {
    instance_class = "db.r7g.large"
    storage_gib    = { initial = 200, most = 2000 }
    multi_az       = true
    backup_days    = 35
  }
  redis = {
    main   = { node_type = "cache.r7g.large", nodes = 3 }
    limits = { node_type = "cache.t4g.small", nodes = 2 }
  }

  bedrock_models = [
    "eu.amazon.nova-micro-v1:0",
    "eu.amazon.nova-lite-v1:0",
    "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.titan-embed-text-v2:0",
    "cohere.embed-multilingual-v3",
  ]
  requests_per_address = 5000
  log_days             = 90
  usd_per_hour         = 40
  usd_per_month        = 6000
  protected            = true

  alarms = {
    pages    = var.pages
    mails    = var.mails
    runbooks = "https://github.com/${var.repository}/blob/main"
  }
}
