import { Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { ThrottleConfig } from '../config/config.js';
import { CredentialMisses } from './credential-misses.js';
import { RedisThrottlerStorage } from './redis-throttler-storage.js';

/** Milliseconds: all limits are per minute. */
const WINDOW = 60_000;

/** Accounts that may log in from one address, such as an office's, as often as one may. */
const ACCOUNTS_PER_ADDRESS = 10;

@Module({
  providers: [RedisThrottlerStorage, CredentialMisses],
  exports: [RedisThrottlerStorage, CredentialMisses],
})
class ThrottlerStorageModule {}

@Module({
  imports: [
    ThrottlerStorageModule,
    ThrottlerModule.forRootAsync({
      imports: [ThrottlerStorageModule],
      inject: [ThrottleConfig, RedisThrottlerStorage],
      useFactory: (config: ThrottleConfig, storage: RedisThrottlerStorage) => ({
        storage,
        throttlers: [
          { name: 'api', ttl: WINDOW, limit: config.api },
          { name: 'chunk', ttl: WINDOW, limit: config.chunks },
          { name: 'login', ttl: WINDOW, limit: config.logins },
          { name: 'login-address', ttl: WINDOW, limit: ACCOUNTS_PER_ADDRESS * config.logins },
        ],
      }),
    }),
  ],
  exports: [ThrottlerModule, ThrottlerStorageModule],
})
export class ThrottlingModule {}
