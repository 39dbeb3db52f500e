# The buckets. All are private, encrypted, versioned and reached by TLS only; who may what in them is said with the roles.

locals {
  # How long what was replaced or deleted can be had back, and whether what is current ends by itself.
  buckets = {
    media     = { old_days = 30, days = null, key = var.key_arn }
    frontend  = { old_days = 30, days = null, key = var.key_arn }
    knowledge = { old_days = 90, days = null, key = var.key_arn }
    batches   = { old_days = 1, days = 30, key = var.key_arn }
    vectors   = { old_days = 7, days = null, key = var.key_arn }
    # AWS delivers logs of load balancers only to buckets with S3's own key.
    logs = { old_days = 1, days = 90, key = null }
  }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144:Media and knowledge can be imported anew and vectors computed anew; a copy in another region is not worth its price.
  # checkov:skip=CKV_AWS_145:Only the bucket of logs has S3's own key, because load balancers can write to no other.
  # checkov:skip=CKV2_AWS_62:Nobody waits for events of these buckets.
  # checkov:skip=CKV_AWS_18:All but the bucket of logs itself log their accesses there, by the resource below.
  for_each      = local.buckets
  bucket        = "${var.name}-${each.key}-${var.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  # checkov:skip=CKV2_AWS_65:CloudFront delivers its logs by an access control list, so the bucket of logs has to know them; no other does.
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  rule {
    object_ownership = each.key == "logs" ? "BucketOwnerPreferred" : "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  rule {
    bucket_key_enabled = each.value.key != null
    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.key != null ? "aws:kms" : "AES256"
      kms_master_key_id = each.value.key
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = each.value.old_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = each.value.days == null ? [] : [each.value.days]
    content {
      id     = "end"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
      abort_incomplete_multipart_upload {
        days_after_initiation = 1
      }
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = { for bucket, how in local.buckets : bucket => how if bucket != "logs" }
  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this["logs"].arn, "${aws_s3_bucket.this["logs"].arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
  statement {
    sid       = "LogsOfBuckets"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this["logs"].arn}/s3/*"]
    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
  # The load balancer's service says for whom by the path and by nothing else.
  statement {
    sid       = "LogsOfTheEntrance"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this["logs"].arn}/entrance/AWSLogs/${var.account_id}/*"]
    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.this["logs"].id
  policy = data.aws_iam_policy_document.logs.json
}

# The bucket that CloudFront reads, the front end's, gets its policy beside the distribution.
data "aws_iam_policy_document" "tls_only" {
  for_each = toset(["media", "knowledge", "batches", "vectors"])
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "tls_only" {
  for_each = data.aws_iam_policy_document.tls_only
  bucket   = aws_s3_bucket.this[each.key].id
  policy   = each.value.json
}
