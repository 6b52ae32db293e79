// A replica's follower as a process that can be killed: writes the request ids that it is told of to a file, synchronously.
// node follow-transfers.mjs <redisUrl> <accessLog> <statusUrl> <file>
import { appendFileSync } from 'node:fs';
import { Redis } from 'ioredis';

const [redisUrl = '', accessLog = '', statusUrl = '', file = ''] = process.argv.slice(2);
const built = new URL('../../dist/src/modules/downloads/transfers/', import.meta.url);
/** @type {unknown} */
const lease = await import(new URL('redis-follower-lease.js', built).href);
/** @type {unknown} */
const transfers = await import(new URL('transfer-follower.js', built).href);
const { RedisFollowerLease } =
  /** @type {typeof import('../../src/modules/downloads/transfers/redis-follower-lease.js')} */ (lease);
const { TransferFollower } =
  /** @type {typeof import('../../src/modules/downloads/transfers/transfer-follower.js')} */ (transfers);

const follower = new TransferFollower(
  { accessLog, statusUrl },
  { volumes: [], defaultVolume: 'local', blobTrashDays: 30 },
  new RedisFollowerLease(new Redis(redisUrl, { commandTimeout: 500, maxRetriesPerRequest: 0 })),
  {
    ended: (lines) => {
      appendFileSync(file, lines.map(({ requestId }) => `${requestId}\n`).join(''));
      return Promise.resolve();
    },
    alive: () => Promise.resolve(),
  },
);
follower.onApplicationBootstrap();
