import { describe, expect, it } from '@jest/globals';
import { elastiCacheFromEnv } from './elasticache.environment.js';

const ENDPOINT = 'orders-abc123.serverless.euw1.cache.amazonaws.com';

describe('elastiCacheFromEnv', () => {
  it('is nothing where nothing is set', () => {
    expect(elastiCacheFromEnv({ CACHE_TTL: '', HOME: '/' })).toEqual({});
  });

  it('takes a URL', () => {
    expect(elastiCacheFromEnv({ REDIS_URL: 'redis://localhost:6379' })).toEqual({
      connection: 'redis://localhost:6379',
    });
  });

  it('takes an endpoint, a user and a password', () => {
    const environment = {
      ELASTICACHE_ENDPOINT: 'cache.internal',
      ELASTICACHE_TOPOLOGY: 'cluster',
      ELASTICACHE_USER: 'app',
      ELASTICACHE_PASSWORD: 'secret',
    };
    expect(elastiCacheFromEnv(environment).connection).toEqual({
      cluster: [{ host: 'cache.internal', port: 6379 }],
      tls: true,
      username: 'app',
      password: 'secret',
    });
  });

  it('takes where replicas are read', () => {
    const environment = {
      ELASTICACHE_ENDPOINT: 'master.orders.abc123.euw1.cache.amazonaws.com',
      ELASTICACHE_READER: 'replica.orders.abc123.euw1.cache.amazonaws.com:6380',
    };
    expect(elastiCacheFromEnv(environment).connection).toMatchObject({
      reader: { host: 'replica.orders.abc123.euw1.cache.amazonaws.com', port: 6380 },
    });
  });

  it('signs by IAM, for the kind of cache that it is', () => {
    const environment = {
      ELASTICACHE_ENDPOINT: ENDPOINT,
      ELASTICACHE_USER: 'app',
      ELASTICACHE_IAM: 'orders',
      AWS_REGION: 'eu-west-1',
    };
    expect(elastiCacheFromEnv(environment).connection).toMatchObject({
      cluster: [{ host: ENDPOINT, port: 6379 }],
      username: 'app',
      password: expect.any(Function),
    });
  });

  it('takes lifetimes, time-outs, the namespace and the switch', () => {
    const environment = {
      CACHE_NAMESPACE: 'orders',
      CACHE_ENABLED: 'false',
      CACHE_TTL: '10m',
      CACHE_TIMEOUTS_STORE: '100ms',
      CACHE_TIMEOUTS_WAIT: '2s',
    };
    expect(elastiCacheFromEnv(environment)).toEqual({
      namespace: 'orders',
      enabled: false,
      defaults: { ttl: '10m', timeouts: { store: '100ms', wait: '2s' } },
    });
  });

  it.each([
    [{ REDIS_URL: 'localhost:6379' }, ['REDIS_URL']],
    [{ REDIS_URL: 'redis://a', ELASTICACHE_ENDPOINT: ENDPOINT }, ['REDIS_URL']],
    [{ ELASTICACHE_ENDPOINT: `rediss://${ENDPOINT}` }, ['ELASTICACHE_ENDPOINT']],
    [{ ELASTICACHE_ENDPOINT: ENDPOINT, ELASTICACHE_TOPOLOGY: 'mesh' }, ['ELASTICACHE_TOPOLOGY']],
    [
      { ELASTICACHE_ENDPOINT: ENDPOINT, ELASTICACHE_IAM: 'true', CACHE_TTL: 'soon' },
      ['ELASTICACHE_IAM', 'ELASTICACHE_USER', 'ELASTICACHE_REGION', 'CACHE_TTL'],
    ],
    [{ ELASTICACHE_ENDPOINT: ENDPOINT, ELASTICACHE_READER: 'a' }, ['ELASTICACHE_READER']],
    [{ ELASTICACHE_USER: 'app' }, ['ELASTICACHE_USER']],
    [
      { CACHE_ENABLED: 'nope', CACHE_TIMEOUTS_STORE: '0' },
      ['CACHE_ENABLED', 'CACHE_TIMEOUTS_STORE'],
    ],
  ])('names every variable that is wrong: %j', (environment, paths) => {
    expect(() => elastiCacheFromEnv(environment)).toThrow(
      expect.objectContaining({
        faults: paths.map((path) => ({ path, message: expect.any(String) })),
      }) as unknown as Error,
    );
  });
});
