/** Wrong passwords that cost nothing: people mistype. */
const FREE = 3;
const FIRST = 125;
/** Never more: whoever guesses at an account may slow its owner down, but not lock it (RULES 9). */
const LONGEST = 2_000;

/** @returns milliseconds to wait before a password is looked at, after so many wrong ones in a row */
export function loginDelay(failures: number): number {
  return failures < FREE ? 0 : Math.min(LONGEST, FIRST * 2 ** Math.min(failures - FREE, 10));
}
