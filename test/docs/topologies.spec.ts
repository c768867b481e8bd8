/** Runs the code of the page of each topology against servers that answer as that topology does, over TLS. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Authority, createAuthority } from '../support/certificates.js';
import { snippetsIn } from '../support/markdown.snippets.js';
import { createPageProgram, type PageProgram } from '../support/page.program.js';
import { startRedisCluster } from '../support/redis.cluster.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PASSWORD = 'correct-horse';

/** Uses a cache of the page's module. */
const MAIN = `
  import 'reflect-metadata';
  import { NestFactory } from '@nestjs/core';
  import { CacheManager } from 'nestjs-elasticache';
  import { CacheModule } from './cache.module.js';

  const application = await NestFactory.createApplicationContext(CacheModule, { logger: false });
  const articles = application.get(CacheManager).getCache('articles');
  const end = Date.now() + 30_000;
  while (!(await articles.evict(7)) && Date.now() < end); // until Redis is there to acknowledge it
  let found;
  // A busy machine may not store it at once, and a replica is behind for a moment.
  do {
    await articles.put(7, 'seven');
    found = await articles.get(7);
  } while (found === undefined && Date.now() < end);
  console.log(found);
  await application.close();
`;

interface Place {
  /** In the order in which the page names them. */
  readonly endpoints: readonly number[];
  readonly servers: readonly RedisServer[];
}

const TOPOLOGIES: Record<string, () => Promise<Place>> = {
  'a-single-node': async () => placeOf([await overTls()]),
  'a-replication-group': async () => {
    const primary = await overTls();
    const { host, port } = primary.server;
    const replica = await overTls('--replicaof', `${host} ${port}`);
    await until('the replica is in step', async () =>
      String(await replica.server.command('INFO', 'replication')).includes('master_link_status:up'),
    );
    return placeOf([primary, replica]);
  },
  'a-cluster': () => cluster(3),
  'a-serverless-cache': () => cluster(1),
};

let authority: Authority;
let program: PageProgram;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  program = await createPageProgram();
  await program.write('main.ts', MAIN);
});
afterAll(async () => {
  for (const end of ends) await end();
  await authority.remove();
  await program.remove();
});

async function overTls(...args: string[]) {
  const { settings } = await authority.issue('DNS:localhost');
  const port = await freePort();
  const tls = ['--tls-port', `${port}`, ...settings, '--tls-auth-clients', 'no'];
  const server = await startRedis({ args: [...tls, ...args] });
  ends.push(() => server.stop());
  return { server, port };
}

function placeOf(started: readonly { server: RedisServer; port: number }[]): Place {
  return {
    endpoints: started.map(({ port }) => port),
    servers: started.map(({ server }) => server),
  };
}

async function cluster(primaries: number): Promise<Place> {
  const { nodes, replica, startupNodes, stop } = await startRedisCluster({
    primaries,
    hasReplica: true,
    authority,
  });
  ends.push(stop);
  return { endpoints: [startupNodes[0]!.port], servers: [...nodes, replica!] };
}

it.each(Object.keys(TOPOLOGIES))('the code of the page works on %s', async (name) => {
  const { endpoints, servers } = await TOPOLOGIES[name]!();
  for (const server of servers) {
    await server.command('ACL', 'SETUSER', 'app', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
  }
  const [snippet] = snippetsIn(join(ROOT, `docs/how-to/connect-to-${name}.md`));
  const left = [...endpoints];
  const code = snippet!.code.replaceAll(
    /(?<=')[\w.-]+\.cache\.amazonaws\.com:6379(?=')/g,
    () => `localhost:${left.shift()}`,
  );
  expect(left).toEqual([]);
  await program.write('cache.module.ts', code);
  const env = { CACHE_PASSWORD: PASSWORD, NODE_EXTRA_CA_CERTS: authority.file };
  const outcome = await program.run(env);
  expect(outcome).toEqual({ code: 0, stdout: 'seven\n', stderr: '' });
});
