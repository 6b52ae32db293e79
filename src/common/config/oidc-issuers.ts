import { isIP } from 'node:net';
import { z } from 'zod';

/** What a user of an identity provider may become here. */
type MappedRole = 'operator' | 'admin' | 'user';

/** A company's identity provider, whose tokens are accepted. */
export interface OidcIssuer {
  /** Exactly as in the claim `iss` of its tokens. */
  readonly issuer: string;
  /** A token must be meant for one of these. */
  readonly audience: readonly string[];
  /** Slug of the tenant that the users of this issuer belong to. */
  readonly tenant: string;
  /** Where its keys are; without it the discovery document tells. */
  readonly jwksUri?: string | undefined;
  /** Name of the claim that has the roles; dots lead into objects. */
  readonly roleClaim?: string | undefined;
  /** Our role for a value of that claim. */
  readonly roles: Readonly<Record<string, MappedRole>>;
  /** Of users without a mapped role; null: they are refused. */
  readonly defaultRole: 'user' | null;
  /** Name of the claim that has the e-mail address. */
  readonly emailClaim: string;
}

const LIST = 'must be a JSON list of issuers';
const SECURE = 'must be an https:// URL (http:// on loopback only) without user, query and fragment';
const ROLE = 'must be "operator", "admin" or "user"';

/** Whether what is fetched from there comes from whom the URL names, or from this very machine. */
export function isTrustworthyUrl(value: string): boolean {
  const url = URL.parse(value);
  if (url?.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
  );
}

const text = z.string().min(1, 'must not be empty').max(255, 'must have at most 255 characters');

const issuerUrl = z
  .string()
  .max(512, 'must have at most 512 characters')
  .refine((value) => isTrustworthyUrl(value) && !/[?#]/.test(value), SECURE);

const audience = z.union(
  [
    text.transform((value): readonly string[] => [value]),
    z.array(text).min(1, 'must name at least one').max(16, 'must have at most 16'),
  ],
  'must be a text or a list of texts',
);

const oidcIssuer = z
  .strictObject({
    issuer: issuerUrl,
    audience,
    tenant: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the slug of a tenant'),
    // Some providers have a query in theirs.
    jwksUri: z
      .string()
      .refine(isTrustworthyUrl, 'must be an https:// URL (http:// on loopback only) without user')
      .optional(),
    roleClaim: text.optional(),
    roles: z.record(z.string(), z.enum(['operator', 'admin', 'user'], ROLE), 'must be an object').default({}),
    defaultRole: z.literal('user', 'must be "user" or null').nullable().default('user'),
    emailClaim: text.default('email'),
  })
  .superRefine(({ roleClaim, roles, defaultRole }, context) => {
    const mapped = Object.keys(roles).length > 0;
    const wrong = (name: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [name], message });
    };
    if (roleClaim !== undefined && !mapped) wrong('roles', 'must map values of roleClaim');
    if (roleClaim === undefined && mapped) wrong('roleClaim', 'is missing: roles has nothing to map');
    if (defaultRole === null && !mapped)
      wrong('defaultRole', 'is null and no roles are mapped: nobody could come in');
  });

/** `OIDC_ISSUERS`: a JSON list. */
export const oidcIssuers = z
  .string()
  .transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue(LIST);
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(oidcIssuer, LIST)
      .max(32, 'must have at most 32 issuers')
      .refine(
        (list) => new Set(list.map(({ issuer }) => issuer)).size === list.length,
        'names one issuer twice',
      ),
  )
  .transform((list): readonly OidcIssuer[] => list);
