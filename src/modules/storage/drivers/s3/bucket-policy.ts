import { z } from 'zod';

/** One or several. */
const texts = z.union([z.string(), z.array(z.string())]);

/** As much of a bucket policy as says to whom it speaks (IAM, "JSON policy elements"). */
const policyForm = z.looseObject({
  Statement: z.union([z.array(z.looseObject({})), z.looseObject({}).transform((one) => [one])]),
});
const anonymousForm = z.looseObject({
  Effect: z.literal('Allow'),
  Principal: z.union([texts, z.looseObject({ AWS: texts }).transform(({ AWS }) => AWS)]),
});

/**
 * The policy without what it allows to everybody, also under a condition: conditions such as an address are no identity.
 * @param policy JSON
 * @returns undefined when there is no such thing in it; empty when nothing else is
 */
export function closeToPublic(policy: string): string | undefined {
  const parsed = policyForm.safeParse(parse(policy));
  if (!parsed.success) return undefined;
  const kept = parsed.data.Statement.filter((statement) => !speaksToAll(statement));
  if (kept.length === parsed.data.Statement.length) return undefined;
  return kept.length === 0 ? '' : JSON.stringify({ ...parsed.data, Statement: kept });
}

function speaksToAll(statement: unknown): boolean {
  const { success, data } = anonymousForm.safeParse(statement);
  return success && [data.Principal].flat().includes('*');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
