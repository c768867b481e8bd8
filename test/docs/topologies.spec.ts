/** Runs the code of the page of each topology against servers that answer as that topology does, over TLS. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { attempt } from '../packaging/npm.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { snippetsIn } from '../support/markdown.snippets.js';
import { startRedisCluster } from '../support/redis.cluster.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the repository, so that the package is found by its name. */
const CACHE = join(ROOT, 'node_modules/.cache');
const PASSWORD = 'correct-horse';

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

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
let directory: string;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  await mkdir(CACHE, { recursive: true });
  directory = await mkdtemp(join(CACHE, 'topologies-'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await writeFile(join(directory, 'main.js'), MAIN);
});
afterAll(async () => {
  for (const end of ends) await end();
  await authority.remove();
  await rm(directory, { recursive: true, force: true });
});

async function overTls(...args: string[]) {
  const { files } = await authority.issue('DNS:localhost');
  const port = await freePort();
  const certificates = ['--tls-cert-file', files.cert, '--tls-key-file', files.key];
  const tls = ['--tls-port', `${port}`, ...certificates, '--tls-ca-cert-file', authority.file];
  const server = await startRedis({ args: [...tls, '--tls-auth-clients', 'no', ...args] });
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
  const { outputText } = ts.transpileModule(code, { compilerOptions: COMPILER_OPTIONS });
  await writeFile(join(directory, 'cache.module.js'), outputText);
  const env = { CACHE_PASSWORD: PASSWORD, NODE_EXTRA_CA_CERTS: authority.file };
  const outcome = await attempt(process.execPath, ['main.js'], { cwd: directory, env });
  expect(outcome).toEqual({ code: 0, stdout: 'seven\n', stderr: '' });
});
