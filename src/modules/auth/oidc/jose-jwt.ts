import {
  createLocalJWKSet,
  type CryptoKey,
  errors,
  type JSONWebKeySet,
  type JWTHeaderParameters,
  jwtVerify,
} from 'jose';

/** Asymmetric ones only: with HS256 a public key would be a secret that everybody knows (RFC 8725 §3.1). */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512'],
  ...['PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384'],
  ...['EdDSA', 'Ed25519'],
];

/** Logout tokens, DPoP proofs and others that the same key signs name another type (RFC 8725 §3.11, RFC 9068 §2.1). */
const TYPES = new Set([undefined, 'jwt', 'at+jwt', 'application/at+jwt']);

/** Seconds by which the clocks of a provider and of ours may differ. */
const CLOCK_TOLERANCE = 30;

export type PublicKey = CryptoKey;
export type TokenHeader = JWTHeaderParameters;

/** The public keys of an issuer. */
export interface KeySet {
  /** @returns undefined when no key is meant for a token with that header */
  find(header: TokenHeader): Promise<PublicKey | undefined>;
}

/** What a token says whose signature, issuer, audience and time hold. */
export interface VerifiedJwt {
  readonly subject: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** @param document a JWK Set (RFC 7517 §5), as it was fetched @throws when it is none */
export function readKeySet(document: unknown): KeySet {
  const keyOf = createLocalJWKSet(document as JSONWebKeySet);
  return {
    find: async (header) => {
      try {
        return await keyOf(header);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return undefined;
        throw error;
      }
    },
  };
}

/**
 * @param keyOf asked only for the algorithms that we take; what it throws is thrown on
 * @throws Error when anything about the token does not hold; its message has nothing of the token
 */
export async function verifyJwt(
  token: string,
  { issuer, audience }: { readonly issuer: string; readonly audience: readonly string[] },
  keyOf: (header: TokenHeader) => Promise<PublicKey>,
): Promise<VerifiedJwt> {
  const { payload, protectedHeader } = await jwtVerify(token, (header) => keyOf(header), {
    algorithms: ALGORITHMS,
    issuer,
    audience: [...audience],
    clockTolerance: CLOCK_TOLERANCE,
    requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat'],
  });
  const { sub, iat, exp } = payload;
  if (!TYPES.has(protectedHeader.typ?.toLowerCase())) throw new Error('not an access token by its type');
  if (sub === undefined || iat === undefined || exp === undefined) throw new Error('a claim is missing');
  if (iat < 0 || iat > Date.now() / 1_000 + CLOCK_TOLERANCE) throw new Error('not issued in the past');
  // Bound to a key of its holder (RFC 9449 §7.2, RFC 8705 §3): as a bearer token it would be worth more than its issuer meant.
  if (payload.cnf !== undefined) throw new Error('bound to a key, and sent as a bearer token');
  return { subject: sub, issuedAt: iat, expiresAt: exp, claims: payload };
}
