import type { IncomingMessage } from 'node:http';
import { countDead, ReusingReadable } from '../storage/index.js';

/** Pieces, of 64 KiB at most, that may wait while the one before is written. */
const AHEAD = 4;

/**
 * The body of a request as it comes, looked at on its way. Destroyed, it leaves the request alone, so that it can still be answered, and the
 * rest of its body be thrown away. A body that is cut off never ends here: `watchBody` tells.
 */
export class PassedBody extends ReusingReadable {
  /**
   * @param look at each piece, before it is passed on; what it throws ends the stream
   * @param mayPass asked when a piece is taken, which may be long after it came: a process can stand still in between; what it throws ends the stream
   */
  constructor(
    private readonly request: IncomingMessage,
    private readonly look: (bytes: Buffer) => void,
    private readonly mayPass: () => void = () => undefined,
  ) {
    super({ objectMode: true, highWaterMark: AHEAD });
    request.on('data', this.passOn);
    request.once('end', this.finish);
    request.pause();
  }

  override read(size?: number): unknown {
    try {
      this.mayPass();
    } catch (error) {
      this.destroy(error as Error);
      return null;
    }
    return super.read(size);
  }

  /** Gives the memory back at once: node has made it for this piece alone. What has been used by many is left to the collector. */
  override reuse(bytes: Buffer): void {
    const { buffer } = bytes;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length) buffer.transfer(0);
    else countDead(bytes.length);
  }

  override _read(): void {
    this.request.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.request.off('data', this.passOn);
    this.request.off('end', this.finish);
    this.request.pause();
    done(error);
  }

  private readonly passOn = (bytes: Buffer): void => {
    try {
      this.look(bytes);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (!this.push(bytes)) this.request.pause();
  };

  private readonly finish = (): void => {
    this.push(null);
  };
}
