import { once } from 'node:events';
import { createServer, type Server, type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/stack/ports.mjs';

/** What goes wrong on the way; each may be changed while connections are open. */
interface Faults {
  /** Milliseconds that each piece takes longer, in both directions. */
  latency: number;
  /** Bytes a second of one connection in one direction; 0: no limit. */
  bandwidth: number;
  /** Nothing passes any more, and nobody is told. */
  stalled: boolean;
  /** Connections are reset after so many bytes to the client, or to the server, counted over all from when it was set. */
  cutAfterDown: number;
  cutAfterUp: number;
  /** One bit becomes another after so many bytes to the server; then no more. */
  flipAfterUp: number;
}

/** A link to a real server of this machine that can be made slow, be cut, or break. */
export class TcpProxy {
  readonly faults: Faults = { ...NONE };
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  private constructor(
    readonly port: number,
    /** Port that new connections go to. */
    public target: number,
  ) {}

  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await proxy.accept();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections through it. */
  get open(): number {
    return this.sockets.size / 2;
  }

  set(faults: Partial<Faults>): void {
    Object.assign(this.faults, faults);
  }

  heal(): void {
    Object.assign(this.faults, NONE);
  }

  /** New connections are refused, and those that are open reset. */
  async refuse(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    this.cut();
    if (server) await new Promise((closed) => server.close(closed));
  }

  async accept(): Promise<void> {
    this.server = createServer({ pauseOnConnect: true }, (client) => {
      const server = connect(this.target, '127.0.0.1');
      void this.pump(client, server, 'cutAfterUp');
      void this.pump(server, client, 'cutAfterDown');
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  private flip(bytes: Buffer): void {
    const at = this.faults.flipAfterUp;
    if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    this.faults.flipAfterUp = at < bytes.length ? Infinity : at - bytes.length;
  }

  private async pump(from: Socket, to: Socket, limit: 'cutAfterUp' | 'cutAfterDown'): Promise<void> {
    this.sockets.add(from);
    from.once('close', () => {
      this.sockets.delete(from);
      // Who has only finished may have said more than has been passed on yet.
      if (!from.readableEnded) to.destroy();
    });
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const { latency, bandwidth } = this.faults;
        while (this.faults.stalled && !from.destroyed) await sleep(20);
        const wait = latency + (bandwidth > 0 ? (chunk.length / bandwidth) * 1_000 : 0);
        if (wait > 0) await sleep(wait);
        const passed = chunk.subarray(0, this.faults[limit]);
        this.faults[limit] -= passed.length;
        if (limit === 'cutAfterUp') this.flip(passed);
        if (!to.write(passed)) await once(to, 'drain');
        if (passed.length === chunk.length) continue;
        // What was let through arrives before the reset.
        await sleep(50);
        from.resetAndDestroy();
        to.resetAndDestroy();
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}

const NONE: Faults = {
  latency: 0,
  bandwidth: 0,
  stalled: false,
  cutAfterDown: Infinity,
  cutAfterUp: Infinity,
  flipAfterUp: Infinity,
};
