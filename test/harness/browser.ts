import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { findProgram } from '../../scripts/bootstrap/programs.mjs';

const CHROMIUM = findProgram('chromium');

/** A browser that asks nobody but the pages it is shown. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser needs a while on a machine that is busy with the other suites. */
const TEST_MS = 60_000;
const STEP_MS = 15_000;

/** `describe` for suites in a browser: without one they are skipped, but where CI is set they fail. */
export function describeInBrowser(name: string, suite: () => void): void {
  if (CHROMIUM !== undefined || process.env.CI) describe(name, { timeout: TEST_MS }, suite);
  else describe.skip(`${name} (skipped: chromium is not installed)`, suite);
}

export interface Browser {
  /** A new one for each test. */
  readonly page: Page;
  readonly seen: Seen;
  /** Empty at first; the suite's own. */
  readonly folder: string;
  /** @returns where Chromium has put the file, under the name that it gave it */
  download(start: () => Promise<unknown>): Promise<string>;
  /** For a person to look at, with SCREENSHOT_DIR. */
  screenshot(name: string): Promise<void>;
}

/** What the page did beside what one sees. */
export interface Seen {
  /** URLs, in order. */
  readonly requests: string[];
  /** Errors of scripts and of the console, and what could not be loaded. */
  readonly errors: string[];
}

/** Real: Chromium with an empty profile, no account and no window. */
export function useBrowser(): Browser {
  let context: BrowserContext | undefined;
  let downloads: CDPSession;
  const browser = {
    download: (start) => downloadedBy(downloads, start),
    screenshot: async (name) => {
      const folder = process.env.SCREENSHOT_DIR ?? join(browser.folder, 'screenshots');
      await mkdir(folder, { recursive: true });
      await browser.page.screenshot({ path: join(folder, `${name}.png`) });
    },
  } as { -readonly [K in keyof Browser]: Browser[K] };

  beforeAll(async () => {
    browser.folder = await mkdtemp(join(tmpdir(), 'browser-'));
    context = await start(browser.folder);
    context.setDefaultTimeout(STEP_MS);
    downloads = await namedDownloads(context, join(browser.folder, 'Downloads'));
  });
  beforeEach(async () => {
    if (context === undefined) return;
    browser.page = await context.newPage();
    browser.seen = watch(browser.page);
  });
  afterEach(async () => {
    await browser.page.close();
    // Nothing that a page has kept is there for the next test.
    await context?.setStorageState({ cookies: [], origins: [] });
  });
  afterAll(async () => {
    await context?.close();
    await rm(browser.folder, { recursive: true, force: true });
  });
  return browser;
}

async function start(folder: string): Promise<BrowserContext> {
  if (CHROMIUM === undefined)
    throw new Error('chromium is not installed; in CI these suites are not skipped');
  return chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    // It writes to HOME, whatever its profile is; without a UTF-8 locale it calls a file with other letters "download".
    env: { ...process.env, HOME: folder, LC_ALL: 'C.UTF-8' },
    viewport: { width: 1280, height: 1000 },
  });
}

/** Playwright would give files names of its own: here Chromium does what it does for a person. */
async function namedDownloads(context: BrowserContext, folder: string): Promise<CDPSession> {
  const session = await context.browser()?.newBrowserCDPSession();
  if (session === undefined) throw new Error('no browser');
  await session.send('Browser.setDownloadBehavior', {
    behavior: 'allow',
    downloadPath: folder,
    eventsEnabled: true,
  });
  return session;
}

async function downloadedBy(session: CDPSession, start: () => Promise<unknown>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => {
    reject(new Error(`nothing has arrived within ${STEP_MS} ms`));
  }, STEP_MS);
  const onProgress = ({ state, filePath }: { state: string; filePath?: string }): void => {
    timer.refresh();
    if (state === 'completed') resolve(filePath ?? '');
    if (state === 'canceled') reject(new Error('the download was given up'));
  };
  session.on('Browser.downloadProgress', onProgress);
  try {
    const [path] = await Promise.all([promise, start()]);
    return path;
  } finally {
    clearTimeout(timer);
    session.off('Browser.downloadProgress', onProgress);
  }
}

function watch(page: Page): Seen {
  const seen: Seen = { requests: [], errors: [] };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('requestfailed', (request) => {
    seen.errors.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText ?? ''}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) seen.errors.push(`${response.status()} ${response.url()}`);
  });
  page.on('pageerror', ({ message }) => seen.errors.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') seen.errors.push(message.text());
  });
  return seen;
}
