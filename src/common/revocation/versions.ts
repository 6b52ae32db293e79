/** Something whose rights can be taken away: the rights of everything below it rest on its version. */
export type Subject = `tenant:${string}` | `user:${string}` | `file:${string}`;

/** Random, another one after each change. */
export type Version = string;

/** While a change is being committed: what is loaded now may be old in a moment and must not be kept. */
export const CHANGING = 'changing:';

export function isChanging(version: Version): boolean {
  return version.startsWith(CHANGING);
}

/** The versions of subjects, the same for every replica (RULES 3.1). */
export abstract class Versions {
  /** In the order of `subjects`; one that has no version yet is given one. */
  abstract read(subjects: readonly Subject[]): Promise<Version[]>;

  /**
   * Announces a change of `subjects`. To be called in the transaction, when the rows that stand for the subjects are locked: then
   * two changes of one subject cannot overtake each other.
   * @returns to be called after the commit, with what it returns going nowhere but to the log
   */
  abstract announce(subjects: readonly Subject[]): Promise<() => Promise<void>>;

  /** Called when everything that was read before must be forgotten. */
  abstract onForgotten(listener: () => void): void;
}
