/** The WHERE of a query that is put together: each condition with its values bound in order. */
export class Conditions {
  private readonly sql: string[];
  readonly values: unknown[];

  /** @param always holds for every query, and names `values` as $1, $2 … */
  constructor(always: string, values: readonly unknown[]) {
    this.sql = [always];
    this.values = [...values];
  }

  /** @returns the value's name in the query */
  bind(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  and(sql: string): void {
    this.sql.push(sql);
  }

  /** A filter that may be left out: nothing is added for undefined. @param sql with `?` where the value goes */
  filter(sql: string, value: unknown): void {
    if (value !== undefined) this.and(sql.replace('?', this.bind(value)));
  }

  toString(): string {
    return this.sql.join(' AND ');
  }
}
