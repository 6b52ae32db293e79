import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_VARIABLES, ConfigError, loadConfig } from '../../src/common/config/load-config.js';

const SECRET = 'k9'.repeat(16);
const LEAST = { DATABASE_URL: 'postgres://u:p@db/x', REDIS_URL: 'redis://r', JWT_SECRET: SECRET };

function messageOf(environment: Record<string, string | undefined>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
}

describe('loadConfig', () => {
  it('has a default for everything but the servers and the secret', () => {
    expect(loadConfig(LEAST)).toMatchObject({
      http: {
        port: 3000,
        host: '127.0.0.1',
        publicUrl: 'http://localhost:8080',
        trustedProxies: ['loopback'],
      },
      auth: { jwtTtl: 900, sessionTtl: 2_592_000 },
      storage: { defaultVolume: 'local', volumes: [{ name: 'local', driver: 'fs', delivery: 'stream' }] },
      upload: { maxSize: 5 * 2 ** 30 },
    });
  });

  it('is frozen through and through', () => {
    const config = loadConfig(LEAST);
    expect(Object.isFrozen(config) && Object.isFrozen(config.storage.volumes[0])).toBe(true);
  });

  it('counts an empty variable as unset', () => {
    expect(loadConfig({ ...LEAST, PORT: '', VOLUMES: '' }).http.port).toBe(3000);
  });

  it('names every missing variable at once', () => {
    expect(messageOf({}).split('\n').toSorted()).toEqual([
      'DATABASE_URL is missing',
      'JWT_SECRET is missing',
      'REDIS_URL is missing',
    ]);
  });

  it.each([
    ['PORT', '0'],
    ['PORT', '65536'],
    ['PORT', '80a'],
    ['PORT', '1e3'],
    ['PUBLIC_URL', 'localhost:8080'],
    ['PUBLIC_URL', 'ftp://x'],
    ['PUBLIC_URL', 'https://x/path'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '10.0.0.0/8,,'],
    ['TRUSTED_PROXIES', 'everyone'],
    ['DATABASE_URL', 'mysql://hunter2'],
    ['REDIS_URL', 'hunter2'],
    ['JWT_SECRET', 'hunter2'],
    ['JWT_TTL', '-1'],
    ['DOWNLOAD_MAX_CONCURRENT', '-7'],
    ['DOWNLOAD_MAX_CONCURRENT', '2000001'],
    ['DOWNLOAD_USER_RATE', '1023'],
    ['DOWNLOAD_TRANSFER_RATE', '-5'],
    ['DOWNLOAD_MIN_RATE', '-7'],
    ['DOWNLOAD_TOKEN_TTL', '-7'],
    ['RATE_LIMIT_DOWNLOADS', '-7'],
    ['NGINX_STATUS_URL', 'https://x'],
    ['VOLUMES', 'hunter2'],
    ['VOLUMES', '[]'],
    ['VOLUMES', '{"hunter2":1}'],
    ['VOLUMES', '[{"name":"a","driver":"s3","root":"hunter2"}]'],
    ['VOLUMES', '[{"name":"a","driver":"fs"}]'],
    ['VOLUMES', '[{"name":"A/..","driver":"fs","root":"/x"}]'],
    ['VOLUMES', '[{"name":"a","driver":"fs","root":"/x","delivery":"redirect"}]'],
    ['VOLUMES', '[{"name":"local","driver":"fs","root":"/x"},{"name":"local","driver":"fs","root":"/y"}]'],
    ['S3_ENDPOINT', 'hunter2'],
    ['S3_ENDPOINT', 'https://x/hunter2'],
    ['S3_ENDPOINT', 'https://hunter2@x'],
    ['S3_PUBLIC_ENDPOINT', 's3://hunter2'],
    ['S3_BUCKET', 'Hunter2_'],
    ['S3_BUCKET', 'x'],
    ['S3_DELIVERY', 'hunter2'],
    ['S3_DELIVERY', 'accel-9'],
    ['S3_URL_TTL', '-7'],
    ['S3_URL_TTL', '604801'],
    ['OIDC_ISSUERS', '[{hunter2}]'],
    ['DEFAULT_VOLUME', 'hunter2'],
    ['UPLOAD_MAX_SIZE', '5GiB'],
    ['UPLOAD_CHUNK_SIZE', '1048576'],
    ['UPLOAD_CHUNK_SIZE', '67108865'],
    ['UPLOAD_SESSION_TTL', '604801'],
    ['UPLOAD_MAX_SESSIONS', '-7'],
    ['UPLOAD_MAX_IN_FLIGHT', '-7'],
    ['UPLOAD_USER_QUOTA', '-7'],
    ['UPLOAD_TYPES_ALLOWED', 'hunter2'],
    ['UPLOAD_TYPES_DENIED', '*/*'],
    ['RATE_LIMIT_CHUNKS', '-7'],
    ['CORS_ORIGINS', 'https://app.example.com/'],
    ['CORS_ORIGINS', '*'],
    ['BLOB_TRASH_DAYS', '0.5'],
    ['BLOB_TRASH_DAYS', '-7'],
    ['BLOB_TRASH_DAYS', '36501'],
    ['BLOB_TRASH_DAYS', '1 day'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s by name and never repeats the value', (name, value) => {
    const message = messageOf({ ...LEAST, [name]: value });
    expect(message.startsWith(name)).toBe(true);
    expect(message).not.toContain(value);
    expect(message).not.toContain('hunter2');
  });

  const BUCKET = {
    name: 'a',
    driver: 's3',
    endpoint: 'http://minio:9000',
    bucket: 'blobs',
    accessKey: 'AKID',
    secretKey: 'hunter2hunter2',
  };
  it.each([
    ['no endpoint', { endpoint: undefined }],
    ['an endpoint with a path', { endpoint: 'http://minio:9000/x' }],
    ['no bucket', { bucket: undefined }],
    ['a bucket with dots', { bucket: 'a.b.c' }],
    ['no key', { accessKey: '' }],
    ['no secret', { secretKey: undefined }],
    ['a prefix that is no folder', { prefix: 'x' }],
    ['a prefix out of the bucket', { prefix: '../' }],
    ['a life of more than seven days', { urlTtl: 604_801 }],
    ['a life in text', { urlTtl: '300' }],
    ["another driver's delivery", { delivery: 'accel' }],
    ['a root', { root: '/x' }],
    ['a misspelt member', { public_endpoint: 'http://x' }],
  ])('refuses a bucket with %s', (_, change) => {
    const message = messageOf({
      ...LEAST,
      VOLUMES: JSON.stringify([{ ...BUCKET, ...change }]),
      DEFAULT_VOLUME: 'a',
    });
    expect(message).toMatch(/^VOLUMES/);
    expect(message).not.toContain('hunter2');
  });

  it('takes a bucket with what is usual', () => {
    const { storage } = loadConfig({ ...LEAST, VOLUMES: JSON.stringify([BUCKET]), DEFAULT_VOLUME: 'a' });
    expect(storage.volumes).toEqual([
      {
        ...BUCKET,
        publicEndpoint: BUCKET.endpoint,
        region: 'us-east-1',
        prefix: '',
        urlTtl: 300,
        delivery: 'auto',
        caFile: undefined,
      },
    ]);
  });

  const SHORTHAND = {
    S3_ENDPOINT: 'http://minio:9000/',
    S3_ACCESS_KEY: 'AKID',
    S3_SECRET_KEY: 'hunter2hunter2',
  };
  it('S3_ENDPOINT adds one volume beside the others', () => {
    const { storage } = loadConfig({
      ...LEAST,
      ...SHORTHAND,
      S3_PUBLIC_ENDPOINT: 'https://files.example.com',
    });
    expect(storage.defaultVolume).toBe('local');
    expect(storage.volumes.map(({ name }) => name)).toEqual(['local', 's3']);
    expect(storage.volumes[1]).toMatchObject({
      endpoint: 'http://minio:9000',
      publicEndpoint: 'https://files.example.com',
      bucket: 'download-service',
      urlTtl: 300,
      delivery: 'auto',
    });
    const named = JSON.stringify([{ ...BUCKET, name: 's3' }]);
    expect(messageOf({ ...LEAST, ...SHORTHAND, VOLUMES: named, DEFAULT_VOLUME: 's3' })).toBe(
      'VOLUMES has two volumes of one name',
    );
  });

  it('S3_ENDPOINT wants its keys', () => {
    expect(messageOf({ ...LEAST, S3_ENDPOINT: 'http://minio:9000' }).split('\n')).toEqual([
      'S3_ACCESS_KEY is missing: S3_ENDPOINT is set',
      'S3_SECRET_KEY is missing: S3_ENDPOINT is set',
    ]);
  });

  it.each(['minioadmin', 'changeme123', 'password'])(
    'refuses %s for the key of a store in production',
    (secretKey) => {
      const production = { ...LEAST, NODE_ENV: 'production' };
      expect(messageOf({ ...production, ...SHORTHAND, S3_SECRET_KEY: secretKey })).toMatch(/^S3_SECRET_KEY/);
      const volumes = JSON.stringify([{ ...BUCKET, secretKey }]);
      expect(messageOf({ ...production, VOLUMES: volumes, DEFAULT_VOLUME: 'a' })).toMatch(/^VOLUMES a /);
    },
  );

  it.each(['/nowhere', '.', 'package.json'])('refuses S3_CA_FILE=%s', (path) => {
    const wrong = 'must be a file of PEM certificates that can be read';
    expect(messageOf({ ...LEAST, S3_CA_FILE: path })).toBe(`S3_CA_FILE ${wrong}`);
    const volume = { name: 'local', driver: 's3', endpoint: 'https://x', bucket: 'abc' };
    const VOLUMES = JSON.stringify([{ ...volume, accessKey: 'a', secretKey: 'b', caFile: path }]);
    expect(messageOf({ ...LEAST, VOLUMES })).toBe(`VOLUMES [0] caFile ${wrong}`);
  });

  it('keeps the trash at least as long as a presigned URL lives', () => {
    const store = {
      S3_ENDPOINT: 'http://store',
      S3_ACCESS_KEY: 'a',
      S3_SECRET_KEY: 'b',
      S3_URL_TTL: '172801',
    };
    expect(messageOf({ ...LEAST, ...store, BLOB_TRASH_DAYS: '2' })).toBe(
      'BLOB_TRASH_DAYS must be at least as long as the presigned URLs of every volume live',
    );
    expect(loadConfig({ ...LEAST, ...store, BLOB_TRASH_DAYS: '3' }).storage.blobTrashDays).toBe(3);
    expect(loadConfig({ ...LEAST, BLOB_TRASH_DAYS: '1' }).storage.blobTrashDays).toBe(1);
    expect(loadConfig(LEAST).storage.blobTrashDays).toBe(30);
  });

  it.each([
    [
      { DOWNLOAD_TOKEN_TTL: '600', DOWNLOAD_TOKEN_MAX_TTL: '599' },
      'DOWNLOAD_TOKEN_TTL must not be longer than',
    ],
    [{ NGINX_ACCESS_LOG: '/x' }, 'NGINX_ACCESS_LOG and NGINX_STATUS_URL go together'],
    [{ NGINX_STATUS_URL: 'http://127.0.0.1:1' }, 'NGINX_ACCESS_LOG and NGINX_STATUS_URL go together'],
  ])('%j: %s', (more, message) => {
    expect(messageOf({ ...LEAST, ...more })).toContain(message);
  });

  it('reads a secret from NAME_FILE', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'secret');
    writeFileSync(path, `${SECRET}\n`);
    const { auth } = loadConfig({ ...LEAST, JWT_SECRET: undefined, JWT_SECRET_FILE: path });
    expect(auth.jwtSecrets).toEqual([{ kid: 'default', secret: SECRET }]);
    expect(auth.jwtSecretsFile).toEqual({ path, variable: 'JWT_SECRET' });
    expect(messageOf({ ...LEAST, JWT_SECRET_FILE: path })).toBe(
      'JWT_SECRET and JWT_SECRET_FILE are both set: keep one',
    );
    expect(messageOf({ ...LEAST, JWT_SECRET: undefined, JWT_SECRET_FILE: '/nowhere' })).toBe(
      'JWT_SECRET_FILE cannot be read',
    );
  });

  it.each([
    'change-me-change-me-change-me-change-me',
    'secretsecretsecretsecretsecretsecret',
    'x'.repeat(40),
  ])('refuses the placeholder %s in production', (secret) => {
    expect(messageOf({ ...LEAST, NODE_ENV: 'production', JWT_SECRET: secret })).toBe(
      'JWT_SECRET is a placeholder: set a random one',
    );
    expect(loadConfig({ ...LEAST, JWT_SECRET: secret }).auth.jwtSecrets[0]?.secret).toBe(secret);
  });

  it('reads a list of signing keys, the first of which signs', () => {
    const list = [
      { kid: 'b', secret: 'b'.repeat(40) },
      { kid: 'a', secret: 'a'.repeat(40), notAfter: '2027-01-01T00:00:00Z' },
    ];
    const { auth } = loadConfig({ ...LEAST, JWT_SECRET: undefined, JWT_SECRETS: JSON.stringify(list) });
    expect(auth.jwtSecrets).toEqual([list[0], { ...list[1], notAfter: new Date('2027-01-01T00:00:00Z') }]);
    expect(auth.jwtSecretsFile).toBeUndefined();
  });

  it.each([
    ['{', 'JWT_SECRETS must be a JSON list of secrets'],
    ['{}', 'JWT_SECRETS must be a JSON list of secrets'],
    ['[]', 'JWT_SECRETS must have at least one secret'],
    ['[{"kid":"a","secret":"hunter2"}]', 'JWT_SECRETS [0] secret must have at least 32 bytes'],
    [
      `[{"kid":"a b","secret":"${SECRET}"}]`,
      'JWT_SECRETS [0] kid must be 1 to 64 letters, digits, ".", "_" or "-"',
    ],
    [
      `[{"kid":"a","secret":"${SECRET}"},{"kid":"a","secret":"${SECRET}"}]`,
      'JWT_SECRETS has two secrets of one kid',
    ],
    [
      `[{"kid":"a","secret":"${SECRET}","notAfter":"tomorrow"}]`,
      'JWT_SECRETS [0] notAfter must be a time with a zone, as in 2027-01-01T00:00:00Z',
    ],
  ])('refuses JWT_SECRETS=%s', (value, message) => {
    expect(messageOf({ ...LEAST, JWT_SECRET: undefined, JWT_SECRETS: value })).toBe(message);
  });

  it('refuses JWT_SECRET beside JWT_SECRETS', () => {
    const list = JSON.stringify([{ kid: 'a', secret: SECRET }]);
    expect(messageOf({ ...LEAST, JWT_SECRETS: list })).toBe(
      'JWT_SECRETS and JWT_SECRET are both set: keep one',
    );
  });

  const ISSUER = { issuer: 'https://login.example.com/realms/acme', audience: 'downloads', tenant: 'acme' };

  it('reads the identity providers, with defaults', () => {
    const full = {
      issuer: 'http://127.0.0.1:8081/',
      audience: ['a', 'b'],
      tenant: 'default',
      jwksUri: 'https://keys.example.com/jwks?tenant=1',
      roleClaim: 'realm_access.roles',
      roles: { boss: 'admin', ops: 'operator' },
      defaultRole: null,
      emailClaim: 'upn',
    };
    expect(loadConfig({ ...LEAST, OIDC_ISSUERS: JSON.stringify([ISSUER, full]) }).oidc.issuers).toEqual([
      { ...ISSUER, audience: ['downloads'], roles: {}, defaultRole: 'user', emailClaim: 'email' },
      full,
    ]);
    expect(loadConfig(LEAST).oidc.issuers).toEqual([]);
    const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'issuers');
    writeFileSync(path, JSON.stringify([ISSUER]));
    expect(loadConfig({ ...LEAST, OIDC_ISSUERS_FILE: path }).oidc.issuers).toHaveLength(1);
  });

  const SECURE_URL = 'must be an https:// URL (http:// on loopback only) without user, query and fragment';
  it.each<[string, unknown, string]>([
    ['an object', {}, 'OIDC_ISSUERS must be a JSON list of issuers'],
    ['one issuer twice', [ISSUER, ISSUER], 'OIDC_ISSUERS names one issuer twice'],
    ['no issuer', [{ ...ISSUER, issuer: undefined }], 'OIDC_ISSUERS [0] issuer is missing'],
    ['http', [{ ...ISSUER, issuer: 'http://hunter2.example' }], `OIDC_ISSUERS [0] issuer ${SECURE_URL}`],
    ['a user', [{ ...ISSUER, issuer: 'https://hunter2@x.example' }], `OIDC_ISSUERS [0] issuer ${SECURE_URL}`],
    [
      'a query',
      [{ ...ISSUER, issuer: 'https://x.example/?hunter2' }],
      `OIDC_ISSUERS [0] issuer ${SECURE_URL}`,
    ],
    ['no URL', [{ ...ISSUER, issuer: 'hunter2' }], `OIDC_ISSUERS [0] issuer ${SECURE_URL}`],
    [
      'nearly loopback',
      [{ ...ISSUER, issuer: 'http://127.hunter2.example' }],
      `OIDC_ISSUERS [0] issuer ${SECURE_URL}`,
    ],
    [
      'keys by http',
      [{ ...ISSUER, jwksUri: 'http://hunter2.example/jwks' }],
      'OIDC_ISSUERS [0] jwksUri must be an https:// URL (http:// on loopback only) without user',
    ],
    ['no audience', [{ ...ISSUER, audience: [] }], 'OIDC_ISSUERS [0] audience must name at least one'],
    [
      'a number for an audience',
      [{ ...ISSUER, audience: 7 }],
      'OIDC_ISSUERS [0] audience must be a text or a list of texts',
    ],
    ['no slug', [{ ...ISSUER, tenant: 'Hunter2!' }], 'OIDC_ISSUERS [0] tenant must be the slug of a tenant'],
    [
      'another role',
      [{ ...ISSUER, roleClaim: 'roles', roles: { boss: 'hunter2' } }],
      'OIDC_ISSUERS [0] roles boss must be "operator", "admin" or "user"',
    ],
    [
      'roles from nowhere',
      [{ ...ISSUER, roles: { boss: 'admin' } }],
      'OIDC_ISSUERS [0] roleClaim is missing: roles has nothing to map',
    ],
    [
      'a claim for nothing',
      [{ ...ISSUER, roleClaim: 'x' }],
      'OIDC_ISSUERS [0] roles must map values of roleClaim',
    ],
    [
      'nobody',
      [{ ...ISSUER, defaultRole: null }],
      'OIDC_ISSUERS [0] defaultRole is null and no roles are mapped: nobody could come in',
    ],
    [
      'a default that is too much',
      [{ ...ISSUER, defaultRole: 'admin' }],
      'OIDC_ISSUERS [0] defaultRole must be "user" or null',
    ],
    ['a misspelt member', [{ ...ISSUER, audiences: 'x' }], 'OIDC_ISSUERS [0] Unrecognized key: "audiences"'],
  ])('refuses OIDC_ISSUERS with %s', (_name, value, message) => {
    expect(messageOf({ ...LEAST, OIDC_ISSUERS: JSON.stringify(value) })).toBe(message);
  });

  it('every variable has its row in the README', () => {
    const table = readFileSync('README.md', 'utf8').split('## Configuration')[1] ?? '';
    const rows = table.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    expect(named.toSorted()).toEqual([...CONFIG_VARIABLES].toSorted());
  });
});
