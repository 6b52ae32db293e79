import type { JwtSecret } from './jwt-secrets.js';
import type { VolumeConfig } from './volumes.js';
import type { OidcIssuer } from './oidc-issuers.js';

export type { FsVolume, S3Volume, VolumeConfig } from './volumes.js';

/**
 * The slices of the configuration. Each is an injection token of its own, so that a class asks for what
 * it uses and nothing else (`constructor(private readonly http: HttpConfig)`). Values are frozen.
 */

export abstract class HttpConfig {
  /** TCP port and address the application listens on. */
  abstract readonly port: number;
  abstract readonly host: string;
  /** Origin of every URL that is handed out, without a trailing slash. */
  abstract readonly publicUrl: string;
  /** CIDRs whose `X-Forwarded-For` and `X-Request-Id` are believed. */
  abstract readonly trustedProxies: readonly string[];
  /** Seconds between the first failing readiness answer and the end of listening, on SIGTERM. */
  abstract readonly shutdownDelay: number;
}

export abstract class DatabaseConfig {
  /** `postgres://` URL of the primary. */
  abstract readonly url: string;
}

export abstract class RedisConfig {
  /** `redis://` or `rediss://` URL. */
  abstract readonly url: string;
}

export abstract class AuthConfig {
  /** Keys of the HS256 signatures at the start; the first signs. */
  abstract readonly jwtSecrets: readonly JwtSecret[];
  /** Where they came from, when that was a file: it is read again when it changes (RULES 10.2). */
  abstract readonly jwtSecretsFile: JwtSecretsFile | undefined;
  /** Life of an access token, seconds. */
  abstract readonly jwtTtl: number;
  /** Life of a login session, seconds. */
  abstract readonly sessionTtl: number;
}

export interface JwtSecretsFile {
  readonly path: string;
  readonly variable: 'JWT_SECRET' | 'JWT_SECRETS';
}

export abstract class OidcConfig {
  /** Companies' identity providers; each issuer once. */
  abstract readonly issuers: readonly OidcIssuer[];
}

export abstract class StorageConfig {
  abstract readonly volumes: readonly VolumeConfig[];
  /** Name of the volume that takes new blobs. */
  abstract readonly defaultVolume: string;
  /** Days from a blob's removal to that of its bytes. */
  abstract readonly blobTrashDays: number;
}

export abstract class UploadConfig {
  /** Largest file, bytes. */
  abstract readonly maxSize: number;
}

/** Requests a minute. */
export abstract class ThrottleConfig {
  /** Of one principal on the API routes. */
  abstract readonly api: number;
  /** Logins to one account from one address. */
  abstract readonly logins: number;
}

export abstract class LogConfig {
  abstract readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

export interface Config {
  readonly http: HttpConfig;
  readonly database: DatabaseConfig;
  readonly redis: RedisConfig;
  readonly auth: AuthConfig;
  readonly oidc: OidcConfig;
  readonly storage: StorageConfig;
  readonly upload: UploadConfig;
  readonly throttle: ThrottleConfig;
  readonly log: LogConfig;
}
