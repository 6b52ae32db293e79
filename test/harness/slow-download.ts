import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** A download whose client reads nothing after the headers until it is told to: large ones stay open as long as that. */
export class SlowDownload {
  private constructor(
    readonly response: IncomingMessage,
    private readonly request: ReturnType<typeof get>,
  ) {}

  /** @returns when the headers are there, whatever the status */
  static async begin(url: string, headers: Record<string, string> = {}): Promise<SlowDownload> {
    const request = get(url, { agent: false, headers });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    return new SlowDownload(response, request);
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get downloadId(): string {
    return String(this.response.headers['x-download-id']);
  }

  /** `Cookie` header for what this was given. */
  get cookie(): string {
    return (this.response.headers['set-cookie'] ?? []).map((one) => one.split(';', 1)[0]).join('; ');
  }

  rest(): Promise<Buffer> {
    return buffer(this.response);
  }

  /** Reads at least so many bytes, and no more than comes with them. */
  async read(bytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    while (length < bytes) {
      const chunk = this.response.read() as Buffer | null;
      if (chunk === null) await once(this.response, 'readable');
      else {
        chunks.push(chunk);
        length += chunk.length;
      }
    }
    return Buffer.concat(chunks);
  }

  cut(): void {
    this.request.destroy();
  }
}
