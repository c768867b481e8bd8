import { describe, expect, it } from '@jest/globals';
import { catalogue, type CacheErrorCode, type CatalogueParams } from './catalogue.js';

const where = 'ArticlesService.findOne';

/** Parameters that can be told apart in the message. */
const samples: { [C in CacheErrorCode]: CatalogueParams<C> } = {
  CACHE_CONFIGURATION: { faults: [{ path: where, message: 'must be a duration' }] },
  CACHE_UNKNOWN: { cache: where, known: ['users', 'tags'] },
  CACHE_KEY: { where, problem: 'the key is a function' },
  CACHE_OPTION_FAILED: { where, option: 'unless' },
  CACHE_OPTION_VALUE: { where, option: 'ttl', problem: 'is no duration: give a positive one' },
  CACHE_NAMES_EMPTY: { where },
  CACHE_RESULT_LENGTH: { where, expected: 3, actual: '2' },
  CACHE_RESULT_ORDER: { where },
  CACHE_SERIALIZATION: { where, path: '$.run', problem: 'is a function' },
  CACHE_UNDECODABLE: { where, problem: 'the header is damaged' },
  CACHE_TIMEOUT: { where, ms: 250 },
  CACHE_UNAVAILABLE: { where, problem: 'connect ECONNREFUSED' },
  CACHE_NOT_EVICTED: { where, problem: 'connect ECONNREFUSED' },
  CACHE_NOT_GUARDED: { where, problem: 'connect ECONNREFUSED' },
  CACHE_LOAD_FAILED: { where },
  CACHE_TENANT_REQUIRED: { where, what: 'tenant' },
  CACHE_NO_TENANTS: { where },
  CACHE_IDENTITY: { where, what: 'user', longest: 256 },
  CACHE_PATTERN: { where },
  CACHE_LOADS_FULL: { where, concurrent: 16, queue: 128 },
};

/** What each tells its reader to do. */
const remedies: Record<CacheErrorCode, RegExp> = {
  CACHE_CONFIGURATION: /must be a duration/,
  CACHE_UNKNOWN: /Add it to forRoot.*known: users, tags/,
  CACHE_KEY: /Name a key made of/,
  CACHE_OPTION_FAILED: /cause is attached/,
  CACHE_OPTION_VALUE: /give a positive one/,
  CACHE_NAMES_EMPTY: /Give cacheNames/,
  CACHE_RESULT_LENGTH: /Return one result per element/,
  CACHE_RESULT_ORDER: /Sort a copy/,
  CACHE_SERIALIZATION: /Return plain data, or leave it out/,
  CACHE_UNDECODABLE: /loaded anew/,
  CACHE_TIMEOUT: /Check the server's load.*or raise/,
  CACHE_UNAVAILABLE: /check the connection/,
  CACHE_NOT_EVICTED: /may be out of date until it expires; evict it again/,
  CACHE_NOT_GUARDED: /did not run.*Try again; check the connection/,
  CACHE_LOAD_FAILED: /given a stored value; the cause is attached/,
  CACHE_TENANT_REQUIRED: /Run it within CacheContext\.run/,
  CACHE_NO_TENANTS: /Use it as it is/,
  CACHE_IDENTITY: /Give its identifier/,
  CACHE_PATTERN: /Evict by key or by tag/,
  CACHE_LOADS_FULL: /raise loads or timeouts\.wait/,
};

describe('The catalogue of messages', () => {
  const codes = Object.keys(catalogue) as CacheErrorCode[];

  it('has a sample of every code here', () => {
    expect(Object.keys(samples).sort()).toEqual([...codes].sort());
  });

  it.each(codes)('%s says where it was, what was wrong and what to do', (code) => {
    const params = samples[code];
    const message = (catalogue[code] as (params: unknown) => string)(params);
    expect(message).toContain(where);
    expect(message).toMatch(remedies[code]);
    expect(message).not.toMatch(/: undefined|\[object|\s$/);
    for (const value of Object.values(params)) {
      if (typeof value !== 'object') expect(message).toContain(String(value));
    }
  });
});
