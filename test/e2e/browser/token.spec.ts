import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { describeInBrowser, useBrowser } from '../../harness/browser.js';
import { listed, mint, type TokenJson } from '../../harness/download-tokens.js';
import { Line } from '../../harness/line.js';
import { until } from '../../harness/until.js';
import { MODES, type Mode, originOf, useWorld } from '../../harness/world.js';

describeInBrowser('a person is given a link that opens once', () => {
  const world = useWorld();
  const browser = useBrowser();
  const bytes = randomBytes(8_000_000);
  let line: Line | undefined;
  let pages: Server | undefined;
  afterEach(() => {
    line?.close();
    pages?.close();
    pages?.closeAllConnections();
  });

  const given = async (mode: Mode = 'accel', value = bytes) => {
    const origin = originOf(world.stack, mode);
    const file = await world.owner.via(origin).upload(value, { filename: 'long.bin' });
    const token = await mint(world.owner, file.id, { maxDownloads: 1, filename: 'für dich.bin' });
    return { origin, file, token, path: `/download/${file.id}?token=${token.token}` };
  };
  const usesOf = async (fileId: string, { id }: TokenJson): Promise<number | undefined> =>
    (await listed(world.owner, fileId)).find((one) => one.id === id)?.used;
  const showLinkTo = (url: string): Promise<void> => browser.page.setContent(`<a href="${url}">The file</a>`);
  const clickOnLink = (): Promise<void> => browser.page.getByRole('link').click();
  /** A page of somebody else with this head and a link. */
  const pageWith = async (head: string, url: string): Promise<string> => {
    pages = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(
        `<!doctype html><head><link rel="icon" href="data:,">${head}</head><a href="${url}">The file</a>`,
      );
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    return `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`;
  };

  it.each(MODES)(
    'it arrives under the name that was chosen, and a second time is refused (%s)',
    async (mode) => {
      const { origin, file, token, path } = await given(mode, bytes.subarray(0, 100_000));
      await showLinkTo(origin + path);
      const saved = await browser.download(clickOnLink);
      expect(basename(saved)).toBe('für dich.bin');
      expect((await readFile(saved)).equals(bytes.subarray(0, 100_000))).toBe(true);
      expect(await usesOf(file.id, token)).toBe(1);

      const shown = await until(
        async () => {
          const answer = browser.page.waitForResponse(/\/download\//);
          await browser.page.goto(origin + path).catch(() => undefined);
          return answer;
        },
        // Until nginx has told that all of it went out, its client may begin again by its cookie.
        (answer) => answer.status() === 403,
      );
      expect(shown.status()).toBe(403);
      expect(await shown.json()).toMatchObject({ code: 'token-exhausted' });
      await browser.screenshot(`a link that is used up (${mode})`);
      expect(await usesOf(file.id, token)).toBe(1);
    },
  );

  it.each(MODES)(
    'it breaks off, and the browser takes it up again without another use (%s)',
    async (mode) => {
      const { origin, file, token, path } = await given(mode);
      line = await Line.to(origin, 3_000_000);
      await showLinkTo(line.origin + path);
      const saved = await browser.download(clickOnLink);
      expect(basename(saved)).toBe('für dich.bin');
      expect((await readFile(saved)).equals(bytes)).toBe(true);
      expect(line.requests).toHaveLength(2);
      expect(line.requests[1]).toMatch(/^Range: bytes=\d{7}-\r$/im);
      expect(await usesOf(file.id, token)).toBe(1);
      expectProblem(await world.anonymous.via(origin).send(path), 403, 'token-exhausted');
    },
  );

  it.each([
    ['<link rel=prefetch>', (url: string) => `<link rel="prefetch" href="${url}">`],
    [
      'speculation rules that prefetch',
      (url: string) =>
        `<script type="speculationrules">${JSON.stringify({ prefetch: [{ urls: [url], eagerness: 'immediate' }] })}</script>`,
    ],
    [
      'speculation rules that prerender',
      (url: string) =>
        `<script type="speculationrules">${JSON.stringify({ prerender: [{ urls: [url], eagerness: 'immediate' }] })}</script>`,
    ],
  ])('a page with %s does not use it up', async (_, head) => {
    const { origin, file, token, path } = await given();
    // What the browser itself sends ahead is seen on the line.
    line = await Line.to(origin, Infinity);
    const url = line.origin + path;
    const page = await pageWith(head(url), url);
    await browser.page.goto(page);
    const { requests } = line;
    await until(
      () => Promise.resolve(requests.length),
      (count) => count > 0,
      3_000,
    );
    for (const request of requests) expect(request).toMatch(/^(?:Sec-)?Purpose: prefetch/im);
    expect(requests.length).toBeGreaterThan(0);
    expect(await usesOf(file.id, token)).toBe(0);

    const saved = await browser.download(clickOnLink);
    expect((await readFile(saved)).equals(bytes)).toBe(true);
    expect(await usesOf(file.id, token)).toBe(1);
  });
});
