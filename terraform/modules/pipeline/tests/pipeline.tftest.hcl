mock_provider "aws" {
  source = "../../testing"
}

variables {
  name                = "aisle-test"
  repository          = "owner/aisle"
  environment         = "staging"
  repository_arns     = ["arn:aws:ecr:eu-central-1:111122223333:repository/r"]
  frontend_bucket_arn = "arn:aws:s3:::frontend"
  distribution_arn    = "arn:aws:cloudfront::111122223333:distribution/D"
  cluster_arn         = "arn:aws:eks:eu-central-1:111122223333:cluster/aisle-test"
  data_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/k"
  account_id          = "111122223333"
  zone_id             = "Z"
  state               = { bucket = "aisle-terraform-111122223333", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/state" }
}

run "release" {
  assert {
    condition     = toset([for c in data.aws_iam_policy_document.trust["release"].statement[0].condition : "${c.test} ${join(" ", c.values)}"]) == toset(["StringEquals sts.amazonaws.com", "StringEquals repo:owner/aisle:environment:staging"])
    error_message = "Only jobs of this repository and this environment come in, by exact name."
  }
  assert {
    condition = alltrue([for who, trust in data.aws_iam_policy_document.trust : {
      for c in trust.statement[0].condition : c.variable => c.values
      } == {
      "token.actions.githubusercontent.com:aud" = tolist(["sts.amazonaws.com"])
      "token.actions.githubusercontent.com:sub" = tolist(local.subjects[who])
    } && length(trust.statement) == 1])
    error_message = "Only tokens that are meant for AWS are taken, and only from jobs that are named whole."
  }
  assert {
    condition     = alltrue([for s in data.aws_iam_policy_document.release.statement : !contains(s.resources, "*") || s.actions == toset(["ecr:GetAuthorizationToken"])])
    error_message = "A release may do what it is for, where it is for."
  }
  assert {
    condition     = alltrue([for s in data.aws_iam_policy_document.release.statement : alltrue([for a in s.actions : !startswith(a, "iam:")])])
    error_message = "A release gives nobody rights."
  }
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.release.statement : alltrue([
      for a in ["ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"] : contains(s.actions, a)
    ]) if s.sid == "PushImages"])
    error_message = "A release fetches again what it pushed, to say what is in it."
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1
    error_message = "GitHub is known."
  }
}

run "plan" {
  assert {
    condition     = local.subjects.plan == ["repo:owner/aisle:pull_request", "repo:owner/aisle:ref:refs/heads/main"]
    error_message = "Pull requests and main of this repository plan."
  }
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.look.statement : alltrue([
      for a in s.actions : can(regex("^[a-z0-9]+:(Describe|Get|List|View)", a))
    ])])
    error_message = "A plan looks."
  }
  assert {
    condition = !anytrue(flatten([for s in data.aws_iam_policy_document.look.statement : [
      for a in s.actions : contains(["*", "s3:Get*", "s3:GetObject", "logs:Get*", "logs:GetLogEvents", "secretsmanager:Get*", "secretsmanager:GetSecretValue", "ecr:Get*", "ecr:BatchGetImage", "iam:Get*", "kms:Get*", "ssm:GetParameter"], a)
    ]]))
    error_message = "A plan reads no secret, no object, no log line and no image."
  }
  assert {
    condition = { for s in data.aws_iam_policy_document.state["plan"].statement : s.sid => sort(tolist(s.actions)) if length(regexall("State$|Lock$", s.sid)) > 0 } == {
      FindState     = tolist(["s3:ListBucket"])
      KeyOfTheState = tolist(["kms:Decrypt", "kms:GenerateDataKey"])
      Lock          = tolist(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"])
      State         = tolist(["s3:GetObject"])
    }
    error_message = "A plan reads the state, and writes its lock only."
  }
  assert {
    condition     = alltrue([for s in data.aws_iam_policy_document.state["plan"].statement : tolist(s.resources)[0] == "arn:aws:s3:::aisle-terraform-111122223333/aisle/staging/terraform.tfstate.tflock" if s.sid == "Lock"])
    error_message = "It is this environment's lock."
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy.plan)) == toset(["look", "state"])
    error_message = "That is all a plan may."
  }
}

run "apply" {
  assert {
    condition     = local.subjects.apply == ["repo:owner/aisle:environment:staging"]
    error_message = "Only jobs that the environment's rules let through apply."
  }
  assert {
    condition = alltrue(flatten([for s in data.aws_iam_policy_document.rights.statement : [
      for r in s.resources : startswith(r, "arn:aws:iam::111122223333:role/aisle-test-") || s.sid == "RolesThatServicesBring" || r == "arn:aws:iam::111122223333:oidc-provider/oidc.eks.*"
    ] if s.effect != "Deny"]))
    error_message = "Rights are given to roles of this environment, and GitHub's provider is not touched."
  }
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.rights.statement : alltrue([
      for a in ["iam:PutRole*", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:DeleteRole*"] : contains(s.actions, a)
      ]) && s.effect == "Deny" && toset(s.resources) == toset([
      "arn:aws:iam::111122223333:role/aisle-test-plan", "arn:aws:iam::111122223333:role/aisle-test-apply",
    ]) if s.sid == "NotItsOwn"])
    error_message = "An apply changes neither its own rights nor who is let in."
  }
  assert {
    condition     = !anytrue([for s in data.aws_iam_policy_document.rights.statement : contains(s.actions, "iam:AttachRolePolicy") && s.effect != "Deny" && length(s.condition) == 0])
    error_message = "Of AWS' policies it attaches those that the modules name."
  }
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.change.statement : alltrue([
      for a in s.actions : !startswith(a, "iam:") && !startswith(a, "sts:") && !startswith(a, "organizations:") && a != "*"
    ])])
    error_message = "What is changed are resources; rights are told apart."
  }
  assert {
    condition = [for s in data.aws_iam_policy_document.change.statement : sort(tolist(s.resources)) if contains(s.actions, "secretsmanager:GetSecretValue")] == [sort([
      "arn:aws:secretsmanager:*:111122223333:secret:aisle-test/redis-main-??????", "arn:aws:secretsmanager:*:111122223333:secret:aisle-test/redis-limits-??????",
    ])]
    error_message = "Of secrets it reads the passwords of Redis, which it gives to them."
  }
}

