import { randomBytes } from 'node:crypto';

declare const brand: unique symbol;
/** Path of an object below its volume: `<tenant>/<2 hex>/<30 hex>` (RULES 6.1). */
export type ObjectKey = string & { readonly [brand]: 'ObjectKey' };

const FORM = /^\d{1,19}\/[0-9a-f]{2}\/[0-9a-f]{30}$/;

/** A new random key, 128 bits: never made from a name or a hash, so nobody can aim at an object. */
export function newObjectKey(tenantId: string): ObjectKey {
  const random = randomBytes(16).toString('hex');
  return objectKey(`${tenantId}/${random.slice(0, 2)}/${random.slice(2)}`);
}

/** Whether the text may have been made by `newObjectKey`. */
export function isObjectKey(text: string): text is ObjectKey {
  return FORM.test(text);
}

/** @throws TypeError for a text that was not made by `newObjectKey` */
export function objectKey(text: string): ObjectKey {
  if (!isObjectKey(text)) throw new TypeError('not an object key');
  return text;
}
