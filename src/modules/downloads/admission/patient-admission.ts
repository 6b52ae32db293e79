import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Admission, type AdmissionRequest, type Verdict } from './admission.js';

/** Milliseconds: a slot that is about to become free is waited for (RULES 2.1). */
const WAIT = 1_000;
const RETRY = 100;

/** Requests of one subject that wait at once; what comes beside them is refused at once. */
const MAX_WAITING = 4;

/** An admission that waits a little for a slot, for instance until the log line of a transfer that has just ended is read. */
@Injectable()
export class PatientAdmission {
  private readonly waiting = new Map<string, number>();

  constructor(private readonly admission: Admission) {}

  /** @param response whose client need not be waited for when it has gone */
  async admit(request: AdmissionRequest, response: ServerResponse): Promise<Verdict> {
    const verdict = await this.admission.admit(request);
    if (verdict.kind !== 'slots' || this.countOf(request) >= MAX_WAITING) return verdict;
    this.waiting.set(request.subject, this.countOf(request) + 1);
    try {
      return await this.tryAgain(request, response);
    } finally {
      const others = this.countOf(request) - 1;
      if (others > 0) this.waiting.set(request.subject, others);
      else this.waiting.delete(request.subject);
    }
  }

  private async tryAgain(request: AdmissionRequest, response: ServerResponse): Promise<Verdict> {
    const deadline = performance.now() + WAIT;
    for (;;) {
      await sleep(RETRY);
      const verdict = await this.admission.admit(request);
      if (verdict.kind !== 'slots' || performance.now() >= deadline || response.destroyed) return verdict;
    }
  }

  private countOf({ subject }: AdmissionRequest): number {
    return this.waiting.get(subject) ?? 0;
  }
}
