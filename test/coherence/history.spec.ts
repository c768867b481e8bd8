import { describe, expect, it } from '@jest/globals';
import { explain } from './excerpt.js';
import { type History, type Invalidation, judge, lagging, type Read } from './history.js';

const KEY = 7;

/** Commits of versions 1, 2, … at these instants. */
function history(
  commitsAt: number[],
  { reads = [] as Read[], invalidations = [] as Invalidation[] },
): History {
  const commits = commitsAt.map((at, i) => ({ key: KEY, version: i + 1, at }));
  return { commits, reads, invalidations, loads: [] };
}

function read(version: number, begin: number): Read {
  return { key: KEY, version, begin, end: begin + 1, how: 'getOrLoad', process: 'a' };
}

function invalidation(begin: number, end: number, more: Partial<Invalidation> = {}): Invalidation {
  return { keys: [KEY], begin, end, how: 'evict', process: 'b', ...more };
}

const late = (findings: readonly { lateMs: number }[]) => findings.map(({ lateMs }) => lateMs);

describe('a read', () => {
  it('is stale if it began after an invalidation returned and saw what that invalidated', () => {
    const { stale, sticky, old } = judge(
      history([10], { invalidations: [invalidation(11, 15)], reads: [read(0, 16), read(1, 17)] }),
    );
    expect(stale).toEqual([{ read: read(0, 16), lateMs: 1 }]);
    expect([sticky, old]).toEqual([[], []]);
  });

  it('may see the old version as long as the invalidation has not returned', () => {
    const invalidations = [invalidation(11, 15)];
    const reads = [read(0, 9), read(0, 12), read(0, 15)];
    expect(judge(history([10], { invalidations, reads })).stale).toEqual([]);
  });

  it('is promised what was committed when the invalidation began, and no more', () => {
    const invalidations = [invalidation(15, 30)];
    const reads = [read(0, 31), read(1, 31), read(2, 31)];
    const { stale } = judge(history([10, 20], { invalidations, reads }));
    expect(stale.map(({ read: { version } }) => version)).toEqual([0]);
  });

  it('is promised by a fenced put the version that was put', () => {
    const invalidations = [invalidation(9, 30, { version: 1 })];
    const { stale } = judge(
      history([10, 20], { invalidations, reads: [read(0, 31), read(1, 31)] }),
    );
    expect(stale.map(({ read: { version } }) => version)).toEqual([0]);
  });

  it('is as late as the first promise it breaks is old', () => {
    const invalidations = [invalidation(25, 40), invalidation(11, 15)];
    expect(late(judge(history([10, 20], { invalidations, reads: [read(0, 50)] })).stale)).toEqual([
      35,
    ]);
    expect(late(judge(history([10, 20], { invalidations, reads: [read(1, 50)] })).stale)).toEqual([
      10,
    ]);
  });

  it('keeps an earlier promise when an invalidation that began before returns later', () => {
    const invalidations = [invalidation(21, 22), invalidation(11, 30)];
    const { stale } = judge(history([10, 20], { invalidations, reads: [read(1, 31)] }));
    expect(late(stale)).toEqual([9]);
  });

  it('is sticky if it is stale after more than half a second', () => {
    const invalidations = [invalidation(11, 15)];
    const reads = [read(0, 515), read(0, 516)];
    const { stale, sticky } = judge(history([10], { invalidations, reads }));
    expect([stale.length, late(sticky)]).toEqual([2, [501]]);
  });

  it('is old without a promise if its version was replaced more than half a second ago', () => {
    const { stale, old } = judge(history([10], { reads: [read(0, 510), read(0, 511)] }));
    expect([stale, late(old)]).toEqual([[], [501]]);
  });

  it('is promised nothing by the invalidation of another key', () => {
    const invalidations = [invalidation(11, 15, { keys: [8, 9] })];
    expect(judge(history([10], { invalidations, reads: [read(0, 20)] })).stale).toEqual([]);
  });

  it('of a key that never changed sees the first version', () => {
    const invalidations = [invalidation(11, 15)];
    expect(judge(history([], { invalidations, reads: [read(0, 20)] })).stale).toEqual([]);
  });
});

describe('the last read of a process', () => {
  const covered = history([10, 20], { invalidations: [invalidation(21, 25)] });
  const uncovered = history([10, 20], { invalidations: [invalidation(11, 15)] });

  it('lags if it did not see the latest version', () => {
    expect(lagging(covered, [read(1, 1500), read(2, 1500)], false)).toEqual([read(1, 1500)]);
  });

  it('is exempt where no invalidation followed the last commit, but not in strict mode', () => {
    expect(lagging(uncovered, [read(1, 1500)], false)).toEqual([]);
    expect(lagging(uncovered, [read(1, 1500)], true)).toEqual([read(1, 1500)]);
  });
});

describe('the excerpt that explains a finding', () => {
  it('tells what happened to the key, in order and in milliseconds before the read', () => {
    const run = history([10], { invalidations: [invalidation(11, 15)], reads: [read(0, 16)] });
    const [finding] = judge(run).stale;
    expect(explain(run, finding!).split('\n')).toEqual([
      'key 7: version 0 seen 1.0 ms late',
      '    -6.0            commit of 1',
      '    -5.0 …     -1.0 b evict',
      '     0.0 …      1.0 a getOrLoad saw 0',
    ]);
  });
});
