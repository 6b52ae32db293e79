import { QueryFailedError } from 'typeorm';

/** SQLSTATE unique_violation (PostgreSQL manual, appendix A) of that constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const { code, constraint: violated } = error.driverError as Error & { code?: string; constraint?: string };
  return code === '23505' && violated === constraint;
}
