/** Orders of the list of files; `-` is descending. Each is total, since the id is its last key. */
export const FILE_ORDERS = ['createdAt', '-createdAt', 'filename', '-filename'] as const;
export type FileOrder = (typeof FILE_ORDERS)[number];

/** SQL of an order: its key as a column of `files f`, the type of its values, and its direction. */
export interface OrderSql {
  readonly key: string;
  /** The key as text that gives the same value back, microseconds included. */
  readonly text: string;
  readonly type: string;
  readonly direction: 'ASC' | 'DESC';
}

const KEYS = {
  createdAt: {
    key: 'f.created_at',
    text: `to_char(f.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    type: 'timestamptz',
  },
  filename: { key: 'f.filename COLLATE "C"', text: 'f.filename', type: 'text' },
} as const;

export function orderSql(order: FileOrder): OrderSql {
  const name = order.replace('-', '') as keyof typeof KEYS;
  return { ...KEYS[name], direction: order.startsWith('-') ? 'DESC' : 'ASC' };
}
