import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, renameSync } from 'node:fs';

/**
 * Preloaded into the application (`--import`): ends the process as kill -9 does, at the step that the file KILL_PLAN names:
 * `{"step": string, "occurrence": number}`, the occurrence counted from 1 since the file came. Of several processes the first does.
 */
const path = process.env.KILL_PLAN;
let plan = '';
let seen = 0;

if (path !== undefined) {
  subscribe('download-service:upload', (message) => {
    let text;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return;
    }
    if (text !== plan) seen = 0;
    plan = text;
    /** @type {{ step: string, occurrence: number }} */
    const { step, occurrence } = JSON.parse(text);
    if (/** @type {{ step: string }} */ (message).step !== step) return;
    seen += 1;
    if (seen < occurrence) return;
    try {
      renameSync(path, `${path}.done`);
    } catch {
      return;
    }
    process.kill(process.pid, 'SIGKILL');
  });
}
