# Who may do what from GitHub, without a stored key: a release (here), a plan (plan.tf) and an apply (apply.tf). A release
# pushes images, puts the front end in its bucket, and asks the cluster in; what it may change there is its access entry's.

locals {
  issuer  = "token.actions.githubusercontent.com"
  subject = var.subject != "" ? var.subject : "repo:${var.repository}"
  # Who is let in, by what GitHub says of the job in `sub`. A job that names an environment of GitHub says only that: its
  # rules (reviewers, the branch main) decide who gets so far. A job without one says what has set it off.
  subjects = {
    plan    = ["${local.subject}:pull_request", "${local.subject}:ref:refs/heads/main"]
    apply   = ["${local.subject}:environment:${var.environment}"]
    release = ["${local.subject}:environment:${var.environment}"]
  }
  provider = var.provider_arn != "" ? var.provider_arn : one(values(aws_iam_openid_connect_provider.github)[*].arn)
}

resource "aws_iam_openid_connect_provider" "github" {
  for_each       = var.provider_arn == "" ? toset(["github"]) : toset([])
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}

data "aws_iam_policy_document" "release" {
  # checkov:skip=CKV_AWS_356:ecr:GetAuthorizationToken knows no resource; every other statement names what it is for.
  statement {
    sid       = "SignInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    # What was pushed is fetched again: the bill of materials is of what is in the image.
    sid = "PushImages"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = var.repository_arns
  }
  statement {
    sid       = "PutFrontEnd"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.frontend_bucket_arn}/*"]
  }
  statement {
    sid       = "ListFrontEnd"
    actions   = ["s3:ListBucket"]
    resources = [var.frontend_bucket_arn]
  }
  statement {
    sid       = "EncryptFrontEnd"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]
  }
  statement {
    sid       = "ClearCache"
    actions   = ["cloudfront:CreateInvalidation"]
    resources = [var.distribution_arn]
  }
  statement {
    sid       = "FindCluster"
    actions   = ["eks:DescribeCluster"]
    resources = [var.cluster_arn]
  }
}

resource "aws_iam_role" "release" {
  name                 = "${var.name}-release"
  assume_role_policy   = data.aws_iam_policy_document.trust["release"].json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "release" {
  name   = "release"
  role   = aws_iam_role.release.id
  policy = data.aws_iam_policy_document.release.json
}
