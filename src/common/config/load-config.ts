import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Config, JwtSecretsFile } from './config.js';
import {
  certificateFile,
  s3Bucket,
  s3Delivery,
  s3Origin,
  type S3Volume,
  type VolumeConfig,
  volumes,
} from './volumes.js';
import { type JwtSecret, jwtSecrets, oneJwtSecret } from './jwt-secrets.js';
import { oidcIssuers } from './oidc-issuers.js';

/** Says which variable is wrong and what it should be; never its value, which may be a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that may also come as `NAME_FILE`, the path of a file that holds the value. */
const SECRETS = [
  'DATABASE_URL',
  'REDIS_URL',
  'JWT_SECRET',
  'JWT_SECRETS',
  'OIDC_ISSUERS',
  'VOLUMES',
  'S3_ACCESS_KEY',
  'S3_SECRET_KEY',
  'ADMIN_PASSWORD',
  'ADMIN_INITIAL_PASSWORD',
] as const;

const SECONDS_A_DAY = 86_400;

const PLACEHOLDER = /change[-_ ]?me|placeholder|example|^(secret|password|admin|minio|test|123)+$|^(.)\2*$/i;

function isPlaceholder(secret: string): boolean {
  return PLACEHOLDER.test(secret);
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

/** Bytes per second; slower than 1 KiB/s no client waits for. */
const rate = wholeNumber(0, 2 ** 40).refine(
  (value) => value === 0 || value >= 1_024,
  'must be 0 (no limit) or at least 1024 bytes per second',
);

const url = (schemes: readonly string[], what: string) =>
  z.string().refine((value) => {
    const parsed = URL.parse(value);
    return parsed !== null && schemes.includes(parsed.protocol);
  }, what);

const proxies = z.string().transform((value, context) => {
  const list = value.split(',').map((item) => item.trim());
  const wrong = list.some((item) => item !== 'loopback' && !isCidr(item));
  if (wrong) context.addIssue('must be a comma-separated list of IP addresses, CIDRs or "loopback"');
  return list;
});

/** An exact type, or all of a kind (RFC 9110 §12.5.1). */
const MEDIA_RANGE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/(\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})$/;

const mediaRanges = z.string().transform((value, context) => {
  const list = value.split(',').map((item) => item.trim().toLowerCase());
  if (!list.every((item) => MEDIA_RANGE.test(item)))
    context.addIssue('must be a comma-separated list of media types such as application/pdf or image/*');
  return list;
});

