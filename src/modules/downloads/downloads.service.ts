import { Injectable } from '@nestjs/common';
import { HttpConfig, ThrottleConfig } from '../../common/config/config.js';
import { selectionOf } from '../../common/http/index.js';
import { Problem, unavailable } from '../../common/problems/index.js';
import type { Resting } from '../../common/revocation/index.js';
import { tooManyRequests } from '../../common/throttling/index.js';
import { CountedAudit } from '../auth/index.js';
import { FileAccess, type FileWithGrants } from '../file-meta/index.js';
import {
  chooseDelivery,
  type Delivery,
  type DeliveryLimits,
  isContentMissing,
  Volumes,
} from '../storage/index.js';
import { Admission, type AdmissionRequest, type ClientNames, type Verdict } from './admission/admission.js';
import {
  admissionOf,
  type Chosen,
  isProbe,
  lookAt,
  purposeOf,
  versionsOf,
} from './admission/admission-plan.js';
import { clientCookie, clientNames } from './admission/client-names.js';
import { PatientAdmission } from './admission/patient-admission.js';
import { UserBandwidth } from './bandwidth/user-bandwidth.js';
import type { Caller } from './callers/caller.js';
import { Callers } from './callers/callers.js';
import { judgeDownload } from './callers/judge-download.js';
import type { DownloadRequest } from './download-request.js';
import {
  isTokenInvalid,
  prefetchRefused,
  tokenExhausted,
  tokenInvalid,
  tooManyDownloads,
} from './downloads.problems.js';
import { representationOf } from './representation-of.js';
import { StoredContents } from './stored-contents.js';
import { OwnTransfers } from './transfers/own-transfers.js';
import { PlannedTransfers } from './transfers/planned-transfers.js';

/** What is answered, and what the client is told beside it. */
export interface Opened {
  readonly delivery: Delivery;
  readonly headers: Readonly<Record<string, string>>;
}

/** How often what was kept may turn out to be old (RULES 2.1). */
const ATTEMPTS = 3;

/** The main job: who asks, may they, how much, and how do the bytes get there. */
@Injectable()
export class DownloadsService {
  private readonly isSecure: boolean;

  constructor(
    private readonly callers: Callers,
    private readonly files: FileAccess,
    private readonly volumes: Volumes,
    private readonly contents: StoredContents,
    private readonly admission: Admission,
    private readonly patient: PatientAdmission,
    private readonly planned: PlannedTransfers,
    private readonly own: OwnTransfers,
    private readonly bandwidth: UserBandwidth,
    private readonly audit: CountedAudit,
    private readonly throttle: ThrottleConfig,
    http: HttpConfig,
  ) {
    this.isSecure = http.publicUrl.startsWith('https:');
  }

