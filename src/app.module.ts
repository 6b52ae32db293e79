import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Config } from './common/config/config.js';
import { ConfigModule } from './common/config/config.module.js';
import { DatabaseModule } from './common/database/index.js';
import { DirectRoutesModule } from './common/http/direct-routes.js';
import { HealthModule } from './common/health/index.js';
import { ProblemFilter } from './common/problems/index.js';
import { RedisModule } from './common/redis/index.js';
import { RevocationModule } from './common/revocation/index.js';
import { migrations } from './migrations/index.js';
import { AuthModule } from './modules/auth/index.js';
import { DownloadsModule } from './modules/downloads/index.js';
import { FileMetaModule } from './modules/file-meta/index.js';
import { StorageModule } from './modules/storage/index.js';
import { TokensModule } from './modules/tokens/index.js';
import { UploadsModule } from './modules/uploads/index.js';

@Module({})
export class AppModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        DatabaseModule.forRoot(migrations),
        RedisModule,
        RevocationModule,
        HealthModule.forRoot([AuthModule, StorageModule]),
        DirectRoutesModule,
        AuthModule,
        FileMetaModule,
        TokensModule,
        UploadsModule,
        DownloadsModule,
      ],
      providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
    };
  }
}
