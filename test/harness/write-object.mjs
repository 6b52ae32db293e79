// Writes an object of zeros with the built driver, and prints by how many MiB memory grew over what it was before.
// node --expose-gc write-object.mjs <volume as JSON> <key> <bytes>
import { Readable } from 'node:stream';

const [volume = '', key = '', size = ''] = process.argv.slice(2);
const built = new URL('../../dist/src/modules/storage/drivers/s3/s3-object-store.js', import.meta.url);
/** @type {unknown} */
const driver = await import(built.href);
const { S3ObjectStore } =
  /** @type {typeof import('../../src/modules/storage/drivers/s3/s3-object-store.js')} */ (driver);
/** @type {unknown} */
const configuration = JSON.parse(volume);
const store = new S3ObjectStore(
  /** @type {import('../../src/common/config/config.js').S3Volume} */ (configuration),
);

/** The same piece again and again: it is the driver's memory that counts. */
function* chunks() {
  const piece = Buffer.alloc(65_536);
  for (let left = Number(size); left > 0; left -= piece.length) yield piece.subarray(0, left);
}

// What the code itself takes is there before.
await store.write(/** @type {never} */ (`${key}0`), Readable.from([Buffer.alloc(100)]), AbortSignal.any([]));
globalThis.gc?.();
const before = process.memoryUsage();
let rss = 0;
let buffers = 0;
const watch = setInterval(() => {
  const now = process.memoryUsage();
  rss = Math.max(rss, now.rss - before.rss);
  buffers = Math.max(buffers, now.arrayBuffers - before.arrayBuffers);
}, 20);
await store.write(/** @type {never} */ (key), Readable.from(chunks()), AbortSignal.any([]));
clearInterval(watch);
process.stdout.write(JSON.stringify({ rss: rss / 2 ** 20, buffers: buffers / 2 ** 20 }));
process.exit();
