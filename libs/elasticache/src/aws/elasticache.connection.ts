import type { ConnectionOptions as TlsOptions } from 'node:tls';

import type { ConnectionOptions } from '../connection/connection.options.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import type { Fault } from '../errors/catalogue.js';
import {
  type Endpoint,
  endpointFault,
  parsedEndpoint,
  readerFault,
  type Topology,
  topologyOf,
} from './endpoint.js';
import type { IamAuth } from './iam.js';

/** Where a cache of ElastiCache is, and who connects to it. */
export interface ElastiCacheOptions {
  /**
   * As the console shows it, with or without its port: the primary endpoint of a replication group,
   * the configuration endpoint of a cluster, the endpoint of a serverless cache.
   */
  readonly endpoint: string;
  /** Default: told from the endpoint's shape. Give it where the name is one of your own. */
  readonly topology?: Topology;
  /** The reader endpoint of a replication group, for caches with `consistency: 'eventual'`. Replicas of clusters are found. */
  readonly reader?: string;
  /** {@link iam}, or a user of the cache's user group. Default: nobody, as for a cache without access control. */
  readonly auth?: IamAuth | ElastiCacheUser;
  /** Options of `tls.connect`, such as `ca`; false for a cache without encryption in transit. Default true: certificates are checked. */
  readonly tls?: boolean | TlsOptions;
}

/** A user with a password, which may be another one each time: it is asked for with each connection, and every few minutes. */
export interface ElastiCacheUser {
  readonly username?: string;
  readonly password: string | (() => string | Promise<string>);
}

const TOPOLOGIES: readonly Topology[] = ['single', 'replication-group', 'cluster', 'serverless'];

const NO_ENDPOINT =
  'must be a name and a port, without scheme, user or path: orders.abc123.clustercfg.euw1.cache.amazonaws.com:6379';

const CANNOT_TELL = `does not tell the topology: set the option topology to one of ${TOPOLOGIES.join(', ')}`;

/**
 * The connection to a cache of ElastiCache, as `ElastiCacheModule.forRoot` takes it.
 *
 * @throws CacheConfigurationError that names every mistake
 * @example
 * ElastiCacheModule.forRoot({
 *   connection: elastiCache({
 *     endpoint: 'orders.abc123.clustercfg.euw1.cache.amazonaws.com:6379',
 *     auth: iam({ user: 'app', cacheName: 'orders', region: 'eu-west-1' }),
 *   }),
 * })
 */
export function elastiCache(options: ElastiCacheOptions): ConnectionOptions {
  const endpoint = parsedEndpoint(options.endpoint);
  const topology = options.topology ?? topologyOf(endpoint);
  const faults = faultsOf(options, endpoint, topology);
  if (faults.length > 0) throw new CacheConfigurationError(faults);
  const { auth, tls = true } = options;
  const { host, port } = endpoint!;
  const reader = options.reader === undefined ? undefined : parsedEndpoint(options.reader)!;
  const common = {
    tls,
    ...(auth?.username !== undefined && { username: auth.username }),
    ...(auth !== undefined && { password: auth.password }),
  };
  return topology === 'cluster' || topology === 'serverless'
    ? { cluster: [{ host, port }], ...common }
    : { host, port, ...(reader && { reader }), ...common };
}

function faultsOf(
  { endpoint: given, reader, auth, tls }: ElastiCacheOptions,
  endpoint: Endpoint | undefined,
  topology: Topology | undefined,
): Fault[] {
  const faults: Fault[] = [];
  const add = (option: string, message: string) =>
    faults.push({ path: `elastiCache.${option}`, message });
  if (given === undefined || given === '') {
    add('endpoint', 'is missing; is an environment variable not set?');
  } else if (endpoint === undefined) {
    add('endpoint', NO_ENDPOINT);
  } else if (topology === undefined) {
    add('endpoint', CANNOT_TELL);
  } else if (!TOPOLOGIES.includes(topology)) {
    add('topology', `must be one of ${TOPOLOGIES.join(', ')}`);
  } else {
    const fault = endpointFault(endpoint, topology);
    if (fault !== undefined) add('endpoint', fault);
  }
  if (reader !== undefined) {
    const at = parsedEndpoint(reader);
    const fault = at === undefined ? NO_ENDPOINT : topology && readerFault(at, topology);
    if (fault !== undefined) add('reader', fault);
  }
  const signs = auth !== undefined && 'iam' in auth;
  if (tls === false && topology === 'serverless') {
    add('tls', 'must not be false: a serverless cache speaks TLS alone');
  }
  if (tls === false && signs) add('tls', 'must not be false: IAM works over TLS alone');
  if (signs && topology !== undefined && (topology === 'serverless') !== auth.iam.serverless) {
    const what = topology === 'serverless' ? 'true' : 'false';
    add(
      'auth',
      `is of another kind of cache, whose tokens are others: set serverless: ${what} in iam()`,
    );
  }
  return faults;
}
