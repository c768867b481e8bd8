import { describe, expect, it } from '@jest/globals';
import type { CacheErrorContext } from './cache/cache.js';
import { failureLog } from './elasticache.failure-log.js';
import {
  type CacheError,
  CacheTimeoutError,
  CacheUnavailableError,
} from './errors/cache.errors.js';

const where = "cache 'articles'";
const timeout = new CacheTimeoutError('CACHE_TIMEOUT', { where, ms: 250, bound: 250 });
const unavailable = new CacheUnavailableError('CACHE_UNAVAILABLE', { where, problem: 'gone' });

function open() {
  const lines: string[] = [];
  const clock = { time: 1_000, now: () => clock.time };
  const log = failureLog((line) => lines.push(line), clock);
  const fail = (error: CacheError = timeout, context: Partial<CacheErrorContext> = {}) =>
    log(error, { operation: 'get', cache: 'articles', ...context });
  return { lines, clock, fail };
}

describe('The failure log', () => {
  it('says what failed, where, and what to do', () => {
    const { lines, fail } = open();
    fail(timeout, { method: 'ArticlesService.findOne' });
    expect(lines).toEqual([`get in ArticlesService.findOne failed: ${timeout.message}`]);
  });

  it('names the key where there is one, however long in a short form', () => {
    const { lines, fail } = open();
    fail(timeout, { key: '7' });
    fail(unavailable, { key: 'k'.repeat(1e6) });
    expect(lines[0]).toBe(`get of key 7 failed: ${timeout.message}`);
    expect(lines[1]).toMatch(/^get of key k{10,200} failed: /);
  });

  it('is quiet for ten seconds about more of one kind, then tells how many they were', () => {
    const { lines, clock, fail } = open();
    for (let i = 0; i < 1_000; i++) fail();
    clock.time += 9_999;
    fail();
    expect(lines).toHaveLength(1);
    clock.time += 1;
    fail();
    expect(lines).toEqual([
      `get failed: ${timeout.message}`,
      `get failed: ${timeout.message} (1000 more like it before)`,
    ]);
    clock.time += 10_000;
    fail();
    expect(lines[2]).toBe(`get failed: ${timeout.message}`);
  });

  it('each code, operation and cache is a kind', () => {
    const { lines, fail } = open();
    for (let i = 0; i < 2; i++) {
      fail();
      fail(unavailable);
      fail(timeout, { operation: 'put' });
      fail(timeout, { cache: 'users' });
      fail(timeout, { method: 'Another.method' });
    }
    expect(lines).toHaveLength(4);
  });

  it('a wall clock set back does not silence it', () => {
    const { lines, clock, fail } = open();
    fail();
    clock.time -= 3_600_000;
    fail();
    expect(lines).toHaveLength(2);
  });
});
