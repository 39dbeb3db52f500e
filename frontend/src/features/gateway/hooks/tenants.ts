const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const PREFIX = "tenants/";

/** "team-a" -> "tenants/team-a"; null when it cannot be the name of one. */
export function tenantName(text: string): string | null {
  const id = text.trim().replace(PREFIX, "");
  return TENANT.test(id) ? PREFIX + id : null;
}

export const TENANT_RULE = "Small letters, digits and hyphens, such as team-a";
