# What roles of this environment can do at the most, whatever a policy of theirs says: an apply makes them, and may give them
# no more than this. Only the plan's and the apply's own roles are without it, and those an administrator changes.

data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_107:A boundary gives no rights: each role's own policy says which of these it has.
  # checkov:skip=CKV_AWS_108:A boundary gives no rights: each role's own policy says which of these it has.
  # checkov:skip=CKV_AWS_109:A boundary gives no rights: each role's own policy says which of these it has.
  # checkov:skip=CKV_AWS_111:A boundary gives no rights: each role's own policy says which of these it has.
  # checkov:skip=CKV_AWS_356:A boundary gives no rights: each role's own policy says which of these it has.
  statement {
    sid = "ServicesOfThePlatform"
    actions = [
      # The cluster and its nodes.
      "acm:DescribeCertificate", "acm:ListCertificates", "autoscaling:DescribeAutoScalingGroups", "autoscaling:UpdateAutoScalingGroup",
      "ec2:*", "ecr:*", "eks-auth:AssumeRoleForPodIdentity", "eks:DescribeCluster", "elasticloadbalancing:*",
      "shield:CreateProtection", "shield:DeleteProtection", "shield:TagResource",
      "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACL", "wafv2:GetWebACLForResource",
      # Pods, and a release.
      "bedrock:CreateModelInvocationJob", "bedrock:GetModelInvocationJob", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream",
      "bedrock:StopModelInvocationJob", "cloudfront:CreateInvalidation", "cloudwatch:PutMetricData",
      "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey",
      "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLog*", "logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy",
      "xray:GetSampling*", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
  statement {
    sid       = "BucketsOfTheEnvironment"
    actions   = ["s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    resources = [local.buckets]
  }
  statement {
    sid       = "SecretsOfTheEnvironment"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [local.secrets, "arn:aws:secretsmanager:*:${var.account_id}:secret:rds!*"]
  }
  statement {
    sid       = "ProfilesOfNodes"
    actions   = ["iam:AddRoleToInstanceProfile"]
    resources = ["arn:aws:iam::${var.account_id}:instance-profile/eks*"]
  }
  statement {
    sid       = "RolesHandedOn"
    actions   = ["iam:PassRole"]
    resources = [local.roles]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["bedrock.amazonaws.com", "ec2.amazonaws.com"]
    }
  }
  statement {
    sid       = "RolesThatServicesBring"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:aws:iam::${var.account_id}:role/aws-service-role/*"]
    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["elasticloadbalancing.amazonaws.com", "spot.amazonaws.com"]
    }
  }
  # Those two have no boundary: nobody gets at their rights by handing them on.
  statement {
    sid       = "NobodyTakesOnAnApply"
    effect    = "Deny"
    actions   = ["iam:PassRole"]
    resources = local.own_roles
  }
}

resource "aws_iam_policy" "boundary" {
  name   = "${var.name}-boundary"
  policy = data.aws_iam_policy_document.boundary.json
}
