/** An error whose message alone tells the reader what to do: shown without a stack trace. */
export class SaidError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'SaidError';
  }
}
