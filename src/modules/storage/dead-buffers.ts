/** Bytes that may have passed since V8 last looked which of their buffers are dead. */
const LOOK_AFTER = 12 * 2 ** 20;

let passed = 0;

/**
 * To be told of bytes that came in buffers of their own and are done with. Their memory is not V8's, so V8 does not feel it, and
 * frees it only when its young generation is full of other things; here it is asked to look (`--expose-gc`, docs/adr/0006).
 */
export function countDead(bytes: number): void {
  passed += bytes;
  if (passed < LOOK_AFTER) return;
  passed = 0;
  globalThis.gc?.({ type: 'minor' });
}
