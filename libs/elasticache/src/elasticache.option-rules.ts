import { sensitiveDefaults } from './cache/sensitive.values.js';
import { cacheRules } from './elasticache.cache-rules.js';
import {
  either,
  isBoolean,
  isCount,
  isFunction,
  isObject,
  isOneOf,
  isPlainObject,
  isText,
  must,
  type OptionRule,
  secretMust,
} from './invocation/option.rules.js';
import { keyBytes } from './key/key.secret.js';

const portRule: OptionRule = {
  name: 'port',
  type: 'number',
  fallback: '6379',
  meaning: 'TCP port.',
  wrong: must((value) => isCount(value) && (value as number) < 65536, 'a port number'),
};

const connectionRules: readonly OptionRule[] = [
  {
    name: 'url',
    type: 'string',
    fallback: 'none',
    meaning: 'Instead of the others: redis:// or rediss:// (TLS), user and password included.',
    wrong: secretMust(isRedisUrl, 'a redis:// or rediss:// URL'),
  },
  {
    name: 'host',
    type: 'string',
    fallback: 'none',
    meaning: 'Name or address of the node.',
    wrong: secretMust(isHost, 'a host name or address, without scheme, user or port'),
  },
  portRule,
  {
    name: 'cluster',
    type: '{ host, port? }[]',
    fallback: 'none',
    meaning: 'Instead of host and port: nodes of a cluster that are asked for the others.',
    wrong: secretMust(
      (value) => Array.isArray(value) && value.length > 0 && value.every(isNode),
      'a list of nodes, one at least, each with a host and perhaps a port',
    ),
  },
  {
    name: 'tls',
    type: 'boolean | tls.ConnectionOptions',
    fallback: 'false',
    meaning: 'TLS, as `tls.connect` takes it.',
    wrong: secretMust(either(isBoolean, isObject), 'true, false or an object of TLS options'),
  },
  {
    name: 'username',
    type: 'string',
    fallback: "the server's default user",
    meaning: 'ACL user.',
    wrong: secretMust(isText, 'a text that is not empty'),
  },
  {
    name: 'password',
    type: 'string | (() => string | Promise<string>)',
    fallback: 'none',
    meaning:
      'Of the user. A function where it changes: asked with each connection and every few minutes.',
    wrong: secretMust(either(isText, isFunction), 'a text that is not empty, or a function'),
  },
  {
    name: 'db',
    type: 'number',
    fallback: '0',
    meaning: 'Database number.',
    wrong: must((value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number'),
  },
  {
    name: 'reader',
    type: '{ host, port? }',
    fallback: 'none',
    meaning: "Where the node's replicas answer, for caches with `consistency: 'eventual'`.",
    wrong: secretMust(isNode, 'a host and perhaps a port'),
  },
];

const tenancyRules: readonly OptionRule[] = [
  {
    name: 'resolve',
    type: '() => string | undefined',
    fallback: 'CacheContext alone',
    meaning: 'The tenant of the running code, where CacheContext has none.',
    wrong: must(isFunction, 'a function answering with the tenant'),
  },
  {
    name: 'required',
    type: 'boolean',
    fallback: 'true',
    meaning: 'Whether a call without a tenant fails; else it runs uncached.',
    wrong: must(isBoolean, 'true or false'),
  },
];

const sensitiveRules: readonly OptionRule[] = [
  {
    name: 'fields',
    type: 'string[]',
    fallback: sensitiveDefaults.fields.join(', '),
    meaning: 'Names of properties.',
    wrong: must(
      (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
      'an array of names, one at least',
    ),
  },
  {
    name: 'action',
    type: "'refuse' | 'strip' | 'off'",
    fallback: "'refuse'",
    meaning: 'A value that has one is not stored, is stored without it, or as it is.',
    wrong: must(isOneOf('refuse', 'strip', 'off'), "'refuse', 'strip' or 'off'"),
  },
];

export const moduleRules: readonly OptionRule[] = [
  {
    name: 'connection',
    type: 'string | ConnectionOptions | Redis | Cluster',
    fallback: 'none: memory is the only tier',
    meaning: 'The shared tier: a URL, settings, or a ready ioredis client or cluster.',
    wrong: secretMust(
      either(isRedisUrl, isPlainObject, isClient),
      'a redis:// or rediss:// URL, connection settings, or an ioredis client',
    ),
    nested: connectionRules,
  },
  {
    name: 'namespace',
    type: 'string',
    fallback: "'cache'",
    meaning: 'First segment of every key.',
    wrong: must(isText, 'a text that is not empty'),
  },
  {
    name: 'defaults',
    type: 'CacheOptions',
    fallback: 'see there',
    meaning: 'What every cache starts from.',
    wrong: must(isObject, 'an object of cache options'),
    nested: cacheRules,
  },
  {
    name: 'caches',
    type: 'Record<string, CacheOptions>',
    fallback: 'none',
    meaning: 'The caches by name.',
    wrong: must(isObject, 'an object: cache names and their options'),
  },
  {
    name: 'dynamicCaches',
    type: 'boolean',
    fallback: 'true',
    meaning: 'May a cache be created on its first use?',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    name: 'tenancy',
    type: 'TenancyOptions',
    fallback: 'none: one tenant',
    meaning: 'One application for many tenants: caches keep their entries apart.',
    wrong: must(isObject, 'an object: resolve, required, or neither'),
    nested: tenancyRules,
  },
  {
    name: 'identity',
    type: 'IdentitySource',
    fallback: 'none',
    meaning: 'Who is asking, read from each HTTP request after its guards.',
    wrong: must(isFunction, 'entraIdentity() or fromRequest()'),
  },
  {
    name: 'keys',
    type: 'KeyOptions',
    fallback: 'they can be read',
    meaning: 'What keys in Redis are called.',
    wrong: must(
      (value) => isObject(value) && value['secret'] !== undefined,
      'an object with secret',
    ),
    nested: [
      {
        name: 'secret',
        type: 'NamedKey[]',
        fallback: 'none',
        meaning: 'Keys of HMAC-SHA-256 that make the names: the first, those of what is new.',
        wrong: namedKeysFault,
      },
    ],
  },
  {
    name: 'encryption',
    type: 'EncryptionOptions',
    fallback: 'values can be read',
    meaning: 'Seals values in Redis.',
    wrong: must((value) => isObject(value) && value['keys'] !== undefined, 'an object with keys'),
    nested: [
      {
        name: 'keys',
        type: 'NamedKey[]',
        fallback: 'none',
        meaning: 'Keys of AES-256-GCM: the first seals, all of them open.',
        wrong: namedKeysFault,
      },
    ],
  },
  {
    name: 'sensitive',
    type: 'SensitiveOptions',
    fallback: 'off',
    meaning: 'What must not be cached, wherever it is in a value.',
    wrong: must(isObject, 'an object: fields, action, or neither'),
    nested: sensitiveRules,
  },
  {
    name: 'keyGenerator',
    type: 'KeyGenerator',
    fallback: 'the arguments',
    meaning: 'Makes the keys of operations that name none.',
    wrong: must(isFunction, 'a function (target, methodName, args) => key'),
  },
  {
    name: 'errorHandler',
    type: 'CacheErrorHandler',
    fallback: 'log, count, carry on',
    meaning: 'Told of every failure of the cache; what it throws fails the operation.',
    wrong: must(
      either(isFunction, (value) => isObject(value) && isFunction(value['handle'])),
      'a function or an object with a method handle',
    ),
  },
  {
    name: 'enabled',
    type: 'boolean',
    fallback: 'true',
    meaning: 'False: decorated methods run as if not annotated, nothing is connected.',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    name: 'isGlobal',
    type: 'boolean',
    fallback: 'true',
    meaning: 'Whether every module sees the caches and the decorators work in it.',
    wrong: must(isBoolean, 'true or false'),
  },
];

/** What is wrong with a list of keys. Never shows one. */
function namedKeysFault(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return 'must be a list of keys, one at least';
  const ids = value.map((one: unknown) => (isObject(one) ? one['id'] : undefined));
  if (!ids.every((id) => typeof id === 'string' && /^[\w.-]{1,64}$/.test(id))) {
    return 'must be keys with an id each, of letters, digits, `.`, `_` and `-`';
  }
  if (new Set(ids).size < ids.length) return 'must be keys with different ids';
  const wrong = ids.filter((_, i) => keyBytes((value[i] as { key?: unknown }).key) === undefined);
  if (wrong.length === 0) return undefined;
  return `must hold 32 bytes a key, as bytes or as text in hexadecimal or base64; look at ${wrong.join(', ')}`;
}

function isClient(value: unknown): boolean {
  return isObject(value) && isFunction(value['getBuffer']);
}

function isRedisUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !/^rediss?:\/\//.test(value)) return false;
  return URL.canParse(value) && new URL(value).hostname !== '';
}

function isHost(value: unknown): boolean {
  return isText(value) && !/[@/\s]/.test(value as string);
}

function isNode(value: unknown): boolean {
  if (!isObject(value) || !isHost(value['host'])) return false;
  return value['port'] === undefined || portRule.wrong(value['port']) === undefined;
}
