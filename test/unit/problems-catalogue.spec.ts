import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Codes with their status, as the sources and the nginx template write them. */
function codesIn(text: string): [string, string][] {
  const inSource = [...text.matchAll(/code: '([a-z-]+)',\s*status: (\d{3})/g)];
  const inNginx = [...text.matchAll(/"status":(\d{3}).*?"code":"([a-z-]+)"/g)].map(([all, status, code]) => [
    all,
    code,
    status,
  ]);
  return [...inSource, ...inNginx].map(([, code = '', status = '']) => [code, status]);
}

describe('docs/problems.md', () => {
  it('lists every problem with its status, and nothing else', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.problems.ts'))
      .map((path) => readFileSync(join('src', path), 'utf8'));
    const template = readFileSync('deploy/nginx/nginx.conf.template', 'utf8');
    const defined = new Map([...sources, template].flatMap(codesIn));
    const listed = new Map(
      [...readFileSync('docs/problems.md', 'utf8').matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(
        ([, code, status]) => [code, status],
      ),
    );
    expect(defined.size).toBeGreaterThan(10);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(defined));
  });
});
