import { Global, Module } from '@nestjs/common';
import { RedisVersions } from './redis-versions.js';
import { RevokingTransaction } from './revoking-transaction.js';
import { Versions } from './versions.js';

@Global()
@Module({
  providers: [{ provide: Versions, useClass: RedisVersions }, RevokingTransaction],
  exports: [Versions, RevokingTransaction],
})
export class RevocationModule {}
