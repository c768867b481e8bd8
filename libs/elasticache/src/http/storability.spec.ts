import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import CachePolicy from 'http-cache-semantics';
import { deltaSeconds, directivesOf, httpDate, secondsOf } from './cache.control.js';
import { type Fields, freshnessOf, obstacle } from './storability.js';

const NOW = Date.UTC(2026, 0, 1);
const fieldsOf = (fields: Record<string, string | string[]>): Fields =>
  new Map(Object.entries(fields));
const lifetimeOf = (fields: Record<string, string | string[]>) =>
  freshnessOf(fieldsOf(fields), NOW).lifetimeMs;

describe('Cache-Control', () => {
  it.each<[string | string[], Record<string, unknown[]>]>([
    ['max-age=60', { 'max-age': ['60'] }],
    ['MAX-AGE=60, No-Store', { 'max-age': ['60'], 'no-store': [undefined] }],
    [['public', 'max-age=1'], { public: [undefined], 'max-age': ['1'] }],
    ['max-age="60"', { 'max-age': ['60'] }],
    ['private="a, b", max-age=1', { private: ['a, b'], 'max-age': ['1'] }],
    ['ext="x \\"y\\", no-store", public', { ext: ['x "y", no-store'], public: [undefined] }],
    [' , ,max-age = 5 ,, ', { 'max-age': ['5'] }],
    ['max-age=1, max-age=2', { 'max-age': ['1', '2'] }],
    ['max-age=1 2, public', { 'max-age': [''], public: [undefined] }],
    ['no-store ;x, public', { 'no-store': [''], public: [undefined] }],
    ['', {}],
  ])('%j is read', (field, expected) => {
    expect(Object.fromEntries(directivesOf(field))).toEqual(expected);
  });

  it('is read to its end, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=", \\;\t\n1é') }), (text) => {
        directivesOf(text);
      }),
    );
  });

  it.each<[string, number | undefined]>([
    ['max-age=60', 60],
    ['max-age=0', 0],
    ['max-age=99999999999999999999', 2 ** 31],
    ['max-age=2147483649', 2 ** 31],
    ['max-age=-1', 0],
    ['max-age=1.5', 0],
    ['max-age=soon', 0],
    ['max-age', 0],
    ['max-age=10, max-age=10', 10],
    ['max-age=10, max-age=20', 0],
    ['public', undefined],
  ])('%s: %p seconds', (field, seconds) => {
    expect(secondsOf(directivesOf(field), 'max-age')).toBe(seconds);
  });

  it('has whole seconds, and no others', () => {
    expect([deltaSeconds('007'), deltaSeconds(' 7'), deltaSeconds(''), deltaSeconds('+7')]).toEqual(
      [7, undefined, undefined, undefined],
    );
  });
});

describe('a date (RFC 9110 §5.6.7)', () => {
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])('%s', (text) => {
    expect(httpDate(text)).toBe(784_111_777_000);
  });

  it.each(['0', '', 'now', '2026-01-01', 'Sun, 06 Nov 1994 08:49:37', '-1'])(
    'is not %j',
    (text) => {
      expect(httpDate(text)).toBeUndefined();
    },
  );
});

