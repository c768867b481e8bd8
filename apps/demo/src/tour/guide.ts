import type { CacheManager } from 'nestjs-elasticache';
import type { QueryCounter } from '../database/query.counter.js';

const REQUEST_TIMEOUT_MS = 10_000;
const COLUMNS = [34, 8, 9, 11, 6, 8, 9];

export interface Sights {
  readonly url: string;
  readonly caches: CacheManager;
  readonly queries: QueryCounter;
}

export interface Sent {
  readonly body?: object | undefined;
  readonly headers?: Record<string, string>;
}

/** Makes requests and prints what each of them cost. */
export class Guide {
  constructor(private readonly sights: Sights) {}

  say(...lines: string[]): void {
    console.log(['', ...lines].join('\n'));
  }

  header(): void {
    row(['request', 'status', 'x-cache', 'time', 'hits', 'misses', 'queries']);
    row(COLUMNS.map((width) => '-'.repeat(width - 2)));
  }

  /** What was answered. */
  async request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await this.send(method, path, { body });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}.`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  /** A request that is answered with this status; the fields of its answer. */
  async expect(status: number, [method, path]: [string, string], sent: Sent): Promise<Headers> {
    const response = await this.send(method, path, sent);
    if (response.status !== status) {
      throw new Error(`${method} ${path} answered ${response.status}, not ${status}.`);
    }
    return response.headers;
  }

  /** What a field of an answer says. */
  quote(headers: Headers, name: string): void {
    console.log(`    ${name}: ${headers.get(name)}`);
  }

  private async send(method: string, path: string, { body, headers }: Sent): Promise<Response> {
    const before = this.counts();
    const start = performance.now();
    const response = await fetch(this.sights.url + path, {
      method,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body && { body: JSON.stringify(body) }),
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    });
    await response.clone().arrayBuffer();
    const elapsed = `${(performance.now() - start).toFixed(1)} ms`;
    const after = this.counts();
    const costs = after.map((count, i) => `${count - before[i]!}`);
    const verdict = response.headers.get('x-cache') ?? '';
    row([`${method} ${path}`, `${response.status}`, verdict, elapsed, ...costs]);
    return response;
  }

  /** Hits, misses and database queries so far. */
  private counts(): number[] {
    const stats = Object.values(this.sights.caches.forAllTenants().stats());
    const sum = (name: 'hits' | 'misses') => stats.reduce((total, cache) => total + cache[name], 0);
    return [sum('hits'), sum('misses'), this.sights.queries.count];
  }
}

function row(cells: string[]): void {
  console.log('  ' + cells.map((cell, i) => cell.padEnd(COLUMNS[i]!)).join(''));
}
