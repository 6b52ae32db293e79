/** Code points: what VARCHAR(255) counts. */
const MAX_LENGTH = 255;

// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROLS = /[\u0000-\u001f\u007f]/;

/** What is wrong with a name for a file, to be put behind "must"; undefined when nothing is. */
export function filenameFault(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'be a file name';
  if (!name.isWellFormed() || CONTROLS.test(name)) return 'be a file name without control characters';
  if (/[/\\]/.test(name)) return 'be a file name without a path';
  if (Array.from(name).length > MAX_LENGTH) return `be a file name of at most ${MAX_LENGTH} characters`;
  return undefined;
}
