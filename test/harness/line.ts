import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A line to a server that breaks once, after so many bytes from there. */
export class Line {
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
