import {
  either,
  isBoolean,
  isCount,
  isFunction,
  isOneOf,
  isText,
  must,
  type OptionRule,
} from './option.rules.js';
import { Glob } from '../key/glob.js';
import { tagsFault } from '../cache/tags.js';
import { aDuration, isDuration } from '../time/duration.js';
import { FromResult, type OperationKind } from './cache.operation.js';

const isFromResult = (value: unknown) => value instanceof FromResult;
const isNames = either(isText, (value) => Array.isArray(value) && value.every(isText));

/** For options that are evaluated before the method, where `fromResult` is a fault of its own. */
const early =
  (wrong: OptionRule['wrong']): OptionRule['wrong'] =>
  (value) =>
    isFromResult(value)
      ? 'is needed before there is a result: fromResult cannot give it'
      : wrong(value);

/** What may name an entry: any value but the two that cannot be told from an option left out. */
const isKey = (value: unknown) => value !== null && value !== undefined;

const common: readonly OptionRule[] = [
  {
    name: 'cacheNames',
    type: 'string | string[]',
    fallback: "the class's, from @CacheConfig",
    meaning: 'One cache, or several: looked up in order, first hit wins; a miss is stored in all.',
    wrong: must(isNames, 'the name of a cache, or several'),
  },
  {
    name: 'keyGenerator',
    type: '(target, methodName, args) => Key',
    fallback: "the class's, else the module's",
    meaning: 'Makes the key; exclusive with `key`.',
    wrong: must(isFunction, 'a function (target, methodName, args) => key'),
  },
  {
    name: 'cacheResolver',
    type: '({ kind, target, methodName, args, cacheNames }) => string[]',
    fallback: "the class's",
    meaning: 'Decides at each call which caches; an empty answer is an error.',
    wrong: must(
      isFunction,
      'a function ({ kind, target, methodName, args, cacheNames }) => cacheNames',
    ),
  },
];

const returns: OptionRule = {
  name: 'returns',
  type: "'observable'",
  fallback: 'what the compiler emits',
  meaning:
    'Needed where `design:returntype` is not emitted: inferred, a type-only import, esbuild, tsx.',
  wrong: must(isOneOf('observable'), "'observable'"),
};

const isTags = (value: unknown) => tagsFault(value) === undefined;

const tags: OptionRule = {
  name: 'tags',
  type: 'string[] | (...args) => string[] | fromResult',
  fallback: "the cache's alone",
  meaning: 'Tags of what is stored, beside the cache’s: evicting one of them evicts it.',
  wrong: must(
    either(isTags, isFunction, isFromResult),
    'an array of texts that are not empty, or a function answering with one',
  ),
};

const storing: readonly OptionRule[] = [
  {
    name: 'shared',
    type: 'false',
    fallback: "the cache's",
    meaning:
      'The value stays in this process’s memory; Redis only sees to its order with other writes.',
    wrong: must(isOneOf(false), 'false, or left out'),
  },
  {
    name: 'ttl',
    type: 'Duration | (...args) => Duration | fromResult',
    fallback: "the cache's",
    meaning: 'Lifetime of what this operation stores.',
    wrong: must(
      either(isDuration, isFunction, isFromResult),
      `${aDuration}, or a function answering with one`,
    ),
  },
  {
    name: 'unless',
    type: '(result, ...args) => boolean',
    fallback: 'none',
    meaning: 'True: return the result, do not store it. Not asked on hits.',
    wrong: must(isFunction, 'a function (result, ...args) => boolean'),
  },
  tags,
];

const maxEmissions: OptionRule = {
  name: 'maxEmissions',
  type: 'number',
  fallback: '1000',
  meaning: 'Emissions of an Observable beyond which it passes through unstored.',
  wrong: must(isCount, 'a whole number above 0'),
};

