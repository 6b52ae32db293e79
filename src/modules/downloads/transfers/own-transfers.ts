import type { ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Delivery } from '../../storage/index.js';
import { Admission, type EndedTransfer, type NewTransfer } from '../admission/admission.js';
import { OpenTransfers } from './open-transfers.js';
import { ProcessInstance } from './process-instance.js';

/** Tells how the transfers ended that this process sends to its clients itself. */
@Injectable()
export class OwnTransfers implements OnApplicationShutdown {
  private readonly logger = new Logger(OwnTransfers.name);
  /** What Redis has been told and has not answered yet. */
  private readonly told = new Set<Promise<void>>();

  constructor(
    private readonly admission: Admission,
    private readonly instance: ProcessInstance,
    private readonly open: OpenTransfers,
  ) {}

  /** @returns the delivery, followed if nobody else tells of its end */
  follow(
    delivery: Delivery,
    transfer: NewTransfer | undefined,
    downloadId: string | undefined,
    response: ServerResponse,
  ): Delivery {
    if (transfer === undefined) return delivery;
    if (response.destroyed) {
      // Whoever tells of its end may have done so before it was admitted.
      this.tell({
        transfer: transfer.id,
        instance: transfer.instance,
        downloadId,
        bytes: 0,
        completed: false,
      });
      return delivery;
    }
    if (delivery.mode !== 'stream') return delivery;
    if (downloadId !== undefined) this.open.add(downloadId, response);
    if (transfer.instance !== this.instance.id) return delivery;
    const written = { bytes: 0 };
    response.once('close', () => {
      this.tell({
        transfer: transfer.id,
        instance: transfer.instance,
        downloadId,
        bytes: written.bytes,
        completed: response.writableFinished,
      });
    });
    const { shape } = delivery;
    return { ...delivery, shape: (body, signal) => count(shape?.(body, signal) ?? body, written) };
  }

  /** The connections are closed by now, and that to Redis is next: the last ends are waited for. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.told);
  }

  private tell(ended: EndedTransfer): void {
    const telling = this.admission
      .end([ended])
      .catch((error: unknown) => {
        // Its time runs out, then: nothing is lost but that.
        this.logger.warn(`the end of a transfer is not told: ${String(error)}`);
      })
      .finally(() => this.told.delete(telling));
    this.told.add(telling);
  }
}

async function* count(body: AsyncIterable<Buffer>, written: { bytes: number }): AsyncGenerator<Buffer, void> {
  for await (const chunk of body) {
    const { length } = chunk;
    yield chunk;
    // Asked for more: the chunk is written.
    written.bytes += length;
  }
}
