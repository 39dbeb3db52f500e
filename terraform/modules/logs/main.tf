# How lines of pods get to their log groups: Fluent Bit on every node, as AWS runs it. Of its add-on nothing else is used; the
# collector of the chart keeps metrics and traces. See docs/adr/0021.

locals {
  # What Fluent Bit takes for the end of a name of a group is the name of the process (fluent-bit.conf.tftpl).
  beginning = trimsuffix(var.service_groups["edge"], "edge")
  pipeline = templatefile("${path.module}/fluent-bit.conf.tftpl", {
    namespace = var.namespace
    processes = join("|", sort(keys(var.service_groups)))
    beginning = local.beginning
    milvus    = var.service_groups["milvus"]
    audit     = var.audit_group
    others    = var.others_group
  })
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.cluster_arn]
    }
  }
}

data "aws_iam_policy_document" "write" {
  statement {
    sid       = "LinesOfThePlatform"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for arn in var.group_arns : "${arn}:*"]
  }
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-logs"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "this" {
  name   = "logs"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.write.json
}

resource "aws_eks_addon" "this" {
  cluster_name                = var.cluster_name
  addon_name                  = "amazon-cloudwatch-observability"
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  # The agent cannot be left out: Fluent Bit mounts its certificates. It measures nothing here.
  configuration_values = jsonencode({
    containerInsights     = { enabled = false }
    otelContainerInsights = { enabled = false }
    # Otherwise it would put an agent of its own into every Python process.
    manager = { applicationSignals = { autoMonitor = { monitorAllServices = false, restartPods = false } } }
    agent   = { resources = { requests = { cpu = "20m", memory = "64Mi" }, limits = { cpu = "200m", memory = "256Mi" } } }
    containerLogs = {
      enabled = true
      fluentBit = {
        config = {
          extraFiles = {
            "application-log.conf" = local.pipeline
            # Values are merged with the add-on's own: a file that is to be away has to say nothing.
            "dataplane-log.conf" = "# Nothing of nodes is kept.\n"
            "host-log.conf"      = "# Nothing of nodes is kept.\n"
          }
        }
      }
    }
  })

  # The one account of the add-on, Fluent Bit's as well.
  pod_identity_association {
    role_arn        = aws_iam_role.this.arn
    service_account = "cloudwatch-agent"
  }

  lifecycle {
    precondition {
      condition     = alltrue([for process, group in var.service_groups : group == "${local.beginning}${process}"])
      error_message = "Log groups of processes have one beginning and end with the name of the process."
    }
  }
}
