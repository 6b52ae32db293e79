import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

/** A named place for blobs: a local (or network) file system below `root`. */
export interface FsVolume {
  readonly name: string;
  readonly driver: 'fs';
  /** Absolute folder. */
  readonly root: string;
  /** `accel`: nginx in front sends the bytes; `stream`: the application does. */
  readonly delivery: 'accel' | 'stream';
}

/** A named place for blobs: a bucket of any S3-compatible store. */
export interface S3Volume {
  readonly name: string;
  readonly driver: 's3';
  /** Origin at which we reach the store. */
  readonly endpoint: string;
  /** Origin at which clients reach it: presigned URLs name it. */
  readonly publicEndpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** What all keys begin with: empty, or ending with a slash. */
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Certificates to trust beside the system's; a PEM file. */
  readonly caFile: string | undefined;
  /** Life of a presigned URL, seconds. */
  readonly urlTtl: number;
  /** `auto`: a redirect where nothing is lost by it, else `accel-s3` (RULES 5.2). */
  readonly delivery: (typeof S3_DELIVERIES)[number];
  /** It comes from the variables `S3_…`, not from `VOLUMES`: what is wrong with it is said by their names. */
  readonly ownVariables?: true;
}

export type VolumeConfig = FsVolume | S3Volume;

export const S3_DELIVERIES = ['auto', 'redirect', 'accel-s3', 'stream'] as const;

/** Seconds: the longest that SigV4 allows. */
const MAX_URL_TTL = 604_800;

const name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be a lower-case word');

const fsVolume = z.strictObject({
  name,
  driver: z.literal('fs'),
  root: z
    .string()
    .min(1)
    .transform((root) => resolve(root)),
  delivery: z.enum(['stream', 'accel'], 'must be "stream" or "accel"').default('stream'),
});

export const s3Origin = z
  .string()
  .regex(/^https?:\/\/[^/?#@]+\/?$/, 'must be an http(s) origin: scheme, host and port only')
  .transform((value) => value.replace(/\/$/, ''));

/** As S3 has them, without dots: with TLS and virtual hosts those never work. */
export const s3Bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, 'must be 3 to 63 lower-case letters, digits and "-"');

export const s3UrlTtl = z
  .int(`must be a whole number from 1 to ${MAX_URL_TTL}`)
  .min(1, `must be a whole number from 1 to ${MAX_URL_TTL}`)
  .max(MAX_URL_TTL, `must be a whole number from 1 to ${MAX_URL_TTL}`);

export const certificateFile = z
  .string()
  .refine(holdsCertificate, 'must be a file of PEM certificates that can be read');

/** Of several it looks at the first. */
function holdsCertificate(path: string): boolean {
  try {
    return new X509Certificate(readFileSync(path)).subject !== '';
  } catch {
    return false;
  }
}

export const s3Delivery = z.enum(S3_DELIVERIES, `must be one of ${S3_DELIVERIES.join(', ')}`);

const s3Volume = z
  .strictObject({
    name,
    driver: z.literal('s3'),
    endpoint: s3Origin,
    publicEndpoint: s3Origin.optional(),
    region: z.string().min(1).default('us-east-1'),
    bucket: s3Bucket,
    prefix: z
      .string()
      .regex(
        /^([A-Za-z0-9_-]+\/)*$/,
        'must be empty, or folders of letters, digits, "_" and "-" that end with "/"',
      )
      .default(''),
    accessKey: z.string().min(1),
    secretKey: z.string().min(1),
    caFile: certificateFile.optional(),
    urlTtl: s3UrlTtl.default(300),
    delivery: s3Delivery.default('auto'),
  })
  .transform((volume): S3Volume => ({
    ...volume,
    caFile: volume.caFile,
    publicEndpoint: volume.publicEndpoint ?? volume.endpoint,
  }));

/** `VOLUMES`: a JSON list. */
export const volumes = z
  .string()
  .transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue('must be a JSON list of volumes');
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(z.discriminatedUnion('driver', [fsVolume, s3Volume], 'must have the driver "fs" or "s3"'))
      .min(1, 'must name at least one volume'),
  )
  .transform((list): readonly VolumeConfig[] => list);
