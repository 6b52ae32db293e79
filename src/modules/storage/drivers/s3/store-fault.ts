import type { S3Volume } from '../../../../common/config/config.js';
import { StoreAway, StoreError } from './store-problems.js';

/** The members of a volume's configuration that can be wrong, and the variables of the volume that S3_ENDPOINT adds. */
const VARIABLES = {
  endpoint: 'S3_ENDPOINT',
  region: 'S3_REGION',
  bucket: 'S3_BUCKET',
  accessKey: 'S3_ACCESS_KEY',
  secretKey: 'S3_SECRET_KEY',
  caFile: 'S3_CA_FILE',
} as const;
type Setting = keyof typeof VARIABLES;

/** What was tried, and the right that it needs: an identity policy of S3 has it by this name. */
export interface Attempt {
  readonly to: string;
  readonly right: string;
}

/** Something is wrong between us and a store: says what, and where to look. Never a secret. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault';
}

/** What answers at the endpoint does not speak S3. */
export class NotAStore extends Error {
  override readonly name = 'NotAStore';
}

export function storeFault(cause: unknown, volume: S3Volume, attempt: Attempt): StoreFault {
  const { text, look } = explain(cause, volume, attempt);
  const where = look.map((setting) => nameOf(setting, volume)).join(', ');
  return new StoreFault(where === '' ? text : `${text}; see ${where}`, { cause });
}

interface Explanation {
  readonly text: string;
  readonly look: readonly Setting[];
}

function explain(cause: unknown, volume: S3Volume, attempt: Attempt): Explanation {
  if (cause instanceof StoreError) return explainRefusal(cause, volume, attempt);
  if (cause instanceof NotAStore) return notAStore(volume);
  if (cause instanceof StoreAway) return explainSilence(cause, volume);
  return { text: `cannot ${attempt.to}: ${cause instanceof Error ? cause.name : 'unknown'}`, look: [] };
}

/** What the store says (S3 API, "Error responses"). */
function explainRefusal({ code }: StoreError, volume: S3Volume, { to, right }: Attempt): Explanation {
  switch (code) {
    case 'InvalidAccessKeyId':
      return { text: `the store does not know the access key (${code})`, look: ['accessKey'] };
    case 'SignatureDoesNotMatch':
      return { text: `the secret key is not that of the access key (${code})`, look: ['secretKey'] };
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return {
        text: `the clocks of this machine and of the store differ too much (${code}): here it is ${new Date().toISOString()}`,
        look: [],
      };
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'MovedPermanently':
    case 'InvalidRegion':
    case 'InvalidLocationConstraint':
    case 'IllegalLocationConstraintException':
      return { text: `the region is not that of the store or the bucket (${code})`, look: ['region'] };
    case 'BucketAlreadyExists':
      return { text: `the bucket ${volume.bucket} is somebody else's (${code})`, look: ['bucket'] };
    case 'NoSuchBucket':
      return { text: `there is no bucket ${volume.bucket} (${code})`, look: ['bucket'] };
    case 'AccessDenied':
    case 'AllAccessDisabled':
      return {
        text: `the access key may not ${to}: it lacks the right ${right} (${code})`,
        look: ['accessKey'],
      };
    // Without a code of its own: minio's client makes these two of a bare 404 and 405.
    case '':
    case 'NotFound':
    case 'MethodNotAllowed':
      return notAStore(volume);
    default:
      return { text: `the store refuses to ${to} (${code})`, look: [] };
  }
}

function notAStore({ endpoint }: S3Volume): Explanation {
  return { text: `what answers at ${endpoint} is not an S3 store`, look: ['endpoint'] };
}

/** OpenSSL's verdicts on a chain that does not end in a certificate we trust. */
const UNTRUSTED =
  /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_CHAIN|CERT_SIGNATURE/;

function explainSilence(cause: StoreAway, { endpoint }: S3Volume): Explanation {
  const code = socketCode(cause);
  if (code === undefined) return { text: `${endpoint} does not serve: ${cause.message}`, look: ['endpoint'] };
  if (UNTRUSTED.test(code))
    return { text: `the certificate of ${endpoint} is not trusted (${code})`, look: ['caFile'] };
  if (/^CERT_|ALTNAME/.test(code))
    return { text: `the certificate of ${endpoint} does not hold (${code})`, look: ['endpoint'] };
  if (/^(HPE_|ERR_SSL|EPROTO)/.test(code))
    return {
      text: `${endpoint} does not speak ${endpoint.split(':')[0] ?? ''} (${code})`,
      look: ['endpoint'],
    };
  return { text: `${endpoint} cannot be reached (${code})`, look: ['endpoint'] };
}

/** Of the innermost error that has one. */
function socketCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return socketCode(error.cause) ?? own;
}

function nameOf(setting: Setting, { ownVariables }: S3Volume): string {
  return ownVariables === true ? VARIABLES[setting] : `"${setting}" of the volume in VOLUMES`;
}
