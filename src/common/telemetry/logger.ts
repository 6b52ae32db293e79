import { type LoggerService } from '@nestjs/common';
import { pino, type Logger, type LoggerOptions } from 'pino';
import type { LogConfig } from '../config/config.js';

/** Members that never reach a log line, wherever an object carries them. */
const SECRET_MEMBERS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'x-api-key',
];

/** JSON lines on stdout. `requestId` is that of the answer's `X-Request-Id`. */
export function createLogger(config: LogConfig): Logger {
  return pino({
    ...formOfLines(config),
    serializers: { err: errorFacts },
    redact: {
      paths: SECRET_MEMBERS.flatMap((name) => [`["${name}"]`, `*["${name}"]`]),
      censor: '[redacted]',
    },
  });
}

/** For lines whose members are chosen one by one, and known to hold no secret: to look for some in each costs as much as the line. */
export function createRequestLogger(config: LogConfig): Logger {
  return pino(formOfLines(config));
}

function formOfLines(config: LogConfig): LoggerOptions {
  return {
    level: config.level,
    base: { service: 'download-service' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
}

/**
 * Type, message, stack and causes of an error, and nothing else: drivers hang queries with their parameters, commands
 * with their arguments and whole requests on their errors.
 */
function errorFacts(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  return {
    type: error.name,
    message: error.message,
    ...('code' in error && { code: error.code }),
    stack: error.stack,
    ...(error.cause !== undefined && depth < 5 && { cause: errorFacts(error.cause, depth + 1) }),
  };
}

/** Contexts under which Nest lists its modules and routes at each start. */
const STARTUP_CHATTER = new Set(['InstanceLoader', 'NestFactory', 'RouterExplorer', 'RoutesResolver']);

/** Nest's own messages as lines of the same log. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write(STARTUP_CHATTER.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  /** Nest passes the context last; an error comes with its stack as a string before it. An object is the line's own members. */
  private write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const members = {
      ...(typeof context === 'string' && { context }),
      ...(typeof stack === 'string' && { stack }),
    };
    if (message instanceof Error) this.logger[level]({ ...members, err: message }, message.message);
    else if (isObject(message)) this.logger[level]({ ...members, ...message });
    else this.logger[level](members, String(message));
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
