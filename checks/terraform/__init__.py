"""Verifies `terraform/` without an account, a registry or the AWS provider's binary.

Terraform needs a provider's schema to validate and to test. The bindings that are published for another tool carry it,
so `schema.py` reads it from there and `provider.py` serves it; `__main__.py` runs Terraform and checkov with it.
"""
