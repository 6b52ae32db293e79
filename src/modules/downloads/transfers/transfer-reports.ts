import type { TransferLine } from './access-log-line.js';

/** Who wants to know how transfers end. */
export abstract class TransferReports {
  /**
   * Transfers that nginx has ended, in the order of its log. Lines may come twice: each counts once (by requestId).
   * @throws when they are not taken: they come again
   */
  abstract ended(lines: readonly TransferLine[]): Promise<void>;

  /** That life of nginx still is, as said by a line of its log that was written just now or is read late. */
  abstract alive(instance: string): Promise<void>;
}
