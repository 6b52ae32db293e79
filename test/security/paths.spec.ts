import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { useWorld } from '../harness/world.js';

describe('authorisation is on the route, not on the text of the URL', () => {
  const world = useWorld();

  it.each([
    (id: string) => `/%64ownload/${id}`,
    (id: string) => `//download/${id}`,
    (id: string) => `/download//${id}`,
    (id: string) => `/DOWNLOAD/${id}`,
    (id: string) => `/Download/${id}`,
    (id: string) => `/download/${id}/`,
    (id: string) => `/download/${id}/.`,
    (id: string) => `/download/./${id}`,
    (id: string) => `/x/../download/${id}`,
    (id: string) => `/download/%3${id.charAt(0)}${id.slice(1)}`,
    (id: string) => `/download/${id}%2f`,
    (id: string) => `/download/${id};x`,
    (id: string) => `/download/${id}%00`,
    (id: string) => `/download/${id}%0d%0aX-Accel-Redirect:%20/_accel/local/whole/1`,
    (id: string) => `/download/%2e%2e/download/${id}`,
    (id: string) => `/download/x/%2e%2e/${id}`,
    (id: string) => `/download/1/../${id}`,
    (id: string) => `/download%2f${id}`,
    (id: string) => `/download\\${id}`,
    (id: string) => `/download/0${id}`,
    (id: string) => `/download/+${id}`,
    (id: string) => `/download/${id}.0`,
    (id: string) => `/download/${id}%20`,
    (id: string) => `/download/${id}e0`,
    () => `/download/%D9%A4`,
    (id: string) => `http://127.0.0.1/download/${id}`,
    (id: string) => `/_accel/local/whole/${id}`,
    (id: string) => `/%5faccel/local/whole/${id}`,
    (id: string) => `/_store/s3/${id}`,
    (id: string) => `/_problem/content-missing?${id}`,
    (id: string) => `/download/${id}#x`,
    (id: string) => `/api/v1/../../download/${id}`,
    (id: string) => `/api/v1/files/${id}/../../auth/me`,
  ])('%s', async (path) => {
    const file = await world.owner.upload(randomBytes(100));
    for (const origin of [world.stack.publicUrl, world.stack.appUrl]) {
      for (const api of [world.anonymous, world.member, world.foreign]) {
        const answer = await api.via(origin).send(path(file.id));
        // A URL of /auth/me that nginx has made plain is /auth/me; everything else is refused.
        if (answer.status === 200)
          expect(answer.json).toMatchObject({ email: expect.any(String) as unknown });
        else expect([400, 401, 404]).toContain(answer.status);
      }
    }
  });

  it('a request past nginx is authorised the same, and its X-Accel-Redirect is all it gets', async () => {
    const file = await world.owner.upload(randomBytes(100));
    const past = world.owner.via(world.stack.appUrl);
    const answer = await past.download(file.id);
    expect(answer.status).toBe(200);
    expect(answer.headers['x-accel-redirect']).toMatch(/^\/_accel\/local\/whole\//);
    expect(answer.body).toHaveLength(0);
    expectProblem(await past.as(undefined).download(file.id), 401, 'unauthenticated');
  });
});
