/** What nginx says about a request that has ended: a line of its log format `transfers` (deploy/nginx/nginx.conf.template). */
export interface TransferLine {
  /** The life of nginx that answered: another one after each start, the same over reloads. */
  readonly instance: string;
  /** 32 hexadecimal digits, as in `X-Request-Id`. */
  readonly requestId: string;
  /** `X-Download-Id` of the answer; undefined where it had none. */
  readonly downloadId: string | undefined;
  /** As the client sent it, percent-encoded, without the query. */
  readonly path: string;
  /** Of the answer that the client got; 0 when it got none. */
  readonly status: number;
  /** Of the body, as the kernel took them: not all of them need have reached the client. */
  readonly bytes: number;
  /** Of a 206 with one range. */
  readonly contentRange: string | undefined;
  /** nginx has sent the whole answer. It says so of small ones too that the client did not read. */
  readonly completed: boolean;
  /** Of the last server that nginx asked: the store, where it asked one after the application. Undefined when it asked none. */
  readonly upstreamStatus: number | undefined;
  /** Whether nginx went on to a store after the application had answered. */
  readonly askedStore: boolean;
  /** From the first byte of the request to the last of the answer. */
  readonly seconds: number;
  /** When it ended, to the second. */
  readonly time: Date;
}

/** How each line begins. Within a line's texts a quote is escaped, so no client can write this there. */
const BEGIN = '{"time":"';

/**
 * @param text a line without its end
 * @returns undefined for what is no line of that format
 */
export function parseAccessLogLine(text: string): TransferLine | undefined {
  // A full disk cuts a line off without its end, and the next one goes on there.
  const begin = text.lastIndexOf(BEGIN);
  if (begin === -1) return undefined;
  try {
    return lineOf(JSON.parse(text.slice(begin)) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

function lineOf(members: Record<string, unknown>): TransferLine | undefined {
  const { instance, requestId, path, status, bytes, seconds, completion } = members;
  const time = new Date(textOf(members.time) ?? Number.NaN);
  if (
    !isText(instance) ||
    !isText(requestId) ||
    typeof path !== 'string' ||
    !isCount(status) ||
    !isCount(bytes) ||
    typeof seconds !== 'number' ||
    Number.isNaN(time.getTime())
  ) {
    return undefined;
  }
  return {
    instance,
    requestId,
    downloadId: textOf(members.downloadId),
    path,
    status,
    bytes,
    contentRange: textOf(members.contentRange),
    completed: completion === 'OK',
    upstreamStatus: lastStatusOf(textOf(members.upstreamStatus)),
    askedStore: textOf(members.upstreamStatus)?.includes(' : ') ?? false,
    seconds,
    time,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function textOf(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** nginx lists them: `502, 200` for the servers of one upstream, `200 : 206` over an internal redirect, `-` for none. */
function lastStatusOf(text: string | undefined): number | undefined {
  const last = /(\d{3})$/.exec(text ?? '')?.[1];
  return last === undefined ? undefined : Number(last);
}