  /**
   * Decides on what is kept in memory, and commits by one script that compares the versions of what was kept: when they differ,
   * it is loaded anew. Whatever is refused is refused on what holds now.
   * @throws Problem of `Callers.find` (400, 401, 403, 429), `judgeDownload` (401, 403, 404, 410), `chooseDelivery` (412, 416, 422);
   * `prefetch-refused`, `token-exhausted` (403), `too-many-requests`, `too-many-downloads` (429), `content-missing` (502)
   */
  async open(request: DownloadRequest): Promise<Opened> {
    if (request.isPrefetch) throw prefetchRefused();
    let chosen = this.recall(request);
    let isCounted = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (chosen === undefined) {
        chosen = await this.find(request, isCounted);
        isCounted = true;
      }
      const opened = await this.commit(chosen, request, isCounted);
      if (opened !== undefined) return opened;
      chosen = undefined;
    }
    throw unavailable('Redis', new Error('versions change faster than they can be read'));
  }

  /** A decision on what is kept; undefined when something is not, and when it would be no. */
  private recall(request: DownloadRequest): Chosen | undefined {
    const caller = this.callers.recall(request.http);
    const found = caller && this.files.recall(request.fileId, caller.value.principal);
    if (caller === undefined || found === undefined) return undefined;
    try {
      return this.choose(caller, found, request);
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  }

  /** A decision on what holds now. It is counted before anything is asked for: whoever makes up ids is refused like everybody. */
  private async find(request: DownloadRequest, isCounted: boolean): Promise<Chosen> {
    const caller = await this.callers.find(request.http);
    if (!isCounted) {
      const names = namesOf(caller.value, request);
      await this.count(this.look(caller.value, names, request));
    }
    const found = await this.files.find(request.fileId, caller.value.principal);
    try {
      return this.choose(caller, found, request);
    } catch (error) {
      if (isTokenInvalid(error)) await this.callers.miss(request.http);
      throw error;
    }
  }

  private choose(
    caller: Resting<Caller>,
    found: Resting<FileWithGrants> | undefined,
    request: DownloadRequest,
  ): Chosen {
    const file = judgeDownload(request.fileId, caller.value, found?.value, request.address);
    const representation = representationOf(file, caller.value.token?.filename);
    const volume = this.volumes.get(file.volume);
    const selection = selectionOf(request.delivery, representation);
    const delivery = chooseDelivery(
      request.delivery,
      representation,
      { volume, key: file.objectKey },
      // Probes are answered by the application (RULES 4.1).
      { ...this.limitsOf(caller.value), here: isProbe(request.delivery, selection) },
    );
    return { caller: caller.value, file, delivery, selection, versions: versionsOf([caller, found]) };
  }

  /** @returns undefined when the decision rests on what is no longer so */
  private async commit(
    chosen: Chosen,
    request: DownloadRequest,
    isCounted: boolean,
  ): Promise<Opened | undefined> {
    const { caller, file, delivery, selection } = chosen;
    try {
      // A redirect needs no network: what is wrong with the object then, the store says itself.
      if (delivery.mode !== 'not-modified' && delivery.mode !== 'redirect') await this.contents.require(file);
    } catch (error) {
      // It may have moved since what is kept was loaded.
      if (!isCounted && isContentMissing(error)) return undefined;
      throw error;
    }
    const names = namesOf(caller, request);
    const look = this.look(caller, names, request);
    const isOpening = purposeOf(delivery, request.delivery, selection) === 'open';
    const transfer = isOpening ? this.planned.plan(chosen, request) : undefined;
    const verdict = await this.patient.admit(
      admissionOf(isCounted ? { ...look, rate: undefined } : look, chosen, request.delivery, transfer),
      request.response,
    );
    if (verdict.kind === 'stale') return undefined;
    if (verdict.kind !== 'admitted') {
      if (verdict.kind === 'token-invalid') await this.callers.miss(request.http);
      // What is refused has changed nothing; that it was asked for counts all the same.
      if (!isCounted && verdict.kind !== 'rate') await this.admission.admit(look);
      throw this.refusal(verdict);
    }
    const { downloadId, isNew } = verdict;
    if (isNew) this.noteUse(caller, request);
    const headers: Record<string, string> = {};
    // HEAD and 304 are about no download, though there may be one.
    if (transfer !== undefined || delivery.mode === 'redirect') headers['X-Download-Id'] = downloadId ?? '';
    // Shared caches keep what is public together with its headers: a cookie in them would be everybody's.
    if (isNew && transfer !== undefined && file.visibility !== 'public') {
      headers['Set-Cookie'] = clientCookie(names.newCookie, file.id, this.isSecure);
    }
    return { headers, delivery: this.own.follow(delivery, transfer, downloadId, request.response) };
  }

  private noteUse({ token }: Caller, { address }: DownloadRequest): void {
    if (token !== undefined) this.audit.tokenUse(token.minter, token.id, address);
  }

  private limitsOf({ limits, bandwidthSubject, principal }: Caller): DeliveryLimits {
    const { transferRate, userRate: rate, limited } = limits;
    const user = principal.kind === 'user' ? principal : undefined;
    return {
      limited,
      transferRate: transferRate > 0 ? transferRate : undefined,
      shape: rate > 0 ? this.bandwidth.shape({ subject: bandwidthSubject, user, rate }) : undefined,
    };
  }

  /** @throws Problem `too-many-requests` (429) */
  private async count(look: AdmissionRequest): Promise<void> {
    const verdict = await this.admission.admit(look);
    if (verdict.kind === 'rate') throw this.refusal(verdict);
  }

  private look(caller: Caller, names: ClientNames, { address }: DownloadRequest): AdmissionRequest {
    return lookAt(caller, names, address, this.throttle.downloads);
  }

  private refusal(verdict: Exclude<Verdict, { kind: 'admitted' | 'stale' }>): Problem {
    switch (verdict.kind) {
      case 'rate':
        return tooManyRequests(`At most ${this.throttle.downloads} downloads in 60 s.`, {
          retryAfter: Math.ceil(verdict.left / 1_000),
          counter: 'downloads',
          limit: this.throttle.downloads,
          window: 60,
        });
      case 'slots':
        return tooManyDownloads('Others of yours are still running: try again when one has ended.');
      case 'connections':
        return tooManyDownloads('This download has as many connections as it may have.');
      case 'token-invalid':
        return tokenInvalid('it has ended meanwhile');
      case 'token-exhausted':
        return tokenExhausted();
    }
  }
}

function namesOf(caller: Caller, request: DownloadRequest): ClientNames {
  return clientNames({
    subject: caller.subject,
    address: request.address,
    userAgent: request.userAgent,
    cookies: request.cookies,
  });
}
