import { supportsZstd } from './codec/compression.js';
import {
  either,
  isBoolean,
  isCount,
  isFunction,
  isObject,
  isOneOf,
  isText,
  must,
  type OptionRule,
} from './invocation/option.rules.js';
import { tagsFault } from './cache/tags.js';
import { freshnessRules } from './invocation/operation.rules.js';
import { aDuration, isDuration } from './time/duration.js';

/** What a Map of V8 holds. */
const MOST_ENTRIES = 2 ** 24;

export const memoryRules: readonly OptionRule[] = [
  {
    name: 'maxEntries',
    type: 'number',
    fallback: '10000',
    meaning: 'Entries beyond which some are dropped: see `eviction`.',
    wrong: must(
      (value) => isCount(value) && (value as number) <= MOST_ENTRIES,
      `a whole number from 1 to ${MOST_ENTRIES}`,
    ),
  },
  {
    name: 'maxBytes',
    type: 'number',
    fallback: 'unbounded',
    meaning: 'Estimated bytes of all values beyond which entries are dropped.',
    wrong: must(isCount, 'a whole number of bytes above 0'),
  },
  {
    name: 'eviction',
    type: "'lru' | 'lfu'",
    fallback: "'lru'",
    meaning:
      'Which entries are dropped: the least recently used, or those used least often lately (W-TinyLFU), so that a scan spares what is hot.',
    wrong: must(isOneOf('lru', 'lfu'), "'lru' or 'lfu'"),
  },
  {
    name: 'isolation',
    type: "'clone' | 'freeze' | 'shared'",
    fallback: "'clone'",
    meaning: 'What a hit hands out: a copy, a deeply frozen value, or the stored value itself.',
    wrong: must(isOneOf('clone', 'freeze', 'shared'), "'clone', 'freeze' or 'shared'"),
  },
  {
    name: 'ttl',
    type: 'Duration',
    fallback: 'as long as the entry lives',
    meaning: 'How long an entry is kept in memory at most.',
    wrong: must(isDuration, aDuration),
  },
  {
    name: 'maxStaleness',
    type: 'Duration',
    fallback: "'1s'",
    meaning:
      'In front of Redis: how far behind other processes’ invalidations a hit may be. Typically it is a millisecond.',
    wrong: must(isDuration, aDuration),
  },
];

const compressionRules: readonly OptionRule[] = [
  {
    name: 'algorithm',
    type: "'gzip' | 'brotli' | 'zstd'",
    fallback: "'gzip'",
    meaning: 'How stored values are compressed; zstd needs Node 22.15.',
    wrong: (value) =>
      value === 'zstd' && !supportsZstd()
        ? "'zstd' needs Node 22.15 or newer; use 'brotli' or 'gzip'"
        : must(isOneOf('gzip', 'brotli', 'zstd'), "'gzip', 'brotli' or 'zstd'")(value),
  },
  {
    name: 'threshold',
    type: 'number',
    fallback: '1024',
    meaning: 'Bytes below which a value is stored as it is.',
    wrong: must(
      (value) => Number.isSafeInteger(value) && (value as number) >= 0,
      'a whole number of bytes',
    ),
  },
];

const timeoutRules: readonly OptionRule[] = [
  {
    name: 'store',
    type: 'Duration',
    fallback: "'250ms'",
    meaning: 'Outer bound of one exchange with Redis, waiting for a connection included.',
    wrong: must(isDuration, aDuration),
  },
  {
    name: 'wait',
    type: 'Duration',
    fallback: "'10s'",
    meaning: 'How long a call waits for another’s load, or for room to load.',
    wrong: must(isDuration, aDuration),
  },
  {
    name: 'load',
    type: 'Duration',
    fallback: 'none',
    meaning:
      'How long a loader may take; its callers get a CacheTimeoutError, or a stale copy. A method that puts has no bound.',
    wrong: must(isDuration, aDuration),
  },
];

const loadRules: readonly OptionRule[] = [
  {
    name: 'concurrent',
    type: 'number',
    fallback: 'none',
    meaning: 'Loaders that run at a time.',
    wrong: must(isCount, 'a whole number above 0'),
  },
  {
    name: 'queue',
    type: 'number',
    fallback: 'unbounded',
    meaning: 'Calls that may wait for room.',
    wrong: must(
      (value) => Number.isSafeInteger(value) && (value as number) >= 0,
      'a whole number, 0 or more',
    ),
  },
];