const origins = z.string().transform((value, context) => {
  const list = value.split(',').map((item) => item.trim());
  if (!list.every((item) => /^https?:\/\//.test(item) && URL.parse(item)?.origin === item))
    context.addIssue('must be a comma-separated list of origins such as https://app.example.com');
  return list;
});

const MEBIBYTE = 2 ** 20;

const schema = z
  .object({
    PORT: wholeNumber(1, 65_535).default(3000),
    HOST: z.string().default('127.0.0.1'),
    PUBLIC_URL: url(['http:', 'https:'], 'must be an http(s) URL')
      .refine(
        (value) => /^https?:\/\/[^/?#]+\/?$/.test(value),
        'must be an origin: scheme, host and port only',
      )
      .transform((value) => value.replace(/\/$/, ''))
      .default('http://localhost:8080'),
    CORS_ORIGINS: origins.default([]),
    TRUSTED_PROXIES: proxies.default(['loopback']),
    SHUTDOWN_DELAY: wholeNumber(0, 600).default(1),
    DATABASE_URL: url(['postgres:', 'postgresql:'], 'must be a postgres:// URL'),
    REDIS_URL: url(['redis:', 'rediss:'], 'must be a redis:// or rediss:// URL'),
    JWT_SECRET: oneJwtSecret.optional(),
    JWT_SECRETS: jwtSecrets.optional(),
    JWT_TTL: wholeNumber(1, 86_400).default(900),
    SESSION_TTL: wholeNumber(60, 31_536_000).default(2_592_000),
    OIDC_ISSUERS: oidcIssuers.default([]),
    VOLUMES: volumes.default([
      { name: 'local', driver: 'fs', root: resolve('.data/blobs'), delivery: 'stream' },
    ]),
    DEFAULT_VOLUME: z.string().default('local'),
    S3_ENDPOINT: s3Origin.optional(),
    S3_PUBLIC_ENDPOINT: s3Origin.optional(),
    S3_REGION: z.string().default('us-east-1'),
    S3_BUCKET: s3Bucket.default('download-service'),
    S3_ACCESS_KEY: z.string().optional(),
    S3_SECRET_KEY: z.string().optional(),
    S3_CA_FILE: certificateFile.optional(),
    S3_DELIVERY: s3Delivery.default('auto'),
    S3_URL_TTL: wholeNumber(1, 604_800).default(300),
    BLOB_TRASH_DAYS: wholeNumber(1, 36_500).default(30),
    UPLOAD_MAX_SIZE: wholeNumber(1, 5 * 2 ** 40).default(5 * 2 ** 30),
    UPLOAD_CHUNK_SIZE: wholeNumber(2 * MEBIBYTE, 64 * MEBIBYTE).default(5 * MEBIBYTE),
    UPLOAD_SESSION_TTL: wholeNumber(60, 604_800).default(SECONDS_A_DAY),
    UPLOAD_MAX_SESSIONS: wholeNumber(1, 10_000).default(100),
    UPLOAD_MAX_IN_FLIGHT: wholeNumber(1, 2 ** 49).default(50 * 2 ** 30),
    UPLOAD_USER_QUOTA: wholeNumber(0, 2 ** 49).default(0),
    UPLOAD_TYPES_ALLOWED: mediaRanges.default([]),
    UPLOAD_TYPES_DENIED: mediaRanges.default([]),
    RATE_LIMIT_API: wholeNumber(1, 1_000_000).default(1_200),
    RATE_LIMIT_LOGINS: wholeNumber(1, 1_000_000).default(10),
    RATE_LIMIT_DOWNLOADS: wholeNumber(1, 1_000_000_000).default(600),
    RATE_LIMIT_TOKEN_MISSES: wholeNumber(1, 1_000_000).default(60),
    RATE_LIMIT_CHUNKS: wholeNumber(1, 1_000_000).default(12_000),
    DOWNLOAD_MAX_CONCURRENT: wholeNumber(1, 1_000_000).default(5),
    DOWNLOAD_MAX_CONNECTIONS: wholeNumber(1, 65_535).default(16),
    DOWNLOAD_TRANSFER_RATE: rate.default(0),
    DOWNLOAD_USER_RATE: rate.default(0),
    DOWNLOAD_IDLE_WINDOW: wholeNumber(1, SECONDS_A_DAY).default(1_800),
    DOWNLOAD_MIN_RATE: wholeNumber(1, 2 ** 40).default(8_192),
    DOWNLOAD_TOKEN_TTL: wholeNumber(1, 31_536_000).default(300),
    DOWNLOAD_TOKEN_MAX_TTL: wholeNumber(1, 31_536_000).default(604_800),
    TOKENS_PER_MINTER: wholeNumber(1, 1_000_000).default(10_000),
    NGINX_ACCESS_LOG: z.string().startsWith('/', 'must be an absolute path').optional(),
    NGINX_STATUS_URL: url(['http:'], 'must be an http URL').optional(),
    LOG_LEVEL: z
      .enum(
        ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
        'must be fatal, error, warn, info, debug, trace or silent',
      )
      .default('info'),
    NODE_ENV: z.string().default('development'),
  })
  .refine((env) => env.JWT_SECRET !== undefined || env.JWT_SECRETS !== undefined, {
    path: ['JWT_SECRET'],
    message: 'is missing',
    // Told together with what else is wrong.
    when: () => true,
  })
  .superRefine((env, context) => {
    for (const variable of ['S3_ACCESS_KEY', 'S3_SECRET_KEY'] as const) {
      if (env.S3_ENDPOINT !== undefined && env[variable] === undefined)
        context.addIssue({ code: 'custom', path: [variable], message: 'is missing: S3_ENDPOINT is set' });
    }
    const all = volumesOf(env);
    const longestUrl = Math.max(...all.map((volume) => ('urlTtl' in volume ? volume.urlTtl : 0)));
    if (env.BLOB_TRASH_DAYS * SECONDS_A_DAY < longestUrl) {
      context.addIssue({
        code: 'custom',
        path: ['BLOB_TRASH_DAYS'],
        message: 'must be at least as long as the presigned URLs of every volume live',
      });
    }
    const names = all.map(({ name }) => name);
    if (new Set(names).size < names.length)
      context.addIssue({ code: 'custom', path: ['VOLUMES'], message: 'has two volumes of one name' });
    if (!names.includes(env.DEFAULT_VOLUME)) {
      context.addIssue({ code: 'custom', path: ['DEFAULT_VOLUME'], message: 'must be the name of a volume' });
    }
    if (env.NODE_ENV === 'production') {
      for (const volume of all) {
        if (volume.driver !== 's3' || !isPlaceholder(volume.secretKey)) continue;
        const path = env.VOLUMES.includes(volume) ? ['VOLUMES', volume.name] : ['S3_SECRET_KEY'];
        context.addIssue({
          code: 'custom',
          path,
          message: 'has a placeholder for a secret: set a random one',
        });
      }
    }
    if (env.DOWNLOAD_TOKEN_TTL > env.DOWNLOAD_TOKEN_MAX_TTL) {
      context.addIssue({
        code: 'custom',
        path: ['DOWNLOAD_TOKEN_TTL'],
        message: 'must not be longer than DOWNLOAD_TOKEN_MAX_TTL',
      });
    }
    if ((env.NGINX_ACCESS_LOG === undefined) !== (env.NGINX_STATUS_URL === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['NGINX_ACCESS_LOG'],
        message: 'and NGINX_STATUS_URL go together: set both or none',
      });
    }
    const variable = env.JWT_SECRETS === undefined ? 'JWT_SECRET' : 'JWT_SECRETS';
    const wrong = wrongSecrets(env);
    if (wrong !== undefined) context.addIssue({ code: 'custom', path: [variable], message: wrong });
  });

interface VolumesOfEnvironment {
  readonly VOLUMES: readonly VolumeConfig[];
  readonly S3_ENDPOINT?: string | undefined;
  readonly S3_PUBLIC_ENDPOINT?: string | undefined;
  readonly S3_REGION: string;
  readonly S3_BUCKET: string;
  readonly S3_ACCESS_KEY?: string | undefined;
  readonly S3_SECRET_KEY?: string | undefined;
  readonly S3_CA_FILE?: string | undefined;
  readonly S3_DELIVERY: S3Volume['delivery'];
  readonly S3_URL_TTL: number;
}

/** Those of the list, and beside them the one that `S3_ENDPOINT` adds. */
function volumesOf(env: VolumesOfEnvironment): readonly VolumeConfig[] {
  if (env.S3_ENDPOINT === undefined) return env.VOLUMES;
  return [
    ...env.VOLUMES,
    {
      name: 's3',
      driver: 's3',
      endpoint: env.S3_ENDPOINT,
      publicEndpoint: env.S3_PUBLIC_ENDPOINT ?? env.S3_ENDPOINT,
      region: env.S3_REGION,
      bucket: env.S3_BUCKET,
      prefix: '',
      accessKey: env.S3_ACCESS_KEY ?? '',
      secretKey: env.S3_SECRET_KEY ?? '',
      caFile: env.S3_CA_FILE,
      urlTtl: env.S3_URL_TTL,
      delivery: env.S3_DELIVERY,
      ownVariables: true,
    },
  ];
}

interface SecretsOfEnvironment {
  readonly JWT_SECRET?: readonly JwtSecret[] | undefined;
  readonly JWT_SECRETS?: readonly JwtSecret[] | undefined;
  readonly NODE_ENV: string;
}

function wrongSecrets(env: SecretsOfEnvironment): string | undefined {
  const secrets = env.JWT_SECRETS ?? env.JWT_SECRET ?? [];
  if (env.JWT_SECRETS !== undefined && env.JWT_SECRET !== undefined)
    return 'and JWT_SECRET are both set: keep one';
  if (env.NODE_ENV === 'production' && secrets.some(({ secret }) => isPlaceholder(secret)))
    return 'is a placeholder: set a random one';
  return undefined;
}

/** Every variable that `loadConfig` reads. */
export const CONFIG_VARIABLES: readonly string[] = Object.keys(schema.shape);

/**
 * Reads the whole configuration from environment variables, once, at the start of a process.
 * An empty variable counts as unset.
 * @throws ConfigError with every wrong variable, by name
 */
export function loadConfig(environment: Environment): Config {
  const env = parse(schema, withSecretFiles(environment));
  return deepFreeze({
    http: {
      port: env.PORT,
      host: env.HOST,
      publicUrl: env.PUBLIC_URL,
      corsOrigins: env.CORS_ORIGINS,
      trustedProxies: env.TRUSTED_PROXIES,
      shutdownDelay: env.SHUTDOWN_DELAY,
    },
    database: { url: env.DATABASE_URL },
    redis: { url: env.REDIS_URL },
    auth: {
      jwtSecrets: env.JWT_SECRETS ?? env.JWT_SECRET ?? [],
      jwtSecretsFile: jwtSecretsFileOf(environment),
      jwtTtl: env.JWT_TTL,
      sessionTtl: env.SESSION_TTL,
    },
    oidc: { issuers: env.OIDC_ISSUERS },
    storage: {
      volumes: volumesOf(env),
      defaultVolume: env.DEFAULT_VOLUME,
      blobTrashDays: env.BLOB_TRASH_DAYS,
    },
    upload: {
      maxSize: env.UPLOAD_MAX_SIZE,
      chunkSize: env.UPLOAD_CHUNK_SIZE,
      sessionTtl: env.UPLOAD_SESSION_TTL,
      maxSessions: env.UPLOAD_MAX_SESSIONS,
      maxInFlight: env.UPLOAD_MAX_IN_FLIGHT,
      userQuota: env.UPLOAD_USER_QUOTA,
      allowedTypes: env.UPLOAD_TYPES_ALLOWED,
      deniedTypes: env.UPLOAD_TYPES_DENIED,
    },
    throttle: {
      api: env.RATE_LIMIT_API,
      logins: env.RATE_LIMIT_LOGINS,
      downloads: env.RATE_LIMIT_DOWNLOADS,
      tokenMisses: env.RATE_LIMIT_TOKEN_MISSES,
      chunks: env.RATE_LIMIT_CHUNKS,
    },
    download: {
      maxConcurrent: env.DOWNLOAD_MAX_CONCURRENT,
      maxConnections: env.DOWNLOAD_MAX_CONNECTIONS,
      transferRate: env.DOWNLOAD_TRANSFER_RATE,
      userRate: env.DOWNLOAD_USER_RATE,
      idleWindow: env.DOWNLOAD_IDLE_WINDOW,
      minRate: env.DOWNLOAD_MIN_RATE,
    },
    token: {
      ttl: env.DOWNLOAD_TOKEN_TTL,
      maxTtl: env.DOWNLOAD_TOKEN_MAX_TTL,
      perMinter: env.TOKENS_PER_MINTER,
    },
    nginx: { accessLog: env.NGINX_ACCESS_LOG, statusUrl: env.NGINX_STATUS_URL },
    log: { level: env.LOG_LEVEL },
  });
}

function jwtSecretsFileOf(environment: Environment): JwtSecretsFile | undefined {
  for (const variable of ['JWT_SECRETS', 'JWT_SECRET'] as const) {
    const path = environment[`${variable}_FILE`];
    if (path !== undefined && path !== '') return { path, variable };
  }
  return undefined;
}

/**
 * The secrets of a file that has changed.
 * @throws ConfigError that names the variable; then the old ones go on
 */
export function readJwtSecrets({ path, variable }: JwtSecretsFile): readonly JwtSecret[] {
  const file = withSecretFiles({ [`${variable}_FILE`]: path });
  return parse(variable === 'JWT_SECRETS' ? jwtSecrets : oneJwtSecret, file[variable] ?? '', variable);
}

/** The installation's first account, for the migration job; undefined when `ADMIN_EMAIL` is unset. */
export interface FirstAccountConfig {
  readonly email: string;
  readonly password?: string | undefined;
  readonly initialPassword?: string | undefined;
}

const firstAccountSchema = z.object({
  ADMIN_EMAIL: z.email('must be an e-mail address').optional(),
  ADMIN_PASSWORD: z.string().min(8, 'must have at least 8 characters').max(1_024, 'is too long').optional(),
  ADMIN_INITIAL_PASSWORD: z
    .string()
    .min(8, 'must have at least 8 characters')
    .max(1_024, 'is too long')
    .optional(),
});

/** @throws ConfigError with every wrong variable, by name */
export function readFirstAccount(environment: Environment): FirstAccountConfig | undefined {
  const env = parse(firstAccountSchema, withSecretFiles(environment));
  if (env.ADMIN_EMAIL === undefined) return undefined;
  return {
    email: env.ADMIN_EMAIL,
    password: env.ADMIN_PASSWORD,
    initialPassword: env.ADMIN_INITIAL_PASSWORD,
  };
}

/** @param variable when `value` is that of one variable alone */
function parse<T>(shape: z.ZodType<T>, value: unknown, variable?: string): T {
  const result = shape.safeParse(value, {
    error: (issue) => (issue.input === undefined ? 'is missing' : undefined),
  });
  if (result.success) return result.data;
  const prefix = variable === undefined ? [] : [variable];
  throw new ConfigError(
    result.error.issues
      .map((issue) => `${describePath([...prefix, ...issue.path])} ${issue.message}`)
      .join('\n'),
  );
}

function withSecretFiles(environment: Environment): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value !== '') values[name] = value;
  }
  for (const name of SECRETS) {
    const path = values[`${name}_FILE`];
    if (path === undefined) continue;
    if (values[name] !== undefined) throw new ConfigError(`${name} and ${name}_FILE are both set: keep one`);
    try {
      values[name] = readFileSync(path, 'utf8').trim();
    } catch (cause) {
      throw new ConfigError(`${name}_FILE cannot be read`, { cause });
    }
  }
  return values;
}

function describePath(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? `[${part}]` : String(part))).join(' ');
}

function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
