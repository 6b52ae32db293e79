import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isTokenId, newTokenText, tokenIdOf } from '../../src/modules/tokens/token-text.js';

describe('the text of a token', () => {
  it('256 random bits; its id is the beginning of its SHA-256', () => {
    const { text, id } = newTokenText();
    expect(text).toMatch(/^dlt_[\w-]{43}$/);
    expect(encodeURIComponent(text)).toBe(text);
    expect(id).toBe(createHash('sha256').update(text).digest('base64url').slice(0, 22));
    expect(tokenIdOf(text)).toBe(id);
    expect(isTokenId(id)).toBe(true);
    expect(isTokenId(text)).toBe(false);
    expect(tokenIdOf(id)).toBeUndefined();
    expect(new Set(Array.from({ length: 1_000 }, () => newTokenText().text)).size).toBe(1_000);
  });

  it('another spelling of the same bits is another text', () => {
    const { text, id } = newTokenText();
    // The last letter carries two bits that are always zero.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = text.slice(0, -1) + (last[last.indexOf(text.at(-1) ?? '') + 1] ?? '');
    expect(Buffer.from(other.slice(4), 'base64url')).toEqual(Buffer.from(text.slice(4), 'base64url'));
    expect(tokenIdOf(other)).not.toBe(id);
  });

  const random = 'a'.repeat(43);
  it.each([
    '',
    'dlt_',
    random,
    `dlt_${random.slice(1)}`,
    `dlt_${random}a`,
    `DLT_${random}`,
    `dsk_${random}`,
    `dlt-${random}`,
    ` dlt_${random}`,
    `dlt_${random} `,
    `dlt_${random}\n`,
    `dlt_${random.slice(1)}=`,
    `dlt_${random.slice(1)}+`,
    `dlt_${random.slice(1)}/`,
    `dlt_${random.slice(1)}\0`,
    `dlt_${random.slice(1)}é`,
    `dlt_${random}${'a'.repeat(100_000)}`,
  ])('%j is none', (text) => {
    expect(tokenIdOf(text)).toBeUndefined();
  });
});
