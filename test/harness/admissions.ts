import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Redis } from 'ioredis';
import type { DownloadConfig } from '../../src/common/config/config.js';
import { RedisIdentity } from '../../src/common/redis/index.js';
import type {
  AdmissionRequest,
  ClientNames,
  EndedTransfer,
} from '../../src/modules/downloads/admission/admission.js';
import { RedisAdmission } from '../../src/modules/downloads/admission/redis-admission.js';

export const LIMITS: DownloadConfig = {
  maxConcurrent: 5,
  maxConnections: 16,
  transferRate: 0,
  userRate: 0,
  idleWindow: 1_800,
  minRate: 8_192,
};

/** An admission as one replica has it. */
export function admissionOn(redis: Redis): RedisAdmission {
  return new RedisAdmission(redis, new RedisIdentity(redis), LIMITS);
}

export const SIZE = 1_000;

export function someName(): string {
  return randomBytes(16).toString('base64url');
}

/** A file of its own for each subject: the hits of a file are counted together. */
export function fileIdOf(subject: string): string {
  return String(crc32(subject));
}

/** A client that has no cookie yet. */
export function clientAt(address: string): ClientNames {
  return { address, newCookie: someName() };
}

type Change = Partial<Omit<AdmissionRequest, 'transfer' | 'slots'>> & {
  readonly maxConcurrent?: number;
  readonly transfer?: Partial<AdmissionRequest['transfer']>;
};

/** A plain GET of a whole file by some user; what is given is otherwise. */
export function downloadBy(subject: string, change: Change = {}): AdmissionRequest {
  const { maxConcurrent = 1_000_000, transfer, ...rest } = change;
  return {
    purpose: 'open',
    versions: new Map(),
    subject,
    rate: { of: subject, limit: 1_000_000 },
    file: { id: fileIdOf(subject), tenantId: '1', size: SIZE, sha256: 'a'.repeat(64) },
    client: clientAt(someName()),
    whole: true,
    above: false,
    slots: [{ holder: subject, limit: maxConcurrent }],
    ...rest,
    ...(rest.purpose === undefined || rest.purpose === 'open'
      ? {
          transfer: {
            id: someName(),
            instance: 'nginx-1',
            ranges: [{ first: 0, last: (rest.file?.size ?? SIZE) - 1 }],
            ...transfer,
          },
        }
      : {}),
  };
}

/** The same client goes on from `first`. */
export function resumption(request: AdmissionRequest, first = 500): AdmissionRequest {
  const size = request.file?.size ?? SIZE;
  return {
    ...request,
    client: { ...request.client, newCookie: someName() },
    whole: false,
    above: first > 0,
    transfer: { id: someName(), instance: 'nginx-1', ranges: [{ first, last: size - 1 }] },
  };
}

/** The line of nginx for a transfer. */
export function endOf(
  { transfer }: AdmissionRequest,
  downloadId: string | undefined,
  bytes = transfer?.ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0) ?? 0,
  completed = true,
): EndedTransfer {
  return {
    transfer: transfer?.id ?? '',
    instance: transfer?.instance ?? '',
    downloadId,
    bytes,
    completed,
  };
}
