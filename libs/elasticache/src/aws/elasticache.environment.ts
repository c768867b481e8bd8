import type { ElastiCacheModuleOptions } from '../elasticache.options.js';
import { moduleFaults } from '../elasticache.settings.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import type { Fault } from '../errors/catalogue.js';
import type { ConnectionOptions } from '../connection/connection.options.js';
import { parsedEndpoint, type Topology, topologyOf } from './endpoint.js';
import { elastiCache, type ElastiCacheOptions } from './elasticache.connection.js';
import { iam } from './iam.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** A variable, and the option that it is, as faults name it. `docs/reference/environment.md` is made of this table. */
export interface Variable {
  readonly name: string;
  readonly option: string;
  readonly meaning: string;
}

export const variables: readonly Variable[] = [
  {
    name: 'REDIS_URL',
    option: 'connection',
    meaning: 'A `redis://` or `rediss://` URL. Instead of ELASTICACHE_ENDPOINT.',
  },
  {
    name: 'ELASTICACHE_ENDPOINT',
    option: 'elastiCache.endpoint',
    meaning: 'As the console shows it, with or without its port.',
  },
  {
    name: 'ELASTICACHE_READER',
    option: 'elastiCache.reader',
    meaning: "The reader endpoint, for caches with `consistency: 'eventual'`.",
  },
  {
    name: 'ELASTICACHE_TOPOLOGY',
    option: 'elastiCache.topology',
    meaning: '`single`, `replication-group`, `cluster` or `serverless`. Default: by the endpoint.',
  },
  {
    name: 'ELASTICACHE_USER',
    option: 'iam.user',
    meaning: 'The user: of ELASTICACHE_PASSWORD, or, with IAM, its id.',
  },
  {
    name: 'ELASTICACHE_PASSWORD',
    option: 'elastiCache.auth',
    meaning: 'Its password, or the token of a cache without users.',
  },
  {
    name: 'ELASTICACHE_IAM',
    option: 'elastiCache.auth',
    meaning: 'The name of the cache that IAM signs for. Instead of a password.',
  },
  {
    name: 'ELASTICACHE_REGION',
    option: 'iam.region',
    meaning: 'Of the cache, for IAM. Default: AWS_REGION.',
  },
  { name: 'CACHE_NAMESPACE', option: 'namespace', meaning: 'The option `namespace`.' },
  { name: 'CACHE_ENABLED', option: 'enabled', meaning: '`true` or `false`: the option `enabled`.' },
  { name: 'CACHE_TTL', option: 'defaults.ttl', meaning: 'The option `defaults.ttl`.' },
  {
    name: 'CACHE_TIMEOUTS_STORE',
    option: 'defaults.timeouts.store',
    meaning: 'The option `defaults.timeouts.store`.',
  },
  {
    name: 'CACHE_TIMEOUTS_WAIT',
    option: 'defaults.timeouts.wait',
    meaning: 'The option `defaults.timeouts.wait`.',
  },
];

/**
 * The options that the environment names, for those who deploy by it. What is not set is left out; a
 * variable that is set to nothing is one not set.
 *
 * @throws CacheConfigurationError that names every variable that is wrong, and shows none
 * @example
 * ElastiCacheModule.forRoot({ ...elastiCacheFromEnv(), caches: { articles: { ttl: '10m' } } })
 */
export function elastiCacheFromEnv(
  environment: Environment = process.env,
): Pick<ElastiCacheModuleOptions, 'connection' | 'namespace' | 'enabled' | 'defaults'> {
  const of = (name: string) => environment[name] || undefined;
  const faults = clashes(of);
  const connection = attempted(() => connectionOf(of), faults);
  const timeouts = given({ store: of('CACHE_TIMEOUTS_STORE'), wait: of('CACHE_TIMEOUTS_WAIT') });
  const defaults = given({ ttl: of('CACHE_TTL'), timeouts });
  const enabled = asBoolean(of('CACHE_ENABLED'));
  const options = given({ connection, namespace: of('CACHE_NAMESPACE'), enabled, defaults }) ?? {};
  faults.push(...moduleFaults(options as ElastiCacheModuleOptions).map(named));
  if (faults.length > 0) throw new CacheConfigurationError(faults);
  return options;
}

type Named = (name: string) => string | undefined;

function connectionOf(of: Named): string | ConnectionOptions | undefined {
  const [endpoint, topology] = [of('ELASTICACHE_ENDPOINT'), of('ELASTICACHE_TOPOLOGY')];
  const reader = of('ELASTICACHE_READER');
  if (endpoint === undefined) return of('REDIS_URL');
  const auth = authOf(of, topology ?? topologyOf(parsedEndpoint(endpoint)));
  return elastiCache({
    endpoint,
    ...(topology && { topology: topology as Topology }),
    ...(reader && { reader }),
    ...(auth && { auth }),
  });
}

function authOf(of: Named, topology: string | undefined): ElastiCacheOptions['auth'] {
  const [username, password, cacheName] = [
    of('ELASTICACHE_USER'),
    of('ELASTICACHE_PASSWORD'),
    of('ELASTICACHE_IAM'),
  ];
  if (cacheName !== undefined) {
    const region = of('ELASTICACHE_REGION') ?? of('AWS_REGION');
    return iam({
      user: username!,
      cacheName,
      region: region!,
      serverless: topology === 'serverless',
    });
  }
  return password === undefined ? undefined : { password, ...(username && { username }) };
}

/** What one variable says and another one makes void. */
function clashes(of: Named): Fault[] {
  const faults: Fault[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  if (of('REDIS_URL') && of('ELASTICACHE_ENDPOINT')) {
    add('REDIS_URL', 'is set beside ELASTICACHE_ENDPOINT: set one of them');
  }
  if (of('ELASTICACHE_PASSWORD') && of('ELASTICACHE_IAM')) {
    add('ELASTICACHE_PASSWORD', 'is set beside ELASTICACHE_IAM: set one of them');
  }
  if (/^(true|false|yes|no|on|off|1|0)$/i.test(of('ELASTICACHE_IAM') ?? '')) {
    add('ELASTICACHE_IAM', 'must be the name of the cache that IAM signs for');
  }
  const isAnyLost = !of('ELASTICACHE_ENDPOINT') && of('ELASTICACHE_USER') !== undefined;
  if (isAnyLost) add('ELASTICACHE_USER', 'is set without ELASTICACHE_ENDPOINT');
  return faults;
}

/** The faults of one part beside those of the others. */
function attempted<T>(make: () => T, faults: Fault[]): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof CacheConfigurationError)) throw error;
    faults.push(...error.faults.map(named));
    return undefined;
  }
}

function named({ path, message }: Fault): Fault {
  const variable = variables.find(({ option }) => option === path);
  return { path: variable?.name ?? path, message };
}

function asBoolean(text: string | undefined): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** What is defined of an object; undefined where nothing is. */
function given(object: Record<string, unknown>): Record<string, unknown> | undefined {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
