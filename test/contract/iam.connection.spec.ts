/** Connections of IAM users, to a front that verifies their tokens and ends what has signed in too long ago. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as ioredis from 'ioredis';
import * as ioredis5 from 'ioredis5';
import { elastiCache } from '../../libs/elasticache/src/aws/elasticache.connection.js';
import { iam } from '../../libs/elasticache/src/aws/iam.js';
import type { Driver } from '../../libs/elasticache/src/connection/client.maker.js';
import type { RedisClient } from '../../libs/elasticache/src/connection/redis.client.js';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { type IamPlace, startIamCluster, startIamNode } from '../support/iam.places.js';
import type { IamCache } from '../support/iam.verifier.js';
import { until } from '../support/waiting.js';

const drivers: Record<string, Driver> = {
  'ioredis 6': ioredis as never,
  'ioredis 5': ioredis5 as never,
};
const starts = { node: startIamNode, cluster: startIamCluster };
type Kind = keyof typeof starts;
const kinds = Object.keys(starts) as Kind[];
const cases = Object.keys(drivers).flatMap((name) => kinds.map((kind) => [kind, name] as const));

/** In place of twelve hours, and of six: a busy machine has to find the time between. */
const LIFE_MS = 2_500;
const SIGN_IN_MS = 250;

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'the key of the role' };
const cache: IamCache = {
  cacheName: 'orders',
  region: 'eu-west-1',
  serverless: false,
  users: ['app'],
  keys: { [credentials.accessKeyId]: credentials.secretAccessKey },
};

let authority: Authority;
const places = {} as Record<Kind, IamPlace>;
const opened: RedisConnection[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  await Promise.all(
    kinds.map(async (kind) => (places[kind] = await starts[kind](authority, cache))),
  );
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
  for (const { front } of Object.values(places)) front.endAfter(undefined);
});
afterAll(async () => {
  await Promise.all(Object.values(places).map((place) => place.stop()));
  await authority.remove();
});

interface Opening {
  readonly signInMs?: number;
  readonly secretAccessKey?: string;
}

async function open(kind: Kind, name: string, { signInMs, ...key }: Opening = {}) {
  const { endpoint, front } = places[kind];
  const options = elastiCache({
    endpoint,
    topology: kind === 'node' ? 'single' : 'cluster',
    auth: iam({
      user: 'app',
      cacheName: 'orders',
      region: 'eu-west-1',
      credentials: async () => ({ ...credentials, ...key }),
    }),
    tls: { ca: authority.ca },
  });
  const settings = {
    driver: drivers[name]!,
    random: Math.random,
    ...(signInMs !== undefined && { signInMs }),
  };
  const connection = await RedisConnection.open(options, settings);
  opened.push(connection);
  const told: string[] = [];
  const failed = (why: string) => void told.push(why);
  connection.watch({ made: () => {}, lost: () => {}, moved: () => {}, failed });
  connection.start();
  const before = front.attempts.length;
  const attempts = () => front.attempts.slice(before);
  return { connection, told, front, attempts };
}

/** Of each node of a cluster. */
const readAll = (client: RedisClient) =>
  Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => client.getBuffer(key)));
/** As the bus reads. */
const listen = (client: RedisClient) =>
  client.callBuffer('xread', 'BLOCK', 50, 'STREAMS', 'stream', '$');

const works = (connection: RedisConnection, send = readAll as (client: RedisClient) => unknown) =>
  connection
    .exchange(async (client) => send(client))
    .then(
      () => true,
      () => false,
    );

describe.each(cases)('The connection of an IAM user to a %s, %s', (kind, name) => {
  it('outlives the time after which it would be ended, and no call fails', async () => {
    const { connection, front, attempts } = await open(kind, name, { signInMs: SIGN_IN_MS });
    const reader = connection.duplicate();
    const replicas = kind === 'cluster' ? [connection.replicas()!] : [];
    opened.push(reader, ...replicas);
    for (const one of [connection, ...replicas]) await until('it works', () => works(one));
    await until('the reader works', () => works(reader, listen));
    const ended = front.ended;
    front.endAfter(LIFE_MS);
    const begun = performance.now();
    const isOver = () => performance.now() - begun > 2 * LIFE_MS;
    await Promise.all(
      [connection, ...replicas].map((one) =>
        until('its time has passed twice', async () => {
          expect(await works(one)).toBe(true);
          return isOver();
        }),
      ),
    );
    while (!isOver()) expect(await works(reader, listen)).toBe(true);
    expect(await works(reader, listen)).toBe(true);
    expect(front.ended).toBe(ended);
    expect(attempts().filter(({ fault }) => fault !== undefined)).toEqual([]);
  });

  it('is made anew with another token where it was ended, and nobody is refused', async () => {
    const { connection, front, attempts } = await open(kind, name);
    const reader = connection.duplicate();
    opened.push(reader);
    await until('both work', async () => (await works(connection)) && works(reader, listen));
    const ended = front.ended;
    front.endAfter(0);
    await until('some were ended', () => front.ended > ended);
    front.endAfter(undefined);
    await until('both work', async () => (await works(connection)) && works(reader, listen));
    expect(attempts().filter(({ fault }) => fault !== undefined)).toEqual([]);
  });

  it('says that it was refused, and shows no token', async () => {
    const { connection, told, front, attempts } = await open(kind, name, {
      secretAccessKey: 'of another',
    });
    await until('it is told', () => told.some((why) => why.startsWith('WRONGPASS')));
    expect(new Set(attempts().map(({ fault }) => fault))).toEqual(new Set(['signature']));
    const shown = inspect([told, connection], { depth: 20, showHidden: true });
    for (const token of front.tokens) expect(shown).not.toContain(token);
    expect(shown).not.toMatch(/X-Amz-Signature/);
  });
});
