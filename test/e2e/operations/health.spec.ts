import { describe, expect, it } from 'vitest';
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
});
