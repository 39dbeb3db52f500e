# One key for each kind of content, so that who may read logs may not therefore read the database.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  account = data.aws_caller_identity.here.account_id
  root    = "arn:${data.aws_partition.here.partition}:iam::${local.account}:root"
  region  = data.aws_region.here.region
  # AWS services that encrypt by themselves, with what they must name when they do.
  keys = {
    cluster = { title = "Kubernetes secrets", services = {} }
    data    = { title = "Database, Redis and objects", services = { "cloudfront.amazonaws.com" = "AWS:SourceArn" } }
    logs    = { title = "Logs and alarms", services = { "logs.${local.region}.amazonaws.com" = "kms:EncryptionContext:aws:logs:arn", "cloudwatch.amazonaws.com" = "AWS:SourceArn", "budgets.amazonaws.com" = "AWS:SourceArn" } }
    secrets = { title = "Secrets", services = {} }
  }
  sources = {
    "cloudfront.amazonaws.com"           = "arn:${data.aws_partition.here.partition}:cloudfront::${local.account}:distribution/*"
    "logs.${local.region}.amazonaws.com" = "arn:${data.aws_partition.here.partition}:logs:${local.region}:${local.account}:*"
    "cloudwatch.amazonaws.com"           = "arn:${data.aws_partition.here.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
    "budgets.amazonaws.com"              = "arn:${data.aws_partition.here.partition}:budgets::${local.account}:*"
  }
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:A key's own policy has to name the account, or nobody could ever change it again.
  # checkov:skip=CKV_AWS_111:In a key's policy "*" is this key.
  # checkov:skip=CKV_AWS_356:In a key's policy "*" is this key.
  for_each = local.keys

  statement {
    sid       = "AccountDecidesByItsOwnPolicies"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [local.root]
    }
  }

  dynamic "statement" {
    for_each = each.value.services
    content {
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = [statement.key]
      }
      condition {
        test     = "ArnLike"
        variable = statement.value
        values   = [local.sources[statement.key]]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  for_each                = local.keys
  description             = "${var.name}: ${each.value.title}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_days
  policy                  = data.aws_iam_policy_document.key[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each      = local.keys
  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
