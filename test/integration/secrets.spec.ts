import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheConfigurationError, ElastiCacheModule } from 'nestjs-elasticache';
import type { ConnectionOptions } from 'nestjs-elasticache';
import { onTier, recordFailures, times } from '../support/cache.application.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';

class Nothing {}

const SECRET = 'hunter2-and-more';

/** Servers quote the arguments of a command they do not know: old ones AUTH's, others' whatever was renamed. */
describe('A secret is told to nobody', () => {
  const memory = onTier('memory');
  const servers: RedisServer[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

  async function serverWithout(...commands: string[]): Promise<RedisServer> {
    const args = commands.flatMap((command) => ['--rename-command', command, '']);
    const server = await startRedis({ args });
    servers.push(server);
    return server;
  }

  /** Everything an application with that connection logs and hands to its error handler, for one put and one get. */
  async function toldOf(connection: string | ConnectionOptions, value: unknown): Promise<string> {
    const failures = recordFailures();
    const { cache, log } = await memory.startIn(
      ElastiCacheModule.forRoot({ connection, errorHandler: failures.handle }),
      Nothing,
    );
    await cache('articles').put(SECRET.slice(0, 3), value);
    await cache('articles').get('other');
    await cache('articles').putMany([['many', value]]);
    const told = inspect([failures.seen, log], { depth: 20, showHidden: true });
    expect(told).toMatch(/ERR unknown (Redis )?command/i);
    return told;
  }

  it.each([
    ['user and password', { username: 'app', password: SECRET }],
    ['password alone', { password: SECRET }],
  ])('by a server that does not know AUTH: %s', async (_, credentials) => {
    const { host, port } = await serverWithout('AUTH', 'HELLO');
    expect(await toldOf({ host, port, ...credentials }, 1)).not.toContain(SECRET);
    const user = 'username' in credentials ? 'app' : '';
    const url = `redis://${user}:${SECRET}@${host}:${port}`;
    expect(await toldOf(url, 1)).not.toContain(SECRET);
  });

  it('in a value, by a server that does not know SET', async () => {
    const { url } = await serverWithout('SET');
    const told = await toldOf(url, { token: SECRET, tokens: times(50, () => SECRET) });
    expect(told).not.toContain(SECRET);
  });

  it.each([
    `redis://:${SECRET}@localhost:6379`,
    `app:${SECRET}@localhost`,
    `${SECRET}@localhost`,
    `localhost/${SECRET}`,
  ])('in a host that is none: %s', async (host) => {
    const refusal = await memory.refusal(() => Nothing, { connection: { host } });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect((refusal as CacheConfigurationError).faults.map(({ path }) => path)).toEqual([
      'connection.host',
    ]);
    expect(inspect(refusal, { depth: 20, showHidden: true })).not.toContain(SECRET);
  });
});
