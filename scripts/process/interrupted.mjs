/** Why work was given up: a signal came, or npm is gone. Never a fault of the work itself. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signalName the signal that came, or stands for what happened */
  constructor(signalName) {
    super(`interrupted by ${signalName}`);
    this.name = 'Interrupted';
    this.signalName = signalName;
  }
}
