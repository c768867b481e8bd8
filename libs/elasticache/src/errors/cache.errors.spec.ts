import { describe, expect, it } from '@jest/globals';
import {
  CacheConfigurationError,
  CacheError,
  CacheTimeoutError,
  CacheUnavailableError,
  evaluated,
  UnknownCacheError,
} from './cache.errors.js';

const where = "cache 'articles'";
const cause = new Error('of the server');

describe('The errors', () => {
  it.each([
    [
      new CacheConfigurationError([{ path: 'caches.a.ttl', message: 'is wrong' }]),
      'CACHE_CONFIGURATION',
    ],
    [new UnknownCacheError('a', ['b']), 'CACHE_UNKNOWN'],
    [new CacheTimeoutError('CACHE_TIMEOUT', { where, ms: 250, bound: 250 }), 'CACHE_TIMEOUT'],
    [
      new CacheUnavailableError('CACHE_UNAVAILABLE', { where, problem: 'gone' }),
      'CACHE_UNAVAILABLE',
    ],
    [new CacheError('CACHE_NAMES_EMPTY', { where }), 'CACHE_NAMES_EMPTY'],
  ])('%p is a CacheError with its code and its class for a name', (error, code) => {
    expect(error).toBeInstanceOf(CacheError);
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe(code);
    expect(error.name).toBe(error.constructor.name);
    expect(String(error)).toBe(`${error.name}: ${error.message}`);
  });

  it('bear their cause, and no property of that name without one', () => {
    const params = { where, problem: 'gone' };
    expect(new CacheUnavailableError('CACHE_UNAVAILABLE', params, cause).cause).toBe(cause);
    expect('cause' in new CacheUnavailableError('CACHE_UNAVAILABLE', params)).toBe(false);
  });

  it('the configuration error lists every fault with its path', () => {
    const faults = [
      { path: 'defaults.ttl', message: 'must be a duration' },
      { path: 'caches.a.jitter', message: 'must be a number' },
    ];
    const error = new CacheConfigurationError(faults);
    expect(error.faults).toEqual(faults);
    expect(error.message).toBe(
      '2 faults in the cache configuration:\n' +
        '  - defaults.ttl: must be a duration\n  - caches.a.jitter: must be a number',
    );
    expect(new CacheConfigurationError(faults.slice(0, 1)).message).toBe(
      'defaults.ttl: must be a duration',
    );
  });
});

describe("An application's option function", () => {
  it('is answered with as it is', () => {
    expect(evaluated('A.b', 'key', () => 7)).toBe(7);
  });

  it('that throws is an error naming method and option, with what it threw as the cause', () => {
    const evaluate = () => {
      throw cause;
    };
    expect(() => evaluated('ArticlesService.findOne', 'key', evaluate)).toThrow(
      expect.objectContaining({
        code: 'CACHE_OPTION_FAILED',
        message: expect.stringMatching(/^ArticlesService\.findOne: .*`key`/),
        cause,
      }),
    );
  });
});
