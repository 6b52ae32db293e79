import { z } from 'zod';

/** A key of the HS256 signatures; the first of a list signs, all verify. */
export interface JwtSecret {
  readonly kid: string;
  /** At least 32 bytes. */
  readonly secret: string;
  /** From then on what it has signed is refused. */
  readonly notAfter?: Date | undefined;
}

/** Of the one secret that comes as `JWT_SECRET`. */
const DEFAULT_KID = 'default';

const secret = z.string().refine((value) => Buffer.byteLength(value) >= 32, 'must have at least 32 bytes');

const jwtSecret = z.strictObject({
  kid: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "_" or "-"'),
  secret,
  notAfter: z.iso
    .datetime({ offset: true, error: 'must be a time with a zone, as in 2027-01-01T00:00:00Z' })
    .transform((time) => new Date(time))
    .optional(),
});

/** `JWT_SECRET`: one secret. */
export const oneJwtSecret = secret.transform((value): readonly JwtSecret[] => [
  { kid: DEFAULT_KID, secret: value },
]);

/** `JWT_SECRETS`: a JSON list (RULES 10.2). */
export const jwtSecrets = z
  .string()
  .transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue('must be a JSON list of secrets');
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(jwtSecret, 'must be a JSON list of secrets')
      .min(1, 'must have at least one secret')
      .max(16, 'must have at most 16 secrets')
      .refine(
        (list) => new Set(list.map(({ kid }) => kid)).size === list.length,
        'has two secrets of one kid',
      ),
  )
  .transform((list): readonly JwtSecret[] => list);