describe('the lifetime (RFC 9111 §4.2.1)', () => {
  const in60 = new Date(NOW + 60_000).toUTCString();
  const ago60 = new Date(NOW - 60_000).toUTCString();

  it.each<[Record<string, string | string[]>, number | undefined]>([
    [{ 'cache-control': 's-maxage=1, max-age=2', expires: in60 }, 1_000],
    [{ 'cache-control': 'max-age=2', expires: in60 }, 2_000],
    [{ expires: in60 }, 60_000],
    [{ expires: in60, date: ago60 }, 120_000],
    [{ expires: ago60 }, 0],
    [{ expires: '0' }, 0],
    [{ expires: [in60, ago60] }, 0],
    [{ 'cache-control': 'max-age=oops', expires: in60 }, 0],
    [{ 'cache-control': 's-maxage=oops, max-age=5' }, 0],
    [{ 'cache-control': ['public', 'max-age=3'] }, 3_000],
    [{ 'cache-control': 'public' }, undefined],
    [{}, undefined],
  ])('of %j: %p', (fields, lifetime) => {
    expect(lifetimeOf(fields)).toBe(lifetime);
  });

  it('is what another implementation makes of it', () => {
    const directive = fc.oneof(
      fc.tuple(fc.constantFrom('max-age', 's-maxage'), fc.nat(10_000)).map(([n, s]) => `${n}=${s}`),
      fc.constantFrom('public', 'no-transform', 'Max-Age=7', 'must-revalidate'),
    );
    const names = (list: string[]) => list.map((one) => one.split('=')[0]!.toLowerCase());
    fc.assert(
      fc.property(fc.uniqueArray(directive, { maxLength: 4 }), fc.nat(500), (list, age) => {
        fc.pre(new Set(names(list)).size === list.length);
        const headers = {
          'cache-control': list.join(', '),
          age: `${age}`,
          date: new Date().toUTCString(),
        };
        // It knows lower case only.
        const lower = { ...headers, 'cache-control': headers['cache-control'].toLowerCase() };
        const policy = new CachePolicy(
          { headers: {} },
          { status: 200, headers: lower },
          { cacheHeuristic: 0 },
        );
        const { lifetimeMs = 0, ageMs } = freshnessOf(fieldsOf(headers), Date.now());
        expect(Math.max(0, lifetimeMs - ageMs) / 1000).toBeCloseTo(
          Math.max(0, policy.maxAge() - age),
          0,
        );
      }),
    );
  });

  it('is partly spent where the response was relayed', () => {
    const age = (value: string | string[]) => freshnessOf(fieldsOf({ age: value }), NOW).ageMs;
    expect([age('40'), age('x'), age('-3'), age(['7', '9']), age('7, 9')]).toEqual([
      40_000, 0, 0, 7_000, 7_000,
    ]);
  });

  it('is spent since its Date, where that is more than its Age (RFC 9111 §4.2.3)', () => {
    const age = (value: string) => freshnessOf(fieldsOf({ date: ago60, age: value }), NOW).ageMs;
    expect([age('0'), age('59'), age('61')]).toEqual([60_000, 60_000, 61_000]);
    const { ageMs } = freshnessOf(fieldsOf({ date: in60 }), NOW);
    expect(ageMs).toBe(0);
  });
});

describe('what is stale (RFC 9111 §4.2.4, RFC 5861)', () => {
  const windowsOf = (control: string) => {
    const { staleWhileRevalidateMs, staleIfErrorMs } = freshnessOf(
      fieldsOf({ 'cache-control': control }),
      NOW,
    );
    return [staleWhileRevalidateMs, staleIfErrorMs];
  };

  it.each<[string, (number | undefined)[]]>([
    ['max-age=1', [undefined, undefined]],
    ['max-age=1, stale-while-revalidate=30', [30_000, undefined]],
    ['max-age=1, stale-if-error=60', [undefined, 60_000]],
    ['max-age=1, must-revalidate', [0, 0]],
    ['max-age=1, proxy-revalidate', [0, 0]],
    ['s-maxage=1', [0, 0]],
    ['s-maxage=1, stale-while-revalidate=30', [30_000, 0]],
    ['max-age=1, must-revalidate, stale-if-error=60', [0, 60_000]],
  ])('under %s: %p', (control, windows) => {
    expect(windowsOf(control)).toEqual(windows);
  });
});

describe('what is not stored (RFC 9111 §3)', () => {
  const plain = { status: 200, statuses: [200, 203, 204], isUsers: false, isAuthorised: false };

  it.each<[Record<string, string | string[]>, object, string]>([
    [{ 'set-cookie': ['a=1'] }, {}, 'Set-Cookie'],
    [{ 'cache-control': 'No-Store' }, {}, 'no-store'],
    [{ 'cache-control': 'no-cache="set-cookie"' }, {}, 'no-cache'],
    [{ 'cache-control': ['max-age=1', 'private'] }, {}, 'private'],
    [{ 'cache-control': 'private="x-a"' }, {}, 'private'],
    [{ vary: 'accept, *' }, {}, 'Vary: *'],
    [{}, { status: 206, statuses: [206] }, 'partial content'],
    [{ 'content-range': 'bytes 0-1/2' }, {}, 'partial content'],
    [{}, { status: 404 }, 'status 404'],
    [{}, { isAuthorised: true }, 'Authorization'],
    [{ 'cache-control': 'max-age=1' }, { isAuthorised: true }, 'Authorization'],
  ])('%j, %j: for %s', (fields, more, reason) => {
    expect(obstacle(fieldsOf(fields), { ...plain, ...more })).toBe(reason);
  });

  it.each<[Record<string, string>, object]>([
    [{}, {}],
    [{ 'cache-control': 'max-age=1, ext="no-store"' }, {}],
    [{ 'cache-control': 'private' }, { isUsers: true }],
    [{ 'cache-control': 'public' }, { isAuthorised: true }],
    [{ 'cache-control': 's-maxage=5' }, { isAuthorised: true }],
    [{}, { status: 404, statuses: [404] }],
  ])('not so %j, %j', (fields, more) => {
    expect(obstacle(fieldsOf(fields), { ...plain, ...more })).toBeUndefined();
  });
});
