# Who may what in AWS: one role for each service account that needs anything at all, bound by EKS Pod Identity. The chart's
# service accounts carry no annotation and no key; a service that is not named here can do nothing. Milvus' query node does not
# know Pod Identity: its account names its role, and the cluster's issuer vouches for it.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
    # Only for this cluster's pods.
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.cluster_arn]
    }
  }
}

data "aws_iam_policy_document" "vouched_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.issuer.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.issuer.name}:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.issuer.name}:sub"
      values   = ["system:serviceaccount:${var.namespace}:milvus"]
    }
  }
}

data "aws_iam_policy_document" "llm" {
  dynamic "statement" {
    for_each = length(var.bedrock_model_arns) > 0 ? [1] : []
    content {
      sid       = "AskNamedModels"
      actions   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
      resources = var.bedrock_model_arns
    }
  }
  dynamic "statement" {
    for_each = length(var.bedrock_model_arns) > 0 ? [1] : []
    content {
      sid       = "BatchesOfNamedModels"
      actions   = ["bedrock:CreateModelInvocationJob", "bedrock:GetModelInvocationJob", "bedrock:StopModelInvocationJob"]
      resources = concat(tolist(var.bedrock_model_arns), ["arn:aws:bedrock:*:*:model-invocation-job/*"])
    }
  }
  statement {
    sid       = "FolderOfBatches"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.bucket_arns["batches"]}/*"]
  }
  statement {
    sid       = "ListBatches"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arns["batches"]]
  }
  statement {
    sid       = "HandBatchesToBedrock"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.batches.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["bedrock.amazonaws.com"]
    }
  }
  statement {
    sid       = "Encrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["data"]]
  }
}

# Bedrock itself reads and writes batches under this role.
data "aws_iam_policy_document" "batches_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["bedrock.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [split(":", var.cluster_arn)[4]]
    }
  }
}

data "aws_iam_policy_document" "batches" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.bucket_arns["batches"]}/*"]
  }
  statement {
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arns["batches"]]
  }
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["data"]]
  }
  dynamic "statement" {
    for_each = length(var.bedrock_model_arns) > 0 ? [1] : []
    content {
      actions   = ["bedrock:InvokeModel"]
      resources = var.bedrock_model_arns
    }
  }
}

resource "aws_iam_role" "batches" {
  name                 = "${var.name}-bedrock-batches"
  assume_role_policy   = data.aws_iam_policy_document.batches_trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "batches" {
  name   = "batches"
  role   = aws_iam_role.batches.id
  policy = data.aws_iam_policy_document.batches.json
}

data "aws_iam_policy_document" "product" {
  statement {
    sid       = "Pictures"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.bucket_arns["media"]}/*"]
  }
  statement {
    sid       = "Encrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["data"]]
  }
}

data "aws_iam_policy_document" "importer" {
  statement {
    sid       = "ReadKnowledge"
    actions   = ["s3:GetObject"]
    resources = ["${var.bucket_arns["knowledge"]}/*"]
  }
  statement {
    sid       = "ListKnowledge"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arns["knowledge"]]
  }
  statement {
    sid       = "Encrypted"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arns["data"]]
  }
}

data "aws_iam_policy_document" "milvus" {
  statement {
    sid       = "Vectors"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.bucket_arns["vectors"]}/*"]
  }
  statement {
    sid       = "ListVectors"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [var.bucket_arns["vectors"]]
  }
  statement {
    sid       = "Encrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["data"]]
  }
}

# Brings secrets into the cluster, and only the platform's. The job that makes roles and schemas is given the master
# password so, for as long as it runs, and asks AWS for nothing itself.
data "aws_iam_policy_document" "secrets" {
  statement {
    sid       = "SecretsOfThePlatform"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = concat(values(var.secret_arns), [var.master_secret_arn])
  }
  statement {
    sid     = "Encrypted"
    actions = ["kms:Decrypt"]
    # RDS keeps its master password under the key of the database.
    resources = [var.key_arns["secrets"], var.key_arns["data"]]
    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["secretsmanager.*.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "collector" {
  # checkov:skip=CKV_AWS_111:X-Ray and CloudWatch metrics know no resources to name; a namespace is named where one can be.
  # checkov:skip=CKV_AWS_356:X-Ray and CloudWatch metrics know no resources to name; a namespace is named where one can be.
  statement {
    sid       = "Traces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
    resources = ["*"]
  }
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [var.metric_namespace]
    }
  }
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = [for arn in var.log_group_arns : "${arn}:*"]
  }
}

locals {
  policies = {
    llm              = data.aws_iam_policy_document.llm.json
    product          = data.aws_iam_policy_document.product.json
    importer         = data.aws_iam_policy_document.importer.json
    external-secrets = data.aws_iam_policy_document.secrets.json
    collector        = data.aws_iam_policy_document.collector.json
  }
}

resource "aws_iam_role" "this" {
  for_each             = local.policies
  name                 = "${var.name}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role" "milvus" {
  name                 = "${var.name}-milvus"
  assume_role_policy   = data.aws_iam_policy_document.vouched_trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "milvus" {
  name   = "milvus"
  role   = aws_iam_role.milvus.id
  policy = data.aws_iam_policy_document.milvus.json
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.this[each.key].id
  policy   = each.value
}

resource "aws_eks_pod_identity_association" "this" {
  for_each        = local.policies
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = each.key
  role_arn        = aws_iam_role.this[each.key].arn
}

moved {
  from = aws_iam_role.this["milvus"]
  to   = aws_iam_role.milvus
}

moved {
  from = aws_iam_role_policy.this["milvus"]
  to   = aws_iam_role_policy.milvus
}
