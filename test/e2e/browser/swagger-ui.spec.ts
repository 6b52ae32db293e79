import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Locator } from 'playwright-core';
import { beforeEach, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { describeInBrowser, useBrowser } from '../../harness/browser.js';
import { useWorld } from '../../harness/world.js';

const NAME = 'отчёт 100% final.bin';

describeInBrowser('a person tries the API in Swagger UI', () => {
  const world = useWorld();
  const browser = useBrowser();
  const bytes = randomBytes(100_000);

  beforeEach(async () => {
    await browser.page.goto(`${world.stack.publicUrl}/docs`);
  });

  const authorize = async (token: string): Promise<void> => {
    const { page } = browser;
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.getByLabel('auth-bearer-value').fill(token);
    await page.getByRole('button', { name: 'Apply credentials' }).first().click();
    await page.getByText('Authorized').waitFor();
    await browser.screenshot('Authorize');
    await page.getByRole('button', { name: 'Close' }).first().click();
  };
  const unfold = async (tag: string, operationId: string): Promise<Locator> => {
    const operation = browser.page.locator(`#operations-${tag}-${operationId}`);
    await operation.locator('.opblock-summary-control').click();
    return operation;
  };
  /** The server's answer, when it has this status. */
  const execute = async (operation: Locator, status: number): Promise<Locator> => {
    await operation.getByRole('button', { name: 'Execute' }).click();
    const answer = operation.locator('.live-responses-table tbody');
    await answer.locator('.response-col_status', { hasText: String(status) }).waitFor();
    await answer.scrollIntoViewIfNeeded();
    return answer;
  };
  const jsonOf = async (answer: Locator): Promise<unknown> =>
    JSON.parse(await answer.locator('.highlight-code code').innerText());
  /** Every request was to us, and only these errors were seen. */
  const expectNothingElse = (errors: string[] = []): void => {
    const elsewhere = browser.seen.requests.filter((url) => new URL(url).origin !== world.stack.publicUrl);
    expect(browser.seen.requests).toContain(`${world.stack.publicUrl}/docs`);
    expect(elsewhere.filter((url) => !url.startsWith('data:'))).toEqual([]);
    expect(browser.seen.errors.toSorted()).toEqual(errors.toSorted());
  };

  it('logs in, presses Authorize and pastes the token: GET /auth/me knows who it is', async () => {
    const { email, password } = world.ownerAccount;
    const login = await unfold('auth', 'login');
    await login.locator('textarea').fill(JSON.stringify({ email, password }));
    const { accessToken } = (await jsonOf(await execute(login, 200))) as { accessToken: string };
    await authorize(accessToken);

    expect(await jsonOf(await execute(await unfold('auth', 'me'), 200))).toMatchObject({ email });
    await browser.screenshot('GET me');
    expectNothingElse();
  });

  it('uploads a chosen file', async () => {
    await authorize(world.owner.token ?? '');
    const upload = await unfold('files', 'uploadFile');
    await writeFile(join(browser.folder, NAME), bytes);
    await upload.locator('input[type=file]').setInputFiles(join(browser.folder, NAME));
    const file = (await jsonOf(await execute(upload, 201))) as FileJson;

    expect(file).toMatchObject({ filename: NAME, size: bytes.length, visibility: 'private' });
    expect((await world.owner.download(file.id)).body.equals(bytes)).toBe(true);
    await browser.screenshot('POST files');
    expectNothingElse();
  });

  it('downloads a file and saves it', async () => {
    const { id } = await world.owner.upload(bytes, { filename: NAME });
    await authorize(world.owner.token ?? '');
    const download = await unfold('downloads', 'downloadFile');
    await download.getByPlaceholder('fileId').fill(id);
    const answer = await execute(download, 200);
    const path = await browser.download(() => answer.getByRole('link', { name: 'Download file' }).click());

    expect(basename(path)).toBe(NAME);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    await browser.screenshot('GET download');
    expectNothingElse();
  });

  it('is shown the problem when there is no such file', async () => {
    await authorize(world.owner.token ?? '');
    const get = await unfold('files', 'getFile');
    await get.getByPlaceholder('id').fill('9007199254740993');
    const answer = await execute(get, 404);

    expect(await jsonOf(answer)).toMatchObject({ status: 404, code: 'file-not-found' });
    await browser.screenshot('GET unknown file');
    expectNothingElse([
      `404 ${world.stack.publicUrl}/api/v1/files/9007199254740993`,
      'Failed to load resource: the server responded with a status of 404 (Not Found)',
    ]);
  });
});
