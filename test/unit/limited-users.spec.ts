import { describe, expect, it } from 'vitest';
import { isLimited } from '../../src/modules/auth/index.js';

const NO_RATES = { transferRate: 0, userRate: 0 };

describe('isLimited', () => {
  it.each([
    [{}, NO_RATES, false],
    [{ quotaBytes: 0 }, NO_RATES, false],
    [{ quotaBytes: 5 }, NO_RATES, false],
    [{ quotaBytes: 5, userRate: 2_048 }, NO_RATES, true],
    [{ maxConcurrentDownloads: 3 }, NO_RATES, true],
    [{ transferRate: 2_048 }, NO_RATES, true],
    [{}, { transferRate: 1, userRate: 0 }, true],
    [{ quotaBytes: 5 }, { transferRate: 0, userRate: 1 }, true],
  ])('limits %j, defaults %j: %s', (limits, defaults, limited) => {
    expect(isLimited(limits, defaults)).toBe(limited);
  });
});
