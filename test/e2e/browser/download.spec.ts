import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { describeInBrowser, useBrowser } from '../../harness/browser.js';
import { useWorld } from '../../harness/world.js';

describeInBrowser('a person clicks on a link to a public file', () => {
  const world = useWorld();
  const browser = useBrowser();
  const bytes = randomBytes(1_000_000);

  const uploaded = (filename: string, value = bytes, type = 'application/octet-stream'): Promise<FileJson> =>
    world.owner.upload(value, { filename, type, visibility: 'public' });
  const showLinkTo = ({ id }: FileJson): Promise<void> =>
    browser.page.setContent(`<a href="${world.stack.publicUrl}/download/${id}">The file</a>`);
  const clickOnLink = (): Promise<void> => browser.page.getByRole('link').click();

  it.each([
    ['отчёт 100% final.bin', 'отчёт 100% final.bin'],
    // What no file can be called on some system, Chromium replaces everywhere.
    ['a "quoted" 🚀 <name>.bin', 'a _quoted_ 🚀 _name_.bin'],
  ])('%s arrives as %s', async (filename, saved) => {
    await showLinkTo(await uploaded(filename));
    const path = await browser.download(clickOnLink);

    expect(basename(path)).toBe(saved);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it.each([
    ['page.html', 'text/html', '<!doctype html><title>rendered</title><script>alert(1)</script>'],
    [
      'picture.svg',
      'image/svg+xml',
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    ],
    ['report.pdf', 'application/pdf', '%PDF-1.4'],
  ])('%s is saved, never shown', async (filename, type, text) => {
    const value = Buffer.from(text);
    await showLinkTo(await uploaded(filename, value, type));
    const answered = browser.page.waitForResponse(/\/download\//);
    const path = await browser.download(clickOnLink);

    expect(basename(path)).toBe(filename);
    expect((await readFile(path)).equals(value)).toBe(true);
    expect(await (await answered).allHeaders()).toMatchObject({
      'content-type': type,
      'content-disposition': `attachment; filename=${filename}`,
      'x-content-type-options': 'nosniff',
    });
    expect(browser.page.url()).toBe('about:blank');
    await browser.screenshot(`after the download of ${filename}`);
  });

  it('in a frame it is saved too', async () => {
    const { id } = await uploaded('frame.html', Buffer.from('<title>rendered</title>'), 'text/html');
    const url = `${world.stack.publicUrl}/download/${id}`;
    const path = await browser.download(() => browser.page.setContent(`<iframe src="${url}"></iframe>`));

    expect(basename(path)).toBe('frame.html');
    expect(browser.seen.requests).toEqual([url]);
    expect(browser.page.frames().map((frame) => frame.url())).not.toContain(url);
  });
});
