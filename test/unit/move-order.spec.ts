import { describe, expect, it } from 'vitest';
import { readMoveOrder } from '../../src/modules/file-meta/index.js';

describe('readMoveOrder', () => {
  it('reads what there is', () => {
    expect(readMoveOrder(['--from', 'local', '--to=s3'])).toEqual({ from: 'local', to: 's3', dryRun: false });
    expect(
      readMoveOrder(['--from', 'local', '--to', 's3', '--tenant', 'acme', '--limit', '10', '--dry-run']),
    ).toEqual({ from: 'local', to: 's3', tenant: 'acme', limit: 10, dryRun: true });
  });

  it.each([
    [[], '--from and --to name the two volumes'],
    [['--from', 'local'], '--from and --to name the two volumes'],
    [['--to', 's3'], '--from and --to name the two volumes'],
    [['--from', 'local', '--to', 's3', '--limit', '0'], '--limit must be a whole number from 1'],
    [['--from', 'local', '--to', 's3', '--limit', '1e3'], '--limit must be a whole number from 1'],
    [['--from', 'local', '--to', 's3', '--limit', '1234567890123456'], '--limit must be a whole number'],
    [['--from', 'local', '--to', 's3', '--limit', '-1'], '--limit'],
    [['--from', 'local', '--to', 's3', '--tenant'], '--tenant'],
    [['--from', 'local', '--to', 's3', '--force'], '--force'],
    [['--from', 'local', '--to', 's3', '--dry-run=yes'], '--dry-run'],
    [['local', 's3'], 'local'],
  ])('refuses %j by name', (args, said) => {
    expect(() => readMoveOrder(args)).toThrow(said);
  });
});