run "boundary" {
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.rights.statement : anytrue([
      for c in s.condition : c.test == "StringEquals" && c.variable == "iam:PermissionsBoundary" && c.values == tolist([aws_iam_policy.boundary.arn])
      ]) if s.effect != "Deny" && anytrue([
      for a in s.actions : contains(["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"], a)
    ])])
    error_message = "A role is made and gets rights only within the boundary."
  }
  assert {
    condition = !anytrue(flatten([for document in [data.aws_iam_policy_document.change, data.aws_iam_policy_document.rights] : [
      for s in document.statement : [for a in s.actions : can(regex("^(iam:DeleteRolePermissionsBoundary|iam:\\*|iam:(Put|Create|Attach|Add)\\*|\\*)$", a))] if s.effect != "Deny"
    ]]))
    error_message = "Nobody takes the boundary off a role."
  }
  assert {
    condition = alltrue(flatten([for s in data.aws_iam_policy_document.boundary.statement : [
      for a in s.actions : !can(regex("^(\\*|iam:\\*|sts:|organizations:|account:)", a)) && (!startswith(a, "iam:") || contains(["iam:AddRoleToInstanceProfile", "iam:CreateServiceLinkedRole", "iam:PassRole"], a))
    ]]))
    error_message = "Within the boundary nobody gives rights, and nobody takes on a role."
  }
  assert {
    condition     = [for s in data.aws_iam_policy_document.boundary.statement : s.resources if s.effect == "Deny" && contains(s.actions, "iam:PassRole")] == [toset(["arn:aws:iam::111122223333:role/aisle-test-plan", "arn:aws:iam::111122223333:role/aisle-test-apply"])]
    error_message = "The roles without a boundary are handed to nobody."
  }
  assert {
    condition     = aws_iam_role.release.permissions_boundary == aws_iam_policy.boundary.arn && aws_iam_role.apply.permissions_boundary == null
    error_message = "A release has the boundary; an apply makes roles, and an administrator made it."
  }
}

run "nobody_rewrites_a_policy" {
  assert {
    condition = toset(keys(aws_iam_role_policy_attachment.apply)) == toset(["look", "state", "change", "rights"]) && !anytrue(flatten([
      for document in [data.aws_iam_policy_document.change, data.aws_iam_policy_document.rights] : [
        for s in document.statement : [for a in s.actions : can(regex("^iam:.*(Policy|PolicyVersion)$", a)) && !can(regex("RolePolicy$|UpdateAssumeRolePolicy$", a))]
      ]
    ]))
    error_message = "What an apply may is in policies that it cannot change."
  }
}

run "objects_are_left_alone" {
  assert {
    condition = !anytrue(flatten([for s in data.aws_iam_policy_document.change.statement : [
      for a in s.actions : startswith(a, "s3:DeleteObject") || a == "s3:*"
    ]]))
    error_message = "Where buckets keep what is in them, an apply deletes none of it."
  }
}

run "buckets_that_go_are_emptied" {
  variables {
    empties_buckets = true
  }
  assert {
    condition = [for s in data.aws_iam_policy_document.change.statement : s.resources if contains(s.actions, "s3:DeleteObjectVersion")] == [toset(["arn:aws:s3:::aisle-test-*"])] && alltrue([
      for s in data.aws_iam_policy_document.change.statement : contains(s.actions, "s3:ListBucketVersions") if s.sid == "EmptyBuckets"
    ])
    error_message = "What is in this environment's buckets may be deleted, every version of it, and in no other's."
  }
  assert {
    condition     = anytrue([for s in data.aws_iam_policy_document.rights.statement : s.effect == "Deny" && contains(s.actions, "s3:DeleteObjectVersion") && contains(s.resources, "arn:aws:s3:::aisle-terraform-111122223333/*")])
    error_message = "The state stays."
  }
}

run "repository_with_numbers_in_its_subject" {
  variables {
    subject = "repo:owner@12/aisle@34"
  }
  assert {
    condition     = local.subjects.plan[0] == "repo:owner@12/aisle@34:pull_request" && local.subjects.release == ["repo:owner@12/aisle@34:environment:staging"]
    error_message = "GitHub's own subject is taken as it is."
  }
}

run "every_subject_is_no_subject" {
  command = plan
  variables {
    subject = "repo:owner/*"
  }
  expect_failures = [var.subject]
}

run "account_that_knows_github" {
  variables {
    provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account has one provider for GitHub."
  }
}

run "every_repository_is_no_repository" {
  command = plan
  variables {
    repository = "owner/*"
  }
  expect_failures = [var.repository]
}
