import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

interface Operation {
  summary?: string;
  operationId?: string;
  responses: Record<string, { description?: string; content?: Record<string, unknown> }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

describe('the API’s description', () => {
  const world = useWorld();

  it('/openapi.json is the committed document', async () => {
    const answer = await world.anonymous.send('/openapi.json');
    expect(answer.json).toEqual(JSON.parse(readFileSync('openapi.json', 'utf8')));
    expect((answer.json as Document).openapi).toBe('3.1.0');
  });

  it('every operation has a summary, an id of its own and says what it answers', async () => {
    const { paths } = (await world.anonymous.send('/openapi.json')).json as Document;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    );
    expect(operations.length).toBeGreaterThanOrEqual(8);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { name, summary, responses } of operations) {
      expect(summary, name).toMatch(/\w/);
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description, `${name} ${status}`).toMatch(/\w/);
        if (Number(status) >= 400)
          expect(Object.keys(content ?? {}), name).toEqual(['application/problem+json']);
      }
    }
  });

  it('/docs is Swagger UI', async () => {
    const answer = await world.anonymous.send('/docs');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('swagger-ui');
    expect((await world.anonymous.send('/docs/swagger-ui-bundle.js')).status).toBe(200);
  });

  it('404: what is not a route, as a problem', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/v1',
      '/api/v1/nothing',
      '/download',
      '/download/',
      '/.env',
      '/metrics',
    ]) {
      expectProblem(await world.anonymous.send(path), 404, 'route-not-found');
    }
    expectProblem(await world.anonymous.send('/download/1', { method: 'POST' }), 404, 'route-not-found');
  });
});
