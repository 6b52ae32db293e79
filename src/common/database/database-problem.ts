import { QueryFailedError } from 'typeorm';
import { type Problem } from '../problems/problem.js';
import { unavailable } from '../problems/common.problems.js';
import { DatabaseConnectionError, QueryDeadlineExceeded } from './deadline-client.js';

/**
 * SQLSTATE classes that mean "the server cannot serve now" (PostgreSQL manual, appendix A):
 * 08 connection, 53 insufficient resources, 57P operator intervention (shutdown, starting up), 25006 read-only, 57014 too
 * late; and of those that go through when they are tried again 40001 serialization, 40P01 deadlock, 55P03 lock.
 */
const UNAVAILABLE_STATE = /^(08|53|57P)|^(25006|57014|40001|40P01|55P03)$/;

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** What node-postgres says without a code when a connection is missing, lost or late. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/**
 * 503 for a database that cannot be reached or does not answer in time; undefined for every other error, also for those of
 * other sockets, which have the same codes.
 */
export function databaseProblem(error: unknown): Problem | undefined {
  return isUnavailable(error) ? unavailable('PostgreSQL', error) : undefined;
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseConnectionError || error instanceof QueryDeadlineExceeded) return true;
  if (error instanceof QueryFailedError)
    return isUnavailable(error.driverError) || hasTellingCode(error.driverError);
  return error instanceof Error && CONNECTION_LOST.test(error.message);
}

function hasTellingCode(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SOCKET_CODES.has(code) || UNAVAILABLE_STATE.test(code);
}
