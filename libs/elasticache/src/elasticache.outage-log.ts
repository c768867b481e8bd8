import type { Clock } from './time/clock.js';

/** Where the log's lines go: Nest's `Logger` is one. */
export interface LineLog {
  log(line: string): void;
  warn(line: string): void;
}

/** Lines within a minute, after which changes are only counted: a server on the brink changes many times. */
const MOST_LINES = 20;
const MINUTE_MS = 60_000;

/** Says of a tier that it is away, and why, and that it is back: a line a change, none for what goes on. */
export class OutageLog {
  private reasons: Set<string> | undefined;
  private wasUp = false;
  private begun = 0;
  private lines = 0;
  private unsaid = 0;

  constructor(
    private readonly log: LineLog,
    private readonly clock: Clock,
    /** What is away, and what is done instead. */
    private readonly words = { what: 'The shared tier', instead: 'Going on without it' },
  ) {}

  /** The first connection there is, unless it was missed before. */
  connected(): void {
    if (!this.wasUp && this.reasons === undefined) {
      this.say('log', 'Connected to the shared tier.');
    }
    this.wasUp = true;
  }

  /** Another reason than before is worth a line of its own: that of a certificate or password is what to act upon. */
  down(why: string): void {
    const { what, instead } = this.words;
    const kind = why.replace(/\d+/g, '');
    if (this.reasons?.has(kind)) return;
    const reasons = (this.reasons ??= new Set());
    const isFirst = reasons.size === 0;
    reasons.add(kind);
    if (isFirst) {
      this.say('warn', `${what} is not available: ${why}. ${instead}, and trying again.`);
    } else {
      this.say('warn', `${what} is still away: ${why}.`);
    }
  }

  up(): void {
    if (this.reasons === undefined) return;
    this.reasons = undefined;
    this.wasUp = true;
    this.say('log', `${this.words.what} is available again.`);
  }

  private say(level: 'log' | 'warn', line: string): void {
    const now = this.clock.now();
    if (Math.abs(now - this.begun) >= MINUTE_MS) {
      this.begun = now;
      this.lines = 0;
    }
    if (++this.lines > MOST_LINES) {
      this.unsaid++;
      return;
    }
    const before = this.unsaid > 0 ? ` (${this.unsaid} more changes before)` : '';
    this.unsaid = 0;
    this.log[level](line + before);
  }
}
