import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rolldown } from 'rolldown';

/** What the page is told before its script runs. */
export interface UppySettings {
  readonly endpoint: string;
  readonly token: string;
  /** Bytes of one request. */
  readonly chunkSize: number;
  /** Milliseconds before each request, so that there is a middle in which things can happen. */
  readonly pause: number;
}

/** How far the page has come. */
export interface UppyState {
  readonly sent: number;
  /** Uploads begun in this life of the page. */
  readonly created?: number;
  /** Offset at which it went on with an upload of an earlier life of the page. */
  readonly resumedFrom?: number;
  readonly fileId?: string;
  readonly error?: string;
}

/** Serves a page with Uppy, bundled, at an origin of its own; it has one input for files. */
export class UppyPage {
  private settings: UppySettings | undefined;

  private constructor(private readonly server: Server) {}

  static async serve(): Promise<UppyPage> {
    const bundle = await rolldown({ input: 'test/harness/uppy-script.ts', platform: 'browser' });
    const { output } = await bundle.generate({ format: 'iife' });
    const [{ code }] = output;
    const script = code.replaceAll('</script', '<\\/script');
    const server = createServer((_, response) => {
      const settings = JSON.stringify(page.settings);
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(
        '<!doctype html><link rel="icon" href="data:,"><title>Uppy</title><input type="file">' +
          `<script>settings = ${settings}</script><script>${script}</script>`,
      );
    }).listen(0, '127.0.0.1');
    const page = new UppyPage(server);
    await once(server, 'listening');
    return page;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  use(settings: UppySettings): void {
    this.settings = settings;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
