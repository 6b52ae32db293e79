export type Claims = Readonly<Record<string, unknown>>;

/**
 * The claim of that name. Dots lead into objects (`realm_access.roles`), but a name may have dots itself, as those that are URLs do
 * (`https://example.com/roles`, `resource_access.my.client.roles`): the longest name that is there wins.
 */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const outer = name.slice(0, dot);
    if (!Object.hasOwn(claims, outer)) continue;
    const inner = claims[outer];
    return isClaims(inner) ? claimAt(inner, name.slice(dot + 1)) : undefined;
  }
  return undefined;
}

function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
