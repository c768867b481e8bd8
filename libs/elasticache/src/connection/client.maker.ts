import { CacheConfigurationError } from '../errors/cache.errors.js';
import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import { type AbstractConnector, awaitingConnector } from './awaiting.connector.js';
import { clusterOptions, type ConnectionOptions, nodeOptions } from './connection.options.js';
import { plainReason } from './plain.reason.js';
import type { RedisClient } from './redis.client.js';
import { RotatingPassword } from './rotating.password.js';

type Made = new (...options: unknown[]) => RedisClient;

/** ioredis, 5.11 or 6, as a structure: its types stand in no declaration of the package. */
export interface Driver {
  readonly Redis: Made;
  readonly Cluster: Made;
  readonly AbstractConnector: AbstractConnector;
}

interface MakerParts {
  readonly driver?: Driver | undefined;
  readonly random: Random;
  readonly clock: Clock;
}

/** A client of ours, which is not connected yet. */
export interface MadeClient {
  readonly client: RedisClient;
  readonly username?: string | undefined;
  /** Where it changes. */
  readonly password?: RotatingPassword | undefined;
}

/** @throws CacheConfigurationError where ioredis is not installed */
export async function makeClient(
  options: ConnectionOptions,
  { driver, random, clock }: MakerParts,
): Promise<MadeClient> {
  const { Redis, Cluster, AbstractConnector } = driver ?? (await importDriver());
  if ('url' in options) {
    const sockets = { Connector: awaitingConnector(AbstractConnector) };
    return { client: new Redis(options.url, nodeOptions(options, random, sockets)) };
  }
  const { username, password: source } = options;
  const onFailure = (error: unknown) =>
    client.emit('error', new Error(`the password could not be had: ${plainReason(error)}`));
  const password =
    typeof source === 'function'
      ? new RotatingPassword({ source, clock, random, onFailure })
      : undefined;
  const sockets = {
    ...(password && { password }), // sent as the text that it is by then
    Connector: awaitingConnector(AbstractConnector, password),
  };
  const client: RedisClient =
    'cluster' in options
      ? new Cluster(options.cluster, clusterOptions(options, random, sockets))
      : new Redis(nodeOptions(options, random, sockets));
  return { client, username, password };
}

async function importDriver(): Promise<Driver> {
  try {
    return (await import('ioredis')) as unknown as Driver;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message = 'a connection needs the package ioredis; run: npm i ioredis';
    throw new CacheConfigurationError([{ path: 'connection', message }]);
  }
}
