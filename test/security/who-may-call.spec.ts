import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { multipart } from '../harness/api.js';
import type { Request } from '../harness/http.js';
import { useWorld, type World } from '../harness/world.js';

type Caller = 'anonymous' | 'owner' | 'member' | 'admin' | 'foreign' | 'foreignAdmin';
type Statuses = Readonly<Record<Caller, number>>;

interface Row {
  /** As in openapi.json. */
  readonly route: string;
  readonly request?: (world: World) => Request;
  readonly statuses: Statuses;
}

const all = (status: number, anonymous = status): Statuses => ({
  anonymous,
  owner: status,
  member: status,
  admin: status,
  foreign: status,
  foreignAdmin: status,
});

const json = (body: unknown, method = 'POST'): Request => ({
  method,
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json' },
});

/** Who gets which answer, on a private file of `owner`. A route without a row fails the last test. */
const TABLE: readonly Row[] = [
  { route: 'get /health/live', statuses: all(200) },
  { route: 'get /health/ready', statuses: all(200) },
  {
    route: 'post /api/v1/auth/login',
    request: ({ ownerAccount: { email, password } }) => json({ email, password }),
    statuses: all(200),
  },
  { route: 'get /api/v1/auth/me', statuses: all(200, 401) },
  {
    route: 'post /api/v1/files',
    request: () => ({ method: 'POST', ...multipart([{ name: 'file', value: 'x', filename: 'x' }]) }),
    statuses: all(201, 401),
  },
  { route: 'get /api/v1/files', statuses: all(200, 401) },
  {
    route: 'patch /api/v1/files/{id}',
    request: () => json({ filename: 'renamed' }, 'PATCH'),
    statuses: { anonymous: 401, owner: 200, member: 404, admin: 200, foreign: 404, foreignAdmin: 404 },
  },
  {
    route: 'get /api/v1/files/{id}',
    statuses: { anonymous: 401, owner: 200, member: 404, admin: 200, foreign: 404, foreignAdmin: 404 },
  },
  {
    route: 'get /download/{fileId}',
    statuses: { anonymous: 401, owner: 200, member: 404, admin: 200, foreign: 404, foreignAdmin: 404 },
  },
  {
    route: 'delete /api/v1/files/{id}',
    request: () => ({ method: 'DELETE' }),
    statuses: { anonymous: 401, owner: 204, member: 404, admin: 204, foreign: 404, foreignAdmin: 404 },
  },
  // Last: it ends the callers' sessions.
  { route: 'post /api/v1/auth/logout', request: () => ({ method: 'POST' }), statuses: all(204, 401) },
];

describe('who may call', () => {
  const world = useWorld();

  it.each(TABLE)('$route', async ({ route, request, statuses }) => {
    for (const caller of Object.keys(statuses) as Caller[]) {
      const file = await world.owner.upload(randomBytes(10)).catch(() => ({ id: '1' }));
      const path = (route.split(' ')[1] ?? '').replace(/\{\w+\}/, file.id);
      const answer = await world[caller].send(path, request?.(world));
      expect(answer.status, `${caller}: ${answer.text.slice(0, 300)}`).toBe(statuses[caller]);
    }
  });

  it('the table has every route of the API', () => {
    const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, object> };
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(TABLE.map(({ route }) => route).toSorted()).toEqual(routes.toSorted());
  });
});
