import { describe, expect, it } from 'vitest';
import { createKey, SCOPES } from '../../harness/accounts.js';
import { Api } from '../../harness/api.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

describe('GET /health', () => {
  const world = useWorld();

  it.each(['/health/live', '/health/ready'])('%s: 200 for anyone, not to be cached', async (path) => {
    const answer = await world.anonymous.send(path);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ status: 'ok' });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each(['/health/live', '/health/ready'])('%s does not look at credentials', async (path) => {
    expect((await world.anonymous.as('stale').send(path)).status).toBe(200);
  });

  describe('/health/ready has details', () => {
    const ready = async (api: Api): Promise<{ status: string; details?: Details }> => {
      const answer = await api.send('/health/ready');
      expect(answer.status).toBe(200);
      return answer.json as { status: string; details?: Details };
    };
    interface Details {
      readonly schema: unknown;
      readonly redis: unknown;
      readonly volumes: readonly { name: string; freeBytes?: number; totalBytes?: number }[];
    }

    it('for an operator: parts, and free space of the volumes', async () => {
      const { status, details } = await ready(world.operator);
      expect(status).toBe('ok');
      expect(details).toMatchObject({ schema: { status: 'up' }, redis: { status: 'up' } });
      const local = details?.volumes.find(({ name }) => name === 'local');
      expect(local).toEqual({
        name: 'local',
        driver: 'fs',
        delivery: 'accel',
        freeBytes: expect.any(Number) as number,
        totalBytes: expect.any(Number) as number,
      });
      expect(local?.freeBytes).toBeGreaterThan(1_000_000);
      expect(local?.totalBytes).toBeGreaterThan(local?.freeBytes ?? Infinity);
    });

    it.skipIf(!HAS_MINIO)('of a bucket: whether it answers, and what its store can do', async () => {
      const { details } = await ready(world.operator);
      expect(details?.volumes.find(({ name }) => name === 's3')).toEqual({
        name: 's3',
        driver: 's3',
        delivery: expect.any(String) as string,
        reachable: true,
        abilities: { sts: true, notifications: true, conditionalWrites: true, directUploads: true },
        remarks: [expect.stringContaining('unfinished uploads') as string],
      });
    });

    it('for a key of an operator that has the scope stats', async () => {
      const { key } = await createKey(world.operator, ['stats']);
      expect((await ready(world.anonymous.withKey(key))).details?.volumes).not.toHaveLength(0);
    });

    it('for nobody else, and wrong credentials are as none', async () => {
      const others = SCOPES.filter((scope) => scope !== 'stats');
      const unfit = world.anonymous.withKey((await createKey(world.operator, others)).key);
      const admins = world.anonymous.withKey((await createKey(world.admin)).key);
      for (const api of [
        world.anonymous,
        world.owner,
        world.admin,
        world.foreignAdmin,
        unfit,
        admins,
        world.anonymous.as('x.y.z'),
        world.anonymous.as(`${world.operator.token?.slice(0, -3) ?? ''}AAA`),
        world.anonymous.withKey(`dsk_aaaaaaaaaa_${'A'.repeat(43)}`),
        new Api(world.anonymous.origin, world.operator.token, 'both'),
      ])
        expect(await ready(api)).toEqual({ status: 'ok' });
    });
  });
});
