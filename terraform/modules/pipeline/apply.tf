# What an apply may do: what a plan may, and change what the modules make. Roles of this environment only, within their boundary
# (boundary.tf), never its own or the plan's, whose rights and whose trust an administrator changes; nothing of the account's,
# and no object but the state, unless buckets go with what is in them.

locals {
  # What an apply is not to change: who is let in to plan and to apply, and what with.
  own_roles = [for what in ["plan", "apply"] : "arn:aws:iam::${var.account_id}:role/${var.name}-${what}"]
  # The policies of AWS that the modules attach.
  managed = [
    for policy in [
      "AmazonEC2ContainerRegistryPullOnly", "AmazonEKSBlockStoragePolicy", "AmazonEKSClusterPolicy", "AmazonEKSComputePolicy",
      "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy", "AmazonEKSWorkerNodeMinimalPolicy",
      "service-role/AmazonRDSEnhancedMonitoringRole",
    ] : "arn:aws:iam::aws:policy/${policy}"
  ]
}

data "aws_iam_policy_document" "change" {
  # checkov:skip=CKV_AWS_109:Networks and load balancers have no name before they are made; rights of roles are in the document "rights".
  # checkov:skip=CKV_AWS_111:Networks, certificates and distributions have no name before they are made; what has one is named below.
  # checkov:skip=CKV_AWS_356:Networks, certificates and distributions have no name before they are made; what has one is named below.
  statement {
    sid = "WhatHasNoNameYet"
    actions = [
      "acm:AddTagsToCertificate", "acm:DeleteCertificate", "acm:RequestCertificate",
      "cloudfront:Create*", "cloudfront:Delete*", "cloudfront:PublishFunction", "cloudfront:TagResource", "cloudfront:Update*",
      "ec2:AllocateAddress", "ec2:Associate*", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroup*", "ec2:CreateFlowLogs",
      "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRoute*", "ec2:CreateSecurityGroup", "ec2:CreateSubnet",
      "ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway",
      "ec2:DeleteNatGateway", "ec2:DeleteRoute*", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags",
      "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:Disassociate*", "ec2:ModifySecurityGroupRules",
      "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress", "ec2:ReplaceRoute*",
      "ec2:RevokeSecurityGroup*", "ec2:UpdateSecurityGroupRuleDescriptions*",
      "elasticloadbalancing:AddTags", "elasticloadbalancing:Create*", "elasticloadbalancing:Delete*",
      "elasticloadbalancing:Modify*", "elasticloadbalancing:RemoveTags", "elasticloadbalancing:Set*",
      "kms:CreateKey", "logs:*LogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy",
      "wafv2:AssociateWebACL", "wafv2:Create*", "wafv2:Delete*", "wafv2:DisassociateWebACL", "wafv2:PutLoggingConfiguration",
      "wafv2:TagResource", "wafv2:UntagResource", "wafv2:Update*",
      "xray:CreateSamplingRule", "xray:DeleteSamplingRule", "xray:TagResource", "xray:UpdateSamplingRule",
    ]
    resources = ["*"]
  }
  statement {
    sid       = "Records"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${var.zone_id}"]
  }
  statement {
    sid = "WhatHasAName"
    actions = [
      "budgets:ModifyBudget", "budgets:TagResource",
      "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm",
      "cloudwatch:TagResource",
      "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository", "ecr:PutImage*Configuration",
      "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource",
      "eks:*", "elasticache:*", "rds:*",
      "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource",
      "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
      "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:TagResource", "secretsmanager:UpdateSecret",
      "sns:CreateTopic", "sns:DeleteTopic", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe",
      "sns:TagResource", "sns:Unsubscribe",
    ]
    resources = [
      "arn:aws:budgets::${var.account_id}:budget/${var.name}*",
      "arn:aws:cloudwatch:*:${var.account_id}:alarm:${var.name}*",
      "arn:aws:cloudwatch::${var.account_id}:dashboard/${var.name}*",
      "arn:aws:ecr:*:${var.account_id}:repository/${var.name}/*",
      "arn:aws:eks:*:${var.account_id}:*/${var.name}",
      "arn:aws:eks:*:${var.account_id}:*/${var.name}/*",
      "arn:aws:elasticache:*:${var.account_id}:*:${var.name}*",
      "arn:aws:logs:*:${var.account_id}:log-group:*${var.name}*",
      "arn:aws:rds:*:${var.account_id}:*:${var.name}*",
      local.buckets,
      local.secrets,
      # Made by RDS for its first user, under a name of its own.
      "arn:aws:secretsmanager:*:${var.account_id}:secret:rds!*",
      "arn:aws:sns:*:${var.account_id}:${var.name}*",
    ]
  }
  # Buckets that go with what is in them are emptied first: every version is deleted, and none is read.
  dynamic "statement" {
    for_each = var.empties_buckets ? [1] : []
    content {
      sid       = "EmptyBuckets"
      actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"]
      resources = [local.buckets]
    }
  }
  # Keys are changed, and lent to the services that encrypt with them; nobody decrypts with them by hand.
  statement {
    sid = "Keys"
    actions = [
      "kms:CreateAlias", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion",
      "kms:TagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
    ]
    resources = ["arn:aws:kms:*:${var.account_id}:key/*", "arn:aws:kms:*:${var.account_id}:alias/${var.name}-*"]
  }
  statement {
    sid       = "KeysByTheirServices"
    actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:aws:kms:*:${var.account_id}:key/*"]
    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["ecr.*.amazonaws.com", "eks.*.amazonaws.com", "elasticache.*.amazonaws.com", "rds.*.amazonaws.com", "secretsmanager.*.amazonaws.com"]
    }
  }
  # The passwords that Terraform gives to Redis, and no other.
  statement {
    sid       = "PasswordsOfRedis"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for which in ["main", "limits"] : "arn:aws:secretsmanager:*:${var.account_id}:secret:${var.name}/redis-${which}-??????"]
  }
}

data "aws_iam_policy_document" "rights" {
  statement {
    sid = "Roles"
    actions = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
    ]
    resources = [local.roles]
  }
  # A role gets rights only while it carries the boundary, which nobody here can take off it or rewrite.
  statement {
    sid       = "RightsWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = [local.roles]
    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn]
    }
  }
  statement {
    sid       = "PoliciesOfAWS"
    actions   = ["iam:AttachRolePolicy"]
    resources = [local.roles]
    condition {
      test     = "ArnEquals"
      variable = "iam:PolicyARN"
      values   = local.managed
    }
    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn]
    }
  }
  # The cluster's own, which comes and goes with it: what it vouches for are roles within the boundary.
  statement {
    sid = "IssuerOfTheCluster"
    actions = [
      "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider",
    ]
    resources = [local.issuers]
  }
  statement {
    sid       = "RolesForServices"
    actions   = ["iam:PassRole"]
    resources = [local.roles]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com", "eks.amazonaws.com", "monitoring.rds.amazonaws.com", "pods.eks.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
    }
  }
  statement {
    sid       = "RolesThatServicesBring"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:aws:iam::${var.account_id}:role/aws-service-role/*"]
    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["eks.amazonaws.com", "elasticache.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com", "wafv2.amazonaws.com"]
    }
  }
  # Who is let in, and what with, is not decided by whoever came in.
  statement {
    sid    = "NotItsOwn"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy", "iam:DeleteRole*", "iam:DetachRolePolicy", "iam:PassRole", "iam:PutRole*",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole*",
    ]
    resources = local.own_roles
  }
  statement {
    sid       = "StateStays"
    effect    = "Deny"
    actions   = ["s3:DeleteBucket*", "s3:DeleteObjectVersion", "s3:PutBucket*", "s3:PutLifecycleConfiguration"]
    resources = [local.state_bucket_arn, "${local.state_bucket_arn}/*"]
  }
  statement {
    sid       = "KeyOfTheStateStays"
    effect    = "Deny"
    actions   = ["kms:CreateGrant", "kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"]
    resources = [var.state.key_arn]
  }
}

resource "aws_iam_role" "apply" {
  name                 = "${var.name}-apply"
  assume_role_policy   = data.aws_iam_policy_document.trust["apply"].json
  max_session_duration = 7200 # EKS, RDS and CloudFront take their time
}

# Too long together to stand within the role; and as policies of their own they are what no apply may rewrite.
resource "aws_iam_policy" "apply" {
  for_each = {
    look   = data.aws_iam_policy_document.look.json
    state  = data.aws_iam_policy_document.state["apply"].json
    change = data.aws_iam_policy_document.change.json
    rights = data.aws_iam_policy_document.rights.json
  }
  name   = "${var.name}-apply-${each.key}"
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "apply" {
  for_each   = aws_iam_policy.apply
  role       = aws_iam_role.apply.name
  policy_arn = each.value.arn
}
