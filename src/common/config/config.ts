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
  /** Origins whose pages may call the API from a browser (RULES 8.3). */
  abstract readonly corsOrigins: readonly string[];
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
  /** Of an upload session without a word about it, bytes. */
  abstract readonly chunkSize: number;
  /** Seconds that an upload session waits for its next bytes. */
  abstract readonly sessionTtl: number;
  /** Unfinished upload sessions of one user, and what their files have together, bytes. */
  abstract readonly maxSessions: number;
  abstract readonly maxInFlight: number;
  /** What the files of one user may have together, unless the user has a quota of its own, bytes; 0: as much as there is room for. */
  abstract readonly userQuota: number;
  /** Media types that may be uploaded, or whole kinds of them as `image/*`; empty: all. */
  abstract readonly allowedTypes: readonly string[];
  /** Media types that may not, whatever is allowed. */
  abstract readonly deniedTypes: readonly string[];
}

/** Requests a minute. */
export abstract class ThrottleConfig {
  /** Of one principal on the API routes. */
  abstract readonly api: number;
  /** Logins to one account from one address. */
  abstract readonly logins: number;
  /** Downloads of one subject (RULES 1.2). */
  abstract readonly downloads: number;
  /** Download tokens that nobody has, from one address. */
  abstract readonly tokenMisses: number;
  /** Chunks, and pieces of tus uploads, that one principal sends. */
  abstract readonly chunks: number;
}

export abstract class DownloadConfig {
  /** Logical downloads at once of one user, unless the user has a limit of its own. */
  abstract readonly maxConcurrent: number;
  /** Connections of one logical download. */
  abstract readonly maxConnections: number;
  /** Bytes per second of one transfer, and of all transfers of a user together; 0: as fast as it goes. */
  abstract readonly transferRate: number;
  abstract readonly userRate: number;
  /** Seconds without an open transfer until a logical download is over. */
  abstract readonly idleWindow: number;
  /** Bytes per second; a transfer that is slower is over when it would be at this rate. */
  abstract readonly minRate: number;
}

export abstract class TokenConfig {
  /** Life of a download token without a word about it, and the longest; seconds. */
  abstract readonly ttl: number;
  abstract readonly maxTtl: number;
  /** Live tokens of one minter. */
  abstract readonly perMinter: number;
}

/** The nginx in front, as far as this replica has to do with it. */
export abstract class NginxConfig {
  /** Path of the access log that this replica follows; undefined: none. */
  abstract readonly accessLog: string | undefined;
  /** Where that nginx answers its heartbeats: an http URL that only this machine reaches. */
  abstract readonly statusUrl: string | undefined;
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
  readonly download: DownloadConfig;
  readonly token: TokenConfig;
  readonly nginx: NginxConfig;
  readonly log: LogConfig;
}
