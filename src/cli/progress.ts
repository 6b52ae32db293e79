import { inBytes, inTime } from './quantities.js';
import { printable } from './printable.js';

/** Where progress is shown: the standard error output. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two looks: at a terminal, and in a log. */
const AT_A_TERMINAL = 100;
const IN_A_LOG = 5_000;

/** Milliseconds over which the rate is taken: the last few seconds say best how long the rest takes. */
const WINDOW = 10_000;

const BAR = 24;

/** How far a file has come: a bar that is drawn again and again at a terminal, a line now and then elsewhere. */
export class Progress {
  private done = 0;
  private total = 0;
  private label = '';
  private samples: { at: number; done: number }[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param isShown false: only what is said is written */
  constructor(
    private readonly screen: Screen,
    private readonly isShown = true,
  ) {}

  /** @param done bytes that were there before */
  start(label: string, total: number, done = 0): void {
    this.stop();
    if (!this.isShown) return;
    this.label = printable(label);
    this.total = total;
    this.done = done;
    this.samples = [{ at: performance.now(), done }];
    const show = (): void => {
      this.show();
    };
    this.timer = setInterval(show, this.screen.isTTY ? AT_A_TERMINAL : IN_A_LOG);
    this.timer.unref();
    if (this.screen.isTTY) this.show();
  }

  add(bytes: number): void {
    this.done += bytes;
  }

  /** Leaves what was reached on the screen. */
  stop(): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.show();
    if (this.screen.isTTY) this.screen.write('\n');
  }

  /** A line of its own, which the bar does not overwrite. */
  say(line: string): void {
    if (this.timer !== undefined && this.screen.isTTY) this.screen.write('\r\u001b[K');
    this.screen.write(`${printable(line)}\n`);
    if (this.timer !== undefined && this.screen.isTTY) this.show();
  }

  private show(): void {
    const { total, done } = this;
    const part = total === 0 ? 1 : Math.min(1, done / total);
    const rate = this.rate();
    const left = done >= total ? '' : `, ${inTime(rate > 0 ? (total - done) / rate : Infinity)} left`;
    const percent = `${String(Math.floor(part * 100)).padStart(3)} %`;
    const figures = `${inBytes(done)} of ${inBytes(total)}, ${inBytes(Math.round(rate))}/s${left}`;
    if (!this.screen.isTTY) {
      this.screen.write(`${this.label}: ${percent.trim()}, ${figures}\n`);
      return;
    }
    const full = Math.round(part * BAR);
    const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
    const rest = ` ${percent} ${bar} ${figures}`;
    // One line, whatever the window: a line that wraps could not be drawn over.
    const room = widthOf(this.screen) - 1;
    const label = shortened(this.label, Math.max(8, room - rest.length));
    this.screen.write(`\r\u001b[K${(label + rest).slice(0, room)}`);
  }

  private rate(): number {
    const now = performance.now();
    this.samples.push({ at: now, done: this.done });
    while (this.samples.length > 2 && now - (this.samples[0]?.at ?? now) > WINDOW) this.samples.shift();
    const first = this.samples[0];
    if (first === undefined || now - first.at < 1) return 0;
    return (this.done - first.done) / ((now - first.at) / 1_000);
  }
}

/** Some terminals do not know how wide they are, and say 0. */
function widthOf({ columns = 0 }: Screen): number {
  return columns > 0 ? columns : 80;
}

function shortened(text: string, room: number): string {
  const letters = Array.from(text);
  return letters.length <= room ? text : `${letters.slice(0, room - 1).join('')}…`;
}
