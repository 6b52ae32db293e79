import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from 'minio';
import type { Seed } from './seed.js';

/** Past the service: what a volume really holds. */
export interface Objects {
  paths(): Promise<string[]>;
  open(path: string): Promise<Readable>;
}

/** A volume in files; unfinished writes count as objects. */
export function filesBelow(root: string): Objects {
  return {
    async paths() {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)));
    },
    open: (path) => Promise.resolve(createReadStream(join(root, path))),
  };
}

export const BUCKET = 'download-service';

/** The store of a stack by the variables that its application has. */
export function storeClient(env: Readonly<Record<string, string>>): Client {
  const { hostname, port } = new URL(env.S3_ENDPOINT ?? '');
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: env.S3_ACCESS_KEY ?? '',
    secretKey: env.S3_SECRET_KEY ?? '',
    region: 'us-east-1',
  });
}

/** A volume in a bucket; unfinished uploads count as objects. */
export function objectsIn(client: Client): Objects {
  const namesOf = async (stream: Readable): Promise<string[]> => {
    const names: string[] = [];
    for await (const item of stream as AsyncIterable<{ name?: string; key?: string }>)
      names.push(item.name ?? item.key ?? '');
    return names;
  };
  return {
    async paths() {
      const [whole, unfinished] = await Promise.all([
        namesOf(client.listObjectsV2(BUCKET, '', true)),
        namesOf(client.listIncompleteUploads(BUCKET, '', true)),
      ]);
      return [...whole, ...unfinished];
    },
    open: (path) => client.getObject(BUCKET, path),
  };
}

/** What the volumes hold against what the database says of it. */
export interface Account {
  /** Objects that no row knows: neither a blob nor pending nor in the trash. */
  readonly orphans: string[];
  /** Blobs whose object is missing, or is not what its hash says. */
  readonly broken: string[];
}

export async function takeAccount(seed: Seed, volumes: Readonly<Record<string, Objects>>): Promise<Account> {
  const blobs = await seed.query<{ place: string; volume: string; path: string; sha256: string }>(
    `SELECT volume || '/' || storage_path AS place, volume, storage_path AS path, sha256 FROM blobs`,
  );
  const others = await seed.query<{ place: string }>(
    `SELECT volume || '/' || storage_path AS place FROM pending_objects
     UNION ALL SELECT volume || '/' || storage_path FROM blob_trash`,
  );
  const known = new Set([...blobs, ...others].map(({ place }) => place));
  const orphans: string[] = [];
  for (const [volume, objects] of Object.entries(volumes)) {
    for (const path of await objects.paths()) {
      if (!known.has(`${volume}/${keyOf(path)}`)) orphans.push(`${volume}/${path}`);
    }
  }
  const broken: string[] = [];
  for (const { place, volume, path, sha256 } of blobs) {
    const found = await hashOf(volumes[volume], path).catch((error: unknown) => String(error));
    if (found !== sha256) broken.push(`${place}: ${found}`);
  }
  return { orphans, broken };
}

/** An unfinished write of a file is named by its key. */
function keyOf(path: string): string {
  const unfinished = /^\.tmp\/(\d+)-([0-9a-f]{2})-([0-9a-f]{30})\./.exec(path);
  return unfinished === null ? path : unfinished.slice(1).join('/');
}

async function hashOf(objects: Objects | undefined, path: string): Promise<string> {
  if (objects === undefined) return 'on no volume';
  const hash = createHash('sha256');
  await pipeline(await objects.open(path), hash);
  return hash.digest('hex');
}
