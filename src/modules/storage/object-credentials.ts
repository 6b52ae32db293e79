import { Injectable } from '@nestjs/common';
import { Buckets } from './buckets.js';
import { LONGEST_POLICY, SHORTEST_LIFE, STS_DEADLINE } from './drivers/s3/assume-role.js';
import type { StoreCredentials } from './drivers/s3/s3-documents.js';
import { StoreError, storeProblem } from './drivers/s3/store-problems.js';
import type { ObjectKey } from './object-key.js';
import { credentialsUnavailable } from './storage.problems.js';

/** An object and the volume that it is on. */
export interface ObjectPlace {
  readonly volume: string;
  readonly key: ObjectKey;
}

export interface CredentialsRequest {
  /** At least one. */
  readonly objects: readonly ObjectPlace[];
  /** Seconds. */
  readonly ttl: number;
  /** When the right to read the objects ends; null: it does not. */
  readonly rightEndsAt: Date | null;
}

/** Temporary credentials, and where clients use them. */
export interface IssuedCredentials extends StoreCredentials {
  /** Origin at which clients reach the store. */
  readonly endpoint: string;
  readonly region: string;
  /** As in the request, and in its order. */
  readonly objects: readonly { readonly bucket: string; readonly key: string }[];
}

/** Credentials of a store with which clients read some objects themselves (RULES 9). */
@Injectable()
export class ObjectCredentials {
  constructor(private readonly buckets: Buckets) {}

  /**
   * They live until they expire: nobody can take them back. So they never live longer than the right that they rest on.
   * @throws Problem `credentials-unavailable` (422), `dependency-unavailable` (503)
   */
  async issue({ objects, ttl, rightEndsAt }: CredentialsRequest): Promise<IssuedCredentials> {
    const [first, ...others] = objects.map(({ volume }) => volume);
    if (others.some((volume) => volume !== first)) {
      throw credentialsUnavailable('The files are on different volumes: ask for those of each volume apart.');
    }
    const bucket = this.buckets.get(first ?? '');
    if (bucket === undefined) {
      throw credentialsUnavailable('The files are not in an object store: download them.');
    }
    if (bucket.report?.abilities.sts === false) {
      throw credentialsUnavailable('The store of the files gives no temporary credentials: download them.');
    }
    const keys = objects.map(({ key }) => key);
    if (bucket.readPolicy(keys).length > LONGEST_POLICY) {
      throw credentialsUnavailable(
        `A policy for so many files is longer than the ${LONGEST_POLICY} characters that stores take: ask for fewer at once.`,
      );
    }
    const credentials = await bucket.assumeReader(keys, lifeOf(ttl, rightEndsAt)).catch((error: unknown) => {
      if (error instanceof StoreError) throw credentialsUnavailable('The store gives none.', error);
      throw storeProblem(error) ?? error;
    });
    const { publicEndpoint: endpoint, region, bucket: name } = bucket.volume;
    return {
      ...credentials,
      endpoint,
      region,
      objects: keys.map((key) => ({ bucket: name, key: bucket.nameOf(key) })),
    };
  }
}

/**
 * Seconds. The store counts from when it has the request: as much as that may take is left out, and the credentials are over before
 * the right is.
 */
function lifeOf(ttl: number, rightEndsAt: Date | null): number {
  if (rightEndsAt === null) return ttl;
  const left = Math.floor((rightEndsAt.getTime() - Date.now() - STS_DEADLINE) / 1_000);
  if (left < SHORTEST_LIFE) {
    throw credentialsUnavailable(
      `The right to download ends at ${rightEndsAt.toISOString()}, and credentials live at least ${SHORTEST_LIFE} s: download the files.`,
    );
  }
  return Math.min(ttl, left);
}
