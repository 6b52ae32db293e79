import { type DynamicModule, Module } from '@nestjs/common';
import {
  AuthConfig,
  type Config,
  DatabaseConfig,
  DownloadConfig,
  HttpConfig,
  LogConfig,
  NginxConfig,
  OidcConfig,
  RedisConfig,
  StorageConfig,
  ThrottleConfig,
  TokenConfig,
  UploadConfig,
} from './config.js';

/** Makes each slice of the configuration injectable by its class. */
@Module({})
export class ConfigModule {
  static forRoot(config: Config): DynamicModule {
    const providers = [
      { provide: HttpConfig, useValue: config.http },
      { provide: DatabaseConfig, useValue: config.database },
      { provide: RedisConfig, useValue: config.redis },
      { provide: AuthConfig, useValue: config.auth },
      { provide: OidcConfig, useValue: config.oidc },
      { provide: StorageConfig, useValue: config.storage },
      { provide: UploadConfig, useValue: config.upload },
      { provide: ThrottleConfig, useValue: config.throttle },
      { provide: DownloadConfig, useValue: config.download },
      { provide: TokenConfig, useValue: config.token },
      { provide: NginxConfig, useValue: config.nginx },
      { provide: LogConfig, useValue: config.log },
    ];
    return { module: ConfigModule, global: true, providers, exports: providers };
  }
}
