import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, renameSync } from 'node:fs';

/**
 * Preloaded into the application (`--import`): ends the process as kill -9 does, at the step that the file KILL_PLAN names:
 * `<step> <occurrence>`, the occurrence counted from 1 since the file came. Of several processes the first does.
 */
const path = process.env.KILL_PLAN;
let plan = '';
let target = { step: '', occurrence: 0 };
let seen = 0;

if (path !== undefined) {
  subscribe('download-service:upload', (message) => {
    let text;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return;
    }
    if (text !== plan) {
      plan = text;
      const [step = '', occurrence = ''] = text.split(' ');
      target = { step, occurrence: Number(occurrence) };
      seen = 0;
    }
    if (/** @type {{ step: string }} */ (message).step !== target.step) return;
    seen += 1;
    if (seen < target.occurrence) return;
    try {
      renameSync(path, `${path}.done`);
    } catch {
      return;
    }
    process.kill(process.pid, 'SIGKILL');
  });
}
