import { describe, expect, it } from '@jest/globals';
import { elastiCache, type ElastiCacheOptions } from './elasticache.connection.js';
import { iam } from './iam.js';

const DOMAIN = 'euw1.cache.amazonaws.com';
const CLUSTER = `orders.abc123.clustercfg.${DOMAIN}`;
const SERVERLESS = `orders-abc123.serverless.${DOMAIN}`;
const GROUP = `master.orders.abc123.${DOMAIN}`;

const signing = (serverless: boolean) =>
  iam({ user: 'app', cacheName: 'orders', region: 'eu-west-1', serverless });

describe('elastiCache', () => {
  it.each([
    ['a cluster', CLUSTER, { cluster: [{ host: CLUSTER, port: 6379 }] }],
    ['a serverless cache', SERVERLESS, { cluster: [{ host: SERVERLESS, port: 6379 }] }],
    ['a replication group', GROUP, { host: GROUP, port: 6379 }],
    [
      'a group of one shard',
      `orders.abc123.ng.0001.${DOMAIN}:6380`,
      { host: `orders.abc123.ng.0001.${DOMAIN}`, port: 6380 },
    ],
    [
      'a node',
      `orders.abc123.0001.${DOMAIN}`,
      { host: `orders.abc123.0001.${DOMAIN}`, port: 6379 },
    ],
  ])('tells %s by its endpoint, and speaks TLS', (_, endpoint, connection) => {
    expect(elastiCache({ endpoint })).toEqual({ ...connection, tls: true });
  });

  it('is told where the name is one of your own', () => {
    const endpoint = 'cache.internal';
    expect(elastiCache({ endpoint, topology: 'cluster', tls: false })).toEqual({
      cluster: [{ host: endpoint, port: 6379 }],
      tls: false,
    });
  });

  it('signs in as it is told', () => {
    const auth = signing(false);
    expect(elastiCache({ endpoint: GROUP, auth })).toMatchObject({
      username: 'app',
      password: auth.password,
    });
    expect(elastiCache({ endpoint: GROUP, auth: { password: 'token' } })).toEqual({
      host: GROUP,
      port: 6379,
      tls: true,
      password: 'token',
    });
  });

  it('is told where replicas are read', () => {
    const reader = `replica.orders.abc123.${DOMAIN}`;
    expect(elastiCache({ endpoint: GROUP, reader })).toMatchObject({
      host: GROUP,
      reader: { host: reader, port: 6379 },
    });
    const own = { endpoint: 'cache.internal', topology: 'replication-group' } as const;
    expect(elastiCache({ ...own, reader: 'reader.internal:6380' })).toMatchObject({
      reader: { host: 'reader.internal', port: 6380 },
    });
  });

  const mistakes: Record<string, [Partial<ElastiCacheOptions>, string, RegExp]> = {
    'no endpoint': [{ endpoint: undefined as never }, 'endpoint', /environment variable/],
    'a URL': [{ endpoint: `rediss://${CLUSTER}` }, 'endpoint', /without scheme/],
    'a port that is none': [{ endpoint: `${CLUSTER}:99999` }, 'endpoint', /a name and a port/],
    'a name that tells nothing': [
      { endpoint: 'cache.internal' },
      'endpoint',
      /set the option topology/,
    ],
    'the configuration endpoint of a cluster as a node': [
      { endpoint: CLUSTER, topology: 'single' },
      'endpoint',
      /shape of a cluster endpoint/,
    ],
    'the reader endpoint': [
      { endpoint: `replica.orders.abc123.${DOMAIN}`, topology: 'replication-group' },
      'endpoint',
      /takes no writes: give the primary endpoint/,
    ],
    'the port for reading': [
      { endpoint: `${SERVERLESS}:6380` },
      'endpoint',
      /takes no writes: give 6379/,
    ],
    'a reader of a cluster': [{ reader: 'reader.internal' }, 'reader', /are found: leave it out/],
    'a reader that is no endpoint': [
      { endpoint: GROUP, reader: 'redis://reader' },
      'reader',
      /without scheme/,
    ],
    'a primary as the reader': [
      { endpoint: GROUP, reader: GROUP },
      'reader',
      /give the reader endpoint/,
    ],
    'a serverless cache without TLS': [{ endpoint: SERVERLESS, tls: false }, 'tls', /TLS alone/],
    'IAM without TLS': [
      { endpoint: GROUP, tls: false, auth: signing(false) },
      'tls',
      /IAM works over TLS/,
    ],
    'tokens of a node-based cache': [
      { endpoint: SERVERLESS, auth: signing(false) },
      'auth',
      /set serverless: true/,
    ],
    'tokens of a serverless cache': [
      { endpoint: CLUSTER, auth: signing(true) },
      'auth',
      /set serverless: false/,
    ],
  };
  it.each(Object.keys(mistakes))('names a usual mistake: %s', (name) => {
    const [options, option, message] = mistakes[name]!;
    expect(() => elastiCache({ endpoint: CLUSTER, ...options })).toThrow(
      expect.objectContaining({
        faults: [{ path: `elastiCache.${option}`, message: expect.stringMatching(message) }],
      }) as unknown as Error,
    );
  });
});
