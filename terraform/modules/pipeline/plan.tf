# What a plan may do: see how everything stands, read this environment's state, and hold its lock. It reads no secret, no
# object, no log line and no image. Pull requests come in with it, and with them whoever may push a branch.

locals {
  state_bucket_arn = "arn:aws:s3:::${var.state.bucket}"
  state_arn        = "${local.state_bucket_arn}/aisle/${var.environment}/terraform.tfstate"
  buckets          = "arn:aws:s3:::${var.name}-*"
  roles            = "arn:aws:iam::${var.account_id}:role/${var.name}-*"
  issuers          = "arn:aws:iam::${var.account_id}:oidc-provider/oidc.eks.*"
  secrets          = "arn:aws:secretsmanager:*:${var.account_id}:secret:${var.name}/*"
}

# Of everything that the modules describe, and nothing of what is in it.
data "aws_iam_policy_document" "look" {
  # checkov:skip=CKV_AWS_356:Most of these know no resource to name; what could be read by them is how things are set.
  statement {
    sid = "HowThingsAreSet"
    actions = [
      "acm:Describe*", "acm:List*",
      "budgets:ListTagsForResource", "budgets:ViewBudget",
      "cloudfront:Describe*", "cloudfront:Get*", "cloudfront:List*",
      "cloudwatch:Describe*", "cloudwatch:GetDashboard", "cloudwatch:List*",
      "ec2:Describe*", "ec2:GetManagedPrefixListEntries", "ec2:GetSecurityGroupsForVpc",
      "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource",
      "eks:Describe*", "eks:List*",
      "elasticache:Describe*", "elasticache:ListTagsForResource",
      "elasticloadbalancing:Describe*",
      "iam:ListOpenIDConnectProviders",
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags",
      "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:ListTagsForResource",
      "rds:Describe*", "rds:ListTagsForResource",
      "route53:Get*", "route53:List*",
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:List*",
      "wafv2:Get*", "wafv2:List*",
      "xray:GetSamplingRules", "xray:ListTagsForResource",
    ]
    resources = ["*"]
  }
  statement {
    sid = "HowBucketsAreSet"
    actions = [
      "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration", "s3:ListBucket",
    ]
    resources = [local.buckets]
  }
  statement {
    sid = "WhatRolesMay"
    actions = [
      "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags",
    ]
    resources = [local.roles, "arn:aws:iam::${var.account_id}:policy/${var.name}-*", local.provider, local.issuers]
  }
  statement {
    sid       = "WhichSecretsThereAre"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"]
    resources = [local.secrets]
  }
}

# This environment's state, its lock, and the key of both.
data "aws_iam_policy_document" "state" {
  for_each = { plan = [], apply = ["s3:PutObject"] }
  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [local.state_bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["aisle/${var.environment}/*", "env:/*"]
    }
  }
  statement {
    sid       = "State"
    actions   = concat(["s3:GetObject"], each.value)
    resources = [local.state_arn]
  }
  statement {
    sid       = "Lock"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.state_arn}.tflock"]
  }
  statement {
    sid       = "KeyOfTheState"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.state.key_arn]
    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["s3.*.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "plan" {
  name                 = "${var.name}-plan"
  assume_role_policy   = data.aws_iam_policy_document.trust["plan"].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "plan" {
  for_each = {
    look  = data.aws_iam_policy_document.look.json
    state = data.aws_iam_policy_document.state["plan"].json
  }
  name   = each.key
  role   = aws_iam_role.plan.id
  policy = each.value
}
