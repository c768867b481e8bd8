/** A real server that speaks TLS on one port and plain TCP on another, under an authority of its own. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import { elastiCache, type ElastiCacheOptions } from 'nestjs-elasticache/aws';
import { type Authority, type Certificate, createAuthority } from '../support/certificates.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

const HERE = 'IP:127.0.0.1';

let ours: Authority;
let others: Authority;
let own: Certificate;
let foreign: Certificate;
const ends: (() => Promise<unknown>)[] = [];

/** A server that shows a certificate for these names, and its port for TLS. */
async function start(names: string[], ...args: string[]) {
  const { settings } = await ours.issue(...names);
  const port = await freePort();
  const server = await startRedis({ args: ['--tls-port', `${port}`, ...settings, ...args] });
  ends.push(() => server.stop());
  return { server, port };
}

let server: RedisServer;
let [port, elsewhere, mutual] = [0, 0, 0];

beforeAll(async () => {
  [ours, others] = await Promise.all([createAuthority(), createAuthority()]);
  [own, foreign] = await Promise.all([ours.issue(HERE), others.issue(HERE)]);
  const open = ['--tls-auth-clients', 'no'];
  const [main, wrong, both] = await Promise.all([
    start([HERE, 'DNS:localhost'], ...open),
    start(['DNS:cache.internal'], ...open),
    start([HERE], '--tls-auth-clients', 'yes'),
  ]);
  server = main.server;
  [port, elsewhere, mutual] = [main.port, wrong.port, both.port];
});
afterAll(async () => {
  for (const end of ends) await end();
  await Promise.all([ours, others].map((authority) => authority.remove()));
});

const applications: TestingModule[] = [];
afterEach(() => Promise.all(applications.splice(0).map((application) => application.close())));

async function connect(at: number, tls: ElastiCacheOptions['tls']) {
  const log: string[] = [];
  const record = (line: unknown) => void log.push(String(line));
  const connection = elastiCache({ endpoint: `127.0.0.1:${at}`, topology: 'single', tls: tls! });
  const application = await Test.createTestingModule({
    imports: [ElastiCacheModule.forRoot({ connection, errorHandler: () => {} })],
  })
    .setLogger({ log: record, warn: record, error: record })
    .compile();
  applications.push(application);
  await application.init();
  return { log, rows: application.get(CacheManager).getCache<number, string>('rows') };
}

describe('Over TLS', () => {
  const rightly: Record<string, () => [number, ElastiCacheOptions['tls']]> = {
    'with the authority of the server': () => [port, { ca: ours.ca }],
    'with a name to expect, where it is reached by another': () => [
      elsewhere,
      { ca: ours.ca, servername: 'cache.internal' },
    ],
    'with a certificate of ones own, where one is asked for': () => [
      mutual,
      { ca: ours.ca, cert: own.cert, key: own.key },
    ],
  };
  it.each(Object.keys(rightly))('a cache works %s', async (name) => {
    const { rows } = await connect(...rightly[name]!());
    await until('stored', async () => {
      await rows.put(1, name);
      return (await rows.get(1)) === name;
    });
    expect((await rows.getEntry(1))?.value).toBe(name);
  });

  const wrongly: Record<string, [() => [number, ElastiCacheOptions['tls']], RegExp]> = {
    'without the authority': [() => [port, true], /give the CA in connection\.tls\.ca/],
    'with another authority': [
      () => [port, { ca: others.ca }],
      /give the CA in connection\.tls\.ca/,
    ],
    'where the certificate is for another name': [
      () => [elsewhere, { ca: ours.ca }],
      /altnames.*; connect by a name of the certificate.*servername/,
    ],
    'without a certificate where one is asked for': [
      () => [mutual, { ca: ours.ca }],
      /(certificate required|ECONNRESET); .*connection\.tls\.cert/,
    ],
    'with a certificate of a stranger': [
      () => [mutual, { ca: ours.ca, cert: foreign.cert, key: foreign.key }],
      /(unknown ca|ECONNRESET|EPIPE); .*connection\.tls\.cert/,
    ],
    'against plain TCP': [
      () => [server.port, { ca: ours.ca }],
      /ETIMEDOUT; .*does not speak TLS.*connection\.tls/,
    ],
    'not spoken, where the server does': [
      () => [port, false],
      /ECONNRESET; .*expects TLS \(connection\.tls\)/,
    ],
  };
  it.each(Object.keys(wrongly))('what is wrong is told, and calls go on: %s', async (name) => {
    const [make, message] = wrongly[name]!;
    const { rows, log } = await connect(...make());
    expect(await rows.getOrLoad(1, async () => 'loaded')).toBe('loaded');
    await until('it is told', () => log.some((line) => /not available/.test(line)));
    expect(log.join('\n')).toMatch(message);
  });
});
