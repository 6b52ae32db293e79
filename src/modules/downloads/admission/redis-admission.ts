import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { DownloadConfig } from '../../../common/config/config.js';
import {
  ALL_BUCKETS,
  bucketTag,
  type LuaScript,
  loadLuaScript,
  RedisIdentity,
} from '../../../common/redis/index.js';
import { versionKey } from '../../../common/revocation/index.js';
import { Admission, type AdmissionRequest, type EndedTransfer, type Verdict } from './admission.js';
import { downloadId, tagOfDownload } from './download-id.js';

/** The scripts make their keys themselves. */
const ANY_NODE = `downloads:${ALL_BUCKETS[0] ?? ''}`;

/** Probes of one token (RULES 4.1). */
const MAX_PROBES = 10;
/** Coalesced ranges of a logical download (RULES 9). */
const MAX_RANGES = 1_000;

/** What `admit-1.lua` answers for a request. */
interface Answer {
  readonly refused?: 'stale' | 'rate' | 'slots' | 'connections' | 'token-invalid' | 'token-exhausted';
  readonly left?: number;
  readonly id?: string;
  readonly new?: boolean;
}

interface Batch {
  readonly requests: object[];
  readonly verdicts: Promise<readonly Answer[]>;
}

/** The scripts beside this file; the keys they make are told there. */
@Injectable()
export class RedisAdmission extends Admission {
  private readonly admitScript: LuaScript;
  private readonly endScript: LuaScript;
  private batch: Batch | undefined;
  /** How often Redis came back as another one: what was decided before vouches for nothing then. */
  private replaced = 0;

  constructor(
    @Inject(Redis) redis: Redis,
    private readonly identity: RedisIdentity,
    private readonly config: DownloadConfig,
  ) {
    super();
    this.admitScript = loadLuaScript(redis, new URL('./admit-1.lua', import.meta.url), 'alone');
    this.endScript = loadLuaScript(redis, new URL('./end-transfers-1.lua', import.meta.url), 'alone');
    identity.onReplaced(() => {
      this.replaced += 1;
    });
  }

  /** The requests of one turn of the event loop go out as one call (RULES 2.5). */
  override async admit(request: AdmissionRequest): Promise<Verdict> {
    const batch = (this.batch ??= this.openBatch());
    const place = batch.requests.push(this.encode(request)) - 1;
    return toVerdict((await batch.verdicts)[place] ?? { refused: 'stale' });
  }

  override async end(transfers: readonly EndedTransfer[]): Promise<void> {
    if (transfers.length === 0) return;
    const items = transfers.map(({ downloadId: id, ...item }) => {
      const tag = id === undefined ? undefined : tagOfDownload(id);
      return { ...item, tags: tag === undefined ? ALL_BUCKETS : [tag] };
    });
    await this.endScript([ANY_NODE], [JSON.stringify(items), MAX_RANGES]);
  }

  private openBatch(): Batch {
    const requests: object[] = [];
    const { replaced } = this;
    const verdicts = new Promise<readonly Answer[]>((resolve, reject) => {
      setImmediate(() => {
        this.batch = undefined;
        this.send(requests, replaced).then(resolve, reject);
      });
    });
    return { requests, verdicts };
  }

  private async send(requests: readonly object[], replaced: number): Promise<readonly Answer[]> {
    await this.identity.ensureKnown();
    // Decided on what was read of another Redis: a copy may have the versions of before a revocation.
    if (replaced !== this.replaced) return [];
    const answer = await this.admitScript([ANY_NODE], [JSON.stringify(requests)]);
    return JSON.parse(String(answer)) as readonly Answer[];
  }

  /** As the script reads it. Members that are undefined are left out. */
  private encode(request: AdmissionRequest): object {
    const { purpose, subject, rate, file, token, client, transfer } = request;
    const tag = bucketTag(subject);
    const versions: string[] = [];
    for (const [of, version] of request.versions) versions.push(versionKey(of), version);
    const ranges = transfer?.ranges ?? [];
    const opens = purpose === 'open';
    const content = file === undefined ? '' : `${file.id}:${file.sha256.slice(0, 16)}`;
    return {
      tag,
      subject,
      versions,
      rate: rate && { key: `throttle:${tag}:downloads:${rate.of}`, limit: rate.limit },
      token: token && {
        key: `download:token:${tag}:${token.id}`,
        cookieOnly: token.cookieOnly,
        maxProbes: purpose === 'probe' ? MAX_PROBES : undefined,
      },
      whole: request.whole,
      above: request.above,
      ...(file && { file: file.id, tenant: file.tenantId, size: file.size }),
      ...(file && {
        addressKey: `client:${tag}:${client.address}:${content}`,
        cookieId: client.cookie && downloadId(tag, subject, client.cookie, content),
      }),
      ...(opens && {
        id: downloadId(tag, subject, client.newCookie, content),
        slots:
          transfer === undefined
            ? []
            : request.slots.map(({ holder, limit }) => ({ key: `slots:${tag}:${holder}`, limit })),
      }),
      ...(opens &&
        transfer && {
          transfer: transfer.id,
          instance: transfer.instance,
          ranges: ranges.map(({ first, last }) => `${first}-${last}`).join(','),
          length: ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0),
          minRate: this.config.minRate,
          maxConnections: transfer.maxConnections,
        }),
    };
  }
}

function toVerdict({ refused, left, id, new: isNew }: Answer): Verdict {
  if (refused === undefined) return { kind: 'admitted', downloadId: id, isNew: isNew ?? false };
  return refused === 'rate' ? { kind: 'rate', left: left ?? 0 } : { kind: refused };
}
