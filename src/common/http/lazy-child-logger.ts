import type { FastifyBaseLogger } from 'fastify';

type Bindings = Record<string, unknown>;

/** A child logger that is made when it has something to say: of most requests only their last line is written, by the parent. */
class LazyChildLogger implements FastifyBaseLogger {
  private made: FastifyBaseLogger | undefined;

  constructor(
    private readonly parent: FastifyBaseLogger,
    private readonly bindings: Bindings,
    private readonly options: Parameters<FastifyBaseLogger['child']>[1],
  ) {}

  get level(): string {
    return this.parent.level;
  }
  set level(level: string) {
    this.logger.level = level;
  }
  get fatal(): FastifyBaseLogger['fatal'] {
    return this.logger.fatal.bind(this.logger);
  }
  get error(): FastifyBaseLogger['error'] {
    return this.logger.error.bind(this.logger);
  }
  get warn(): FastifyBaseLogger['warn'] {
    return this.logger.warn.bind(this.logger);
  }
  get info(): FastifyBaseLogger['info'] {
    return this.logger.info.bind(this.logger);
  }
  get debug(): FastifyBaseLogger['debug'] {
    return this.logger.debug.bind(this.logger);
  }
  get trace(): FastifyBaseLogger['trace'] {
    return this.logger.trace.bind(this.logger);
  }
  get silent(): FastifyBaseLogger['silent'] {
    return this.logger.silent.bind(this.logger);
  }
  child(...args: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.logger.child(...args);
  }

  private get logger(): FastifyBaseLogger {
    return (this.made ??= this.parent.child(this.bindings, this.options));
  }
}

/** For Fastify's `childLoggerFactory`. */
export function lazyChildLogger(
  parent: FastifyBaseLogger,
  bindings: Bindings,
  options: Parameters<FastifyBaseLogger['child']>[1],
): FastifyBaseLogger {
  return new LazyChildLogger(parent, bindings, options);
}