/** Options of a cache and of an operation alike, but for what holds where they are not given. (RFC 5861) */
export function freshnessRules(fallback: string): readonly OptionRule[] {
  return [
    {
      name: 'staleWhileRevalidate',
      type: 'Duration',
      fallback,
      meaning: 'For so long past its life an entry is served, and loaded anew behind it.',
      wrong: must(isDuration, aDuration),
    },
    {
      name: 'staleIfError',
      type: 'Duration',
      fallback,
      meaning: 'For so long past its life an entry is served where the loader fails.',
      wrong: must(isDuration, aDuration),
    },
    {
      name: 'refreshAhead',
      type: 'number',
      fallback,
      meaning:
        'Past this share of its life, 0 to 1, a read loads the entry anew in the background.',
      wrong: must(
        (value) => typeof value === 'number' && value > 0 && value < 1,
        'a number above 0 and below 1',
      ),
    },
  ];
}

const reading: readonly OptionRule[] = [
  {
    name: 'condition',
    type: '(...args) => boolean',
    fallback: 'none',
    meaning: 'False: this call is as if not annotated.',
    wrong: early(must(isFunction, 'a function (...args) => boolean')),
  },
  {
    name: 'singleFlight',
    type: "false | 'process' | 'distributed'",
    fallback: "the cache's",
    meaning: 'Who shares a run of the method: nobody, one process, or all processes.',
    wrong: must(isOneOf(false, 'process', 'distributed'), "false, 'process' or 'distributed'"),
  },
  {
    name: 'memory',
    type: 'false',
    fallback: "the cache's",
    meaning: 'Redis is asked, whatever this process has a copy of, and no copy is made.',
    wrong: must(isOneOf(false), 'false, or left out'),
  },
  ...freshnessRules("the cache's"),
  {
    name: 'type',
    type: 'class',
    fallback: 'none: plain data',
    meaning: 'The class a hit is revived into, by class-transformer.',
    wrong: must(isFunction, 'a class'),
  },
];

const writing: readonly OptionRule[] = [
  {
    name: 'key',
    type: 'Key | (...args) => Key | fromResult',
    fallback: 'the argument, or the tuple of the arguments',
    meaning: 'What names the entry.',
    wrong: must(isKey, 'a key, or a function answering with one'),
  },
  {
    name: 'condition',
    type: '(...args) => boolean | fromResult',
    fallback: 'none',
    meaning: 'False: this call is as if not annotated.',
    wrong: must(either(isFunction, isFromResult), 'a function (...args) => boolean, or fromResult'),
  },
];

const evicting: readonly OptionRule[] = [
  {
    name: 'allEntries',
    type: 'boolean',
    fallback: 'false',
    meaning: 'Empties the caches; exclusive with `key`, `pattern` and `tags`.',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    ...tags,
    fallback: 'none',
    meaning: 'Every entry that bears one of these, in every cache; exclusive with the others.',
  },
  {
    name: 'pattern',
    type: 'string | glob | (...args) => glob | fromResult',
    fallback: 'none',
    meaning: 'The entries whose encoded key matches: a constant with `*` and `?`, or a `glob` tag.',
    wrong: must(
      either(isText, isFunction, isFromResult, (value) => value instanceof Glob),
      'a pattern, or a function answering with a glob`…`',
    ),
  },
  {
    name: 'beforeInvocation',
    type: 'boolean',
    fallback: 'false',
    meaning: 'Evict before the method, whatever it then does; exclusive with fromResult.',
    wrong: must(isBoolean, 'true or false'),
  },
];

const [writtenKey] = writing as readonly [OptionRule];
const readKey: OptionRule = {
  ...writtenKey,
  type: 'Key | (...args) => Key',
  wrong: early(writtenKey.wrong),
};

const keys: OptionRule = {
  name: 'keys',
  type: '(...args) => Key[]',
  fallback: 'the elements themselves',
  meaning: 'The keys of a batch, one per element.',
  wrong: early(must(isFunction, 'a function (...args) => keys')),
};

/** The options of each decorator; the reference's tables are made of these. */
export const operationRules: Readonly<Record<OperationKind, readonly OptionRule[]>> = {
  cacheable: [...common, readKey, ...reading, ...storing, maxEmissions, returns],
  put: [...common, ...writing, ...storing, maxEmissions, returns],
  evict: [...common, ...writing, ...evicting, returns],
  many: [...common, keys, ...reading, ...storing],
};

/** The options of `@CacheConfig`. */
export const configRules = common;