export const cacheRules: readonly OptionRule[] = [
  {
    name: 'ttl',
    type: 'Duration | ((call) => Duration)',
    fallback: "'5m'",
    meaning: 'Lifetime of an entry.',
    wrong: must(either(isDuration, isFunction), `${aDuration}, or a function answering with one`),
  },
  {
    name: 'tti',
    type: 'Duration',
    fallback: 'none',
    meaning: 'Time to idle: each read renews the life for this long, never past ttl.',
    wrong: must(isDuration, aDuration),
  },
  {
    name: 'jitter',
    type: 'number',
    fallback: '0.1',
    meaning: 'Shortens each lifetime by a random share up to this, 0 to 1.',
    wrong: must(
      (value) => typeof value === 'number' && value >= 0 && value <= 1,
      'a number from 0 to 1',
    ),
  },
  {
    name: 'cacheNull',
    type: 'boolean | Duration',
    fallback: 'true',
    meaning: 'Null and undefined results: cached, never, or for this long.',
    wrong: must(either(isBoolean, isDuration), `true, false or ${aDuration}`),
  },
  {
    name: 'version',
    type: 'string | number',
    fallback: '1',
    meaning: 'Schema version: a new one never reads entries of the old one.',
    wrong: must(either(isText, Number.isFinite), 'a number or a text that is not empty'),
  },
  {
    name: 'memory',
    type: 'false | MemoryTierOptions',
    fallback: 'on',
    meaning:
      'The in-process tier: copies in front of Redis, or the only one. `false`: Redis alone.',
    wrong: must(either(isOneOf(false), isObject), 'false or an object of memory options'),
    nested: memoryRules,
  },
  {
    name: 'shared',
    type: 'boolean',
    fallback: 'true with a connection',
    meaning: 'Whether the cache lives in Redis.',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    name: 'serializer',
    type: "'msgpack' | 'json' | Serializer",
    fallback: "'msgpack'",
    meaning: 'How values become bytes in the shared tier.',
    wrong: must(
      either(isOneOf('msgpack', 'json'), isSerializer),
      "'msgpack', 'json' or an object with serialize and deserialize",
    ),
  },
  {
    name: 'compression',
    type: 'false | CompressionOptions',
    fallback: 'false',
    meaning: 'Compression of stored values, above a threshold and where it makes them smaller.',
    wrong: must(either(isOneOf(false), isObject), 'false or an object of compression options'),
    nested: compressionRules,
  },
  {
    name: 'maxValueBytes',
    type: 'number',
    fallback: '8388608',
    meaning:
      'Bytes of a serialized value, before compression, beyond which it is handed out and not stored in the shared tier. Of text, bytes and lists the length tells it early; all else is serialized first.',
    wrong: must(isCount, 'a whole number of bytes above 0'),
  },
  {
    name: 'batching',
    type: 'boolean',
    fallback: 'true',
    meaning:
      'Whether the single reads of one turn of the event loop travel to Redis as one command.',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    name: 'singleFlight',
    type: "false | 'process' | 'distributed'",
    fallback: "'distributed' in Redis, 'process' in memory",
    meaning: 'Concurrent calls for one key run one load: of all processes, or of each.',
    wrong: must(isOneOf(false, 'process', 'distributed'), "false, 'process' or 'distributed'"),
  },
  {
    name: 'scope',
    type: "'global' | 'tenant' | 'user'",
    fallback: "'tenant' with tenancy, else 'global'",
    meaning: 'Whose entries are kept apart: nobody’s, each tenant’s, or each user’s.',
    wrong: must(isOneOf('global', 'tenant', 'user'), "'global', 'tenant' or 'user'"),
  },
  {
    name: 'tags',
    type: 'string[]',
    fallback: 'none',
    meaning: 'Tags that every entry bears.',
    wrong: must((value) => tagsFault(value) === undefined, 'an array of texts that are not empty'),
  },
  ...freshnessRules('none'),
  {
    name: 'consistency',
    type: "'default' | 'strict' | 'eventual'",
    fallback: "'default'",
    meaning:
      '`strict`: what a method makes untrue is guarded in Redis before it runs; it does not run where that fails. `eventual`: entries are read from replicas, where there are any, and have no copies in memory.',
    wrong: must(isOneOf('default', 'strict', 'eventual'), "'default', 'strict' or 'eventual'"),
  },
  {
    name: 'onEvictFailure',
    type: "'journal' | 'throw'",
    fallback: "'journal'",
    meaning: 'What comes of an invalidation that was not acknowledged: told, or thrown, too.',
    wrong: must(isOneOf('journal', 'throw'), "'journal' or 'throw'"),
  },
  {
    name: 'loads',
    type: 'LoadLimits',
    fallback: 'unbounded',
    meaning: 'How many loaders run at a time in this process, and how many calls wait.',
    wrong: must(
      (value) => isObject(value) && value['concurrent'] !== undefined,
      'an object with concurrent, and perhaps queue',
    ),
    nested: loadRules,
  },
  {
    name: 'timeouts',
    type: 'CacheTimeouts',
    fallback: 'see there',
    meaning: 'Bounds of waiting.',
    wrong: must(isObject, 'an object'),
    nested: timeoutRules,
  },
];

function isSerializer(value: unknown): boolean {
  return isObject(value) && isFunction(value['serialize']) && isFunction(value['deserialize']);
}
