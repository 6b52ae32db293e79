import { afterAll, beforeAll, inject } from 'vitest';
import { Api } from './api.js';
import { Seed, type SeededUser } from './seed.js';
import type { SharedStack } from './shared-stack.js';
import { HAS_MINIO } from './stores.js';

/** A tenant of its own with the usual people, and one of another tenant: each suite makes one on the shared stack. */
export interface World {
  readonly stack: SharedStack;
  readonly seed: Seed;
  readonly tenantId: string;
  readonly foreignTenantId: string;
  readonly anonymous: Api;
  /** Uploads; what it uploads is its own. */
  readonly owner: Api;
  readonly ownerAccount: SeededUser;
  /** A colleague without any right beyond the tenant's. */
  readonly member: Api;
  readonly memberAccount: SeededUser;
  readonly admin: Api;
  readonly adminAccount: SeededUser;
  /** Runs the installation; of the tenant `default`. */
  readonly operator: Api;
  /** User and admin of another tenant. */
  readonly foreign: Api;
  readonly foreignAdmin: Api;
}

/** The ways of delivery that have the same contract: nginx in front, or the application alone. */
export const MODES = HAS_MINIO ? (['accel', 'stream', 'accel-s3'] as const) : (['accel', 'stream'] as const);
export type Mode = 'accel' | 'stream' | 'accel-s3';

/** Call it in a suite's body; the world is there when its tests run. */
export function useWorld(mode: Mode = 'accel'): World {
  const world = {} as { -readonly [K in keyof World]: World[K] };
  beforeAll(async () => {
    world.stack = inject('stack');
    const seed = (world.seed = Seed.open(world.stack));
    const [tenantId, foreignTenantId] = await Promise.all([seed.tenant(), seed.tenant()]);
    const [owner, member, admin, foreign, foreignAdmin] = await Promise.all([
      seed.user(tenantId),
      seed.user(tenantId),
      seed.user(tenantId, 'admin'),
      seed.user(foreignTenantId),
      seed.user(foreignTenantId, 'admin'),
    ]);
    const anonymous = new Api(originOf(world.stack, mode));
    const login = ({ email, password }: SeededUser): Promise<Api> => anonymous.login(email, password);
    Object.assign(world, { tenantId, foreignTenantId, anonymous });
    Object.assign(world, { ownerAccount: owner, memberAccount: member, adminAccount: admin });
    [world.owner, world.member, world.admin, world.foreign, world.foreignAdmin, world.operator] =
      await Promise.all([
        login(owner),
        login(member),
        login(admin),
        login(foreign),
        login(foreignAdmin),
        anonymous.login(world.stack.admin.email, world.stack.admin.password),
      ]);
  });
  afterAll(() => world.seed.close());
  return world;
}

/** Where what is uploaded is downloaded in that mode. */
export function originOf(stack: SharedStack, mode: Mode): string {
  switch (mode) {
    case 'accel':
      return stack.publicUrl;
    case 'stream':
      return stack.streamUrl;
    case 'accel-s3':
      return stack.s3Url ?? '';
  }
}
