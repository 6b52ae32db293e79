import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { basename } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { describeInBrowser, useBrowser } from '../../harness/browser.js';
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

/** A line to a server that breaks once, after so many bytes from there. */
class Line {
  /** In order; each is small enough to come in one piece. */
  readonly requests: string[] = [];
  private readonly sockets = new Set<Socket>();
  private broken = false;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly length: number,
  ) {
    server.on('connection', (client) => {
      this.lead(client);
    });
  }

  static async to(origin: string, length: number): Promise<Line> {
    const line = new Line(createServer(), new URL(origin), length);
    await once(line.server.listen(0, '127.0.0.1'), 'listening');
    return line;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private lead(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
    }
    client.on('data', (chunk) => {
      this.requests.push(chunk.toString('latin1'));
      server.write(chunk);
    });
    let left = this.length;
    server.on('data', (chunk) => {
      if (this.broken || chunk.length < left) {
        left -= chunk.length;
        client.write(chunk);
      } else {
        this.broken = true;
        client.end(chunk.subarray(0, left));
        server.destroy();
      }
    });
  }
}
