mock_provider "aws" {
  source = "../../testing"
}

variables {
  boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  name         = "aisle-test"
  cluster_name = "aisle-test"
  cluster_arn  = "arn:aws:eks:eu-central-1:111122223333:cluster/aisle-test"
  issuer       = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc.example/id/1", name = "oidc.example/id/1" }
  bucket_arns = {
    batches = "arn:aws:s3:::batches", media = "arn:aws:s3:::media", knowledge = "arn:aws:s3:::knowledge", vectors = "arn:aws:s3:::vectors", frontend = "arn:aws:s3:::frontend"
  }
  key_arns = {
    data = "arn:aws:kms:eu-central-1:111122223333:key/data", secrets = "arn:aws:kms:eu-central-1:111122223333:key/secrets"
  }
  secret_arns = {
    "token-key" = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:token", "database/bff" = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:bff"
  }
  master_secret_arn  = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:master"
  bedrock_model_arns = ["arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0"]
  log_group_arns     = ["arn:aws:logs:eu-central-1:111122223333:log-group:g"]
  metric_namespace   = "Aisle"
}

run "least_rights" {
  assert {
    condition     = data.aws_iam_policy_document.llm.statement[0].resources == toset(var.bedrock_model_arns)
    error_message = "Only the named models may be asked."
  }
  assert {
    condition = alltrue([for document in [
      data.aws_iam_policy_document.llm, data.aws_iam_policy_document.batches, data.aws_iam_policy_document.product, data.aws_iam_policy_document.importer,
      data.aws_iam_policy_document.milvus, data.aws_iam_policy_document.secrets,
      ] : alltrue([for statement in document.statement : !contains(statement.resources, "*") && alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])])
    error_message = "No service may do everything, nor anything to everything."
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.product.statement : alltrue([for resource in statement.resources : strcontains(resource, ":::media/") || strcontains(resource, "key/data")])])
    error_message = "Product reaches its pictures and no other bucket."
  }
  assert {
    condition     = toset(flatten([for statement in data.aws_iam_policy_document.secrets.statement : tolist(statement.resources) if statement.sid == "SecretsOfThePlatform"])) == toset(concat(values(var.secret_arns), [var.master_secret_arn]))
    error_message = "Whoever fetches secrets finds the platform's and the master password, which the job that makes roles is given."
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.secrets.statement : contains(statement.resources, var.key_arns["data"]) && one(statement.condition).variable == "kms:ViaService" if statement.sid == "Encrypted"])
    error_message = "RDS keeps the master password under the database's key, which is used for secrets only."
  }
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.collector.statement : one(statement.condition).values[0] if statement.sid == "Metrics"]) == "Aisle"
    error_message = "The collector writes our namespace and no other."
  }
  assert {
    condition     = one(data.aws_iam_policy_document.trust.statement[0].principals).identifiers == toset(["pods.eks.amazonaws.com"]) && one(data.aws_iam_policy_document.trust.statement[0].condition).values[0] == var.cluster_arn
    error_message = "Roles are for pods of this cluster."
  }
  assert {
    condition = { for c in data.aws_iam_policy_document.vouched_trust.statement[0].condition : "${c.test} ${c.variable}" => c.values } == {
      "StringEquals oidc.example/id/1:aud" = tolist(["sts.amazonaws.com"])
      "StringEquals oidc.example/id/1:sub" = tolist(["system:serviceaccount:aisle:milvus"])
    }
    error_message = "Milvus' account takes on its role, and no other account does."
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.milvus.statement : alltrue([for resource in statement.resources : strcontains(resource, ":::vectors") || strcontains(resource, "key/data")])])
    error_message = "Milvus reaches its vectors and no other bucket."
  }
  assert {
    condition     = toset(keys(aws_eks_pod_identity_association.this)) == toset(["collector", "external-secrets", "importer", "llm", "product"])
    error_message = "Whoever needs nothing in AWS has no role."
  }
  assert {
    condition     = alltrue([for association in aws_eks_pod_identity_association.this : association.namespace == "aisle"])
    error_message = "Roles are for the release's namespace."
  }
}

run "without_bedrock" {
  variables {
    bedrock_model_arns = []
  }
  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.llm.statement : anytrue([for action in statement.actions : startswith(action, "bedrock:")])])
    error_message = "Without models there is no right to ask any."
  }
}

run "a_wildcard_is_no_model" {
  command = plan
  variables {
    bedrock_model_arns = ["arn:aws:bedrock:*::foundation-model/*"]
  }
  expect_failures = [var.bedrock_model_arns]
}
