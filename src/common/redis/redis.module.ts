import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisConfig } from '../config/config.js';
import { RedisIdentity } from './redis-identity.js';
import { RedisPolicy } from './redis-policy.js';

/** Milliseconds until a command that got no answer fails, so that the caller hears 503 within a second. */
const COMMAND_TIMEOUT = 500;
const CONNECT_TIMEOUT = 400;

function connect(config: RedisConfig): Redis {
  const logger = new Logger('Redis');
  const redis = new Redis(config.url, {
    connectTimeout: CONNECT_TIMEOUT,
    commandTimeout: COMMAND_TIMEOUT,
    // A request does not wait for a reconnection: it fails at once, and the next one finds a new connection.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * attempt, 500),
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    enableAutoPipelining: true,
    // A batch of its own already, which has waited for its turn of the event loop.
    autoPipeliningIgnoredCommands: ['mget', 'role'],
    lazyConnect: true,
  });
  let down = false;
  redis.on('error', (error: Error) => {
    if (!down) logger.warn(`connection lost: ${error.message}`);
    down = true;
  });
  redis.on('ready', () => {
    if (down) logger.log('connection is back');
    down = false;
  });
  // It connects in the background and again whenever it must; until then commands fail with 503.
  redis.connect().catch(() => undefined);
  return redis;
}

@Global()
@Module({
  providers: [{ provide: Redis, inject: [RedisConfig], useFactory: connect }, RedisIdentity, RedisPolicy],
  exports: [Redis, RedisIdentity, RedisPolicy],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(@Inject(Redis) private readonly redis: Redis) {}

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
