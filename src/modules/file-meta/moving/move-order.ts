import { parseArgs } from 'node:util';

export interface MoveOrder {
  /** Names of volumes. */
  readonly from: string;
  readonly to: string;
  /** Slug; undefined: all tenants. */
  readonly tenant?: string | undefined;
  /** At most so many blobs. */
  readonly limit?: number | undefined;
  /** Only counts what is to be moved. */
  readonly dryRun: boolean;
}

/** The order cannot be carried out; its text is for the operator at the terminal. */
export class MoveRefused extends Error {
  override readonly name = 'MoveRefused';
}

/**
 * @param args of the command line: `--from local --to s3 [--tenant slug] [--limit N] [--dry-run]`
 * @throws Error that names the option
 */
export function readMoveOrder(args: string[]): MoveOrder {
  const { values } = parseArgs({
    args,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      tenant: { type: 'string' },
      limit: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const { from, to, tenant, limit } = values;
  if (from === undefined || to === undefined) throw new MoveRefused('--from and --to name the two volumes');
  if (limit !== undefined && !/^[1-9]\d{0,14}$/.test(limit))
    throw new MoveRefused('--limit must be a whole number from 1');
  return {
    from,
    to,
    tenant,
    limit: limit === undefined ? undefined : Number(limit),
    dryRun: values['dry-run'],
  };
}
