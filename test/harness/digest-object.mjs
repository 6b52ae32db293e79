// Takes the digest of an object of a local volume by the built code, while it is made: followed before it is there, finished too early, and
// at last. Prints what was found, as JSON.
// node digest-object.mjs <root of the volume> <key> <bytes>
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const [root = '', key = '', size = ''] = process.argv.slice(2);
const built = new URL('../../dist/src/modules/storage/hashing/background-digests.js', import.meta.url);
/** @type {unknown} */
const module = await import(built.href);
const { BackgroundDigests } =
  /** @type {typeof import('../../src/modules/storage/hashing/background-digests.js')} */ (module);
const volume = { name: 'local', driver: 'fs', root, delivery: 'accel' };
const digests = new BackgroundDigests(
  /** @type {never} */ ({ volumes: [volume], defaultVolume: 'local', blobTrashDays: 30 }),
);
const bytes = Buffer.alloc(Number(size), 7);
const path = join(root, key);
const finish = () =>
  digests
    .finish('local', /** @type {never} */ (key), bytes.length)
    .catch((/** @type {unknown} */ error) => /** @type {{ kind: { code: string } }} */ (error).kind.code);

// Nothing is there to be read.
digests.follow('local', /** @type {never} */ (key), bytes.length / 2);
const missing = await finish();
await mkdir(dirname(path), { recursive: true });
await writeFile(path, bytes.subarray(0, bytes.length / 2));
digests.follow('local', /** @type {never} */ (key), bytes.length / 2);
const short = await finish();
await writeFile(path, bytes);
digests.follow('local', /** @type {never} */ (key), bytes.length / 2);
const found = await finish();
await digests.onApplicationShutdown();
process.stdout.write(JSON.stringify({ missing, short, found }));
