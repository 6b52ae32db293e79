import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { describeInBrowser, useBrowser } from '../../harness/browser.js';
import { Line } from '../../harness/line.js';
import { MODES, originOf, useWorld } from '../../harness/world.js';

describeInBrowser('a download breaks off', () => {
  const world = useWorld();
  const browser = useBrowser();
  const bytes = randomBytes(8_000_000);
  let line: Line | undefined;
  afterEach(() => line?.close());

  it.each(MODES)('and the browser takes it up again where it was (%s)', async (mode) => {
    const origin = originOf(world.stack, mode);
    const owner = world.owner.via(origin);
    const file = await owner.upload(bytes, { filename: 'long.bin', visibility: 'public' });
    line = await Line.to(origin, 3_000_000);
    await browser.page.setContent(`<a href="${line.origin}/download/${file.id}">long.bin</a>`);
    const path = await browser.download(() => browser.page.getByRole('link').click());

    expect(basename(path)).toBe('long.bin');
    expect((await readFile(path)).equals(bytes)).toBe(true);
    const [first = '', second = '', ...more] = line.requests;
    expect(more).toEqual([]);
    expect(first).not.toMatch(/^Range:/im);
    const [, from] = /^Range: bytes=(\d+)-\r$/im.exec(second) ?? [];
    // What it has, it does not fetch again; the headers went through the line too.
    expect(Number(from)).toBeGreaterThan(2_990_000);
    expect(Number(from)).toBeLessThan(3_000_000);
    expect(second).toMatch(new RegExp(`^If-Range: "${file.sha256}"\\r$`, 'im'));
  });
});
