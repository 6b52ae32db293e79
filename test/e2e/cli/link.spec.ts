import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { useCli } from '../../harness/cli.js';
import { send } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

describe('download-service link', () => {
  const world = useWorld();
  const cli = useCli();
  const bytes = randomBytes(1_000);
  beforeEach(() => {
    cli.env = {
      DOWNLOAD_SERVICE_URL: world.stack.publicUrl,
      DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '',
    };
  });
  const open = (url: string): ReturnType<typeof send> => {
    const { origin, pathname, search } = new URL(url);
    return send(origin, pathname + search);
  };

  it('to a file of the service: the URL and nothing else is printed', async () => {
    const { id } = await world.owner.upload(bytes);
    const { stdout } = await cli.run(['link', id, '--expires-in', '2h', '--max-downloads', '1']);
    expect(stdout).toMatch(new RegExp(`^${world.stack.publicUrl}/download/${id}\\?token=dlt_[\\w-]{43}\n$`));
    expect((await open(stdout.trim())).body.equals(bytes)).toBe(true);
    const listed = await world.owner.send(`/api/v1/files/${id}/tokens`);
    const [token] = (listed.json as { items: { expiresAt: string; maxDownloads: number }[] }).items;
    expect(token?.maxDownloads).toBe(1);
    expect((Date.parse(token?.expiresAt ?? '') - Date.now()) / 1_000).toBeGreaterThan(7_100);
  });

  it('to a local file, which is uploaded first', async () => {
    await writeFile(join(cli.folder, '42'), bytes);
    const { stdout } = await cli.run(['link', './42', '--name', 'für dich.bin']);
    const answer = await open(stdout.trim());
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers['content-disposition']).toContain("filename*=UTF-8''f%C3%BCr%20dich.bin");
  });

  it('for networks', async () => {
    const { id } = await world.owner.upload(bytes);
    const { stdout } = await cli.run([
      'link',
      id,
      '--allow-ip',
      '203.0.113.0/24',
      '--allow-ip',
      '2001:db8::/32',
    ]);
    expect((await open(stdout.trim())).status).toBe(403);
  });

  it.each([
    ['a file that is not there', ['9007199254740993'], /404 file-not-found/],
    ['a life that is too long', ['1', '--expires-in', '999d'], /400 validation-failed|404/],
    ['what is no network', ['1', '--allow-ip', 'everywhere'], /400 validation-failed/],
  ])('%s: 1', async (_, args, message) => {
    expect((await cli.run(['link', ...args], 1)).stderr).toMatch(message);
  });

  it('without credentials: 1', async () => {
    cli.env = { DOWNLOAD_SERVICE_URL: world.stack.publicUrl };
    const { id } = await world.owner.upload(bytes);
    expect((await cli.run(['link', id], 1)).stderr).toContain('401 unauthenticated');
  });
});
