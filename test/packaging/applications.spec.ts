import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../support/redis.server.js';
import { createApplication, type FreshApplication } from './fresh.application.js';
import { nodeOf, type Outcome } from './npm.js';

const NODES = [20, 22, 24];
/** Ends what hangs: with everything to fetch, and others at work, an install has taken more than three minutes. */
const INSTALL_MS = 600_000;

/** What `.` may load by itself. Neither ioredis nor class-transformer: they come when they are asked for. */
const LOADED = [
  '@nestjs/common',
  '@nestjs/core',
  'cluster-key-slot',
  'etag',
  'fresh',
  'leven',
  'lru-cache',
  'ms',
  'msgpackr',
  'reflect-metadata',
  'rxjs',
];

let redis: RedisServer;
let app: FreshApplication;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function expectCached({ code, stdout, stderr }: Outcome): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const patient = 'Caching for the patient';
  expect(JSON.parse(stdout)).toEqual({
    titles: [patient, patient, 'Caching for the hasty'],
    hits: 1,
    misses: 2,
  });
}

async function answersOn(platform: string): Promise<void> {
  const { code, stdout, stderr } = await app.run({ args: ['dist/http.js', platform] });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const body = '{"call":1}';
  expect(JSON.parse(stdout)).toEqual([
    [203, body, 'yes', 'MISS'],
    [203, body, 'yes', 'HIT'],
  ]);
}

/** Where processes tell each other what they evict, as soon as one has begun to listen. */
const BUS = 'cache:~bus';

async function runsOn(node: string): Promise<void> {
  expectCached(await app.run({ node }));
  await redis.command('FLUSHALL');
  expectCached(await app.run({ node, env: { REDIS_URL: redis.url } }));
  const keys = (await redis.keys()).filter((key) => key !== BUS);
  expect(keys).toEqual(['cache:v1:global:articles:7', 'cache:~cache:articles']);
}

describe('a fresh Nest 12 application, ESM', () => {
  beforeAll(async () => {
    app = await createApplication('nest12-esm');
  }, INSTALL_MS);
  afterAll(() => app.delete());

  it.each(NODES)(
    "runs the README's code on Node %i, in memory and on Redis",
    async (major) => runsOn(await nodeOf(major, app.directory)),
    INSTALL_MS,
  );

  it.each(['express', 'fastify'])('caches what its controllers answer, on %s', answersOn);

  it('loads only what the package depends on', async () => {
    const trace = ['--no-warnings', '--import', './trace.imports.mjs'];
    const entry = ['--input-type=module', '--eval', "import 'nestjs-elasticache'"];
    const { stdout, stderr } = await app.run({ args: [...trace, ...entry] });
    expect(stderr).toBe('');
    const imported = stdout.match(/(?<=^imports )(@[^/\n]+\/)?[^/\n]+/gm) ?? [];
    expect(imported).toContain('@nestjs/common');
    expect([...new Set(imported)].filter((name) => !LOADED.includes(name))).toEqual([]);
  });

  describe('from which ioredis is missing', () => {
    beforeAll(() => rm(join(app.directory, 'node_modules/ioredis'), { recursive: true }));

    it('works in memory', async () => {
      expectCached(await app.run());
    });

    it('says what to install when it is given a connection', async () => {
      const { code, stderr } = await app.run({ env: { REDIS_URL: redis.url } });
      expect(code).toBe(1);
      expect(stderr).toMatch(/CacheConfigurationError: .*npm i ioredis/);
    });
  });
});

describe('a fresh Nest 11 application, CommonJS', () => {
  beforeAll(async () => {
    app = await createApplication('nest11-commonjs');
  }, INSTALL_MS);
  afterAll(() => app.delete());

  it('is CommonJS', async () => {
    expect(await readFile(join(app.directory, 'dist/main.js'), 'utf8')).toMatch(
      /require\("nestjs-elasticache"\)/,
    );
  });

  it.each(NODES)(
    "runs the README's code on Node %i, in memory and on Redis",
    async (major) => runsOn(await nodeOf(major, app.directory)),
    INSTALL_MS,
  );

  it.each(['express', 'fastify'])('caches what its controllers answer, on %s', answersOn);

  describe('tested with Jest', () => {
    const jest = (node: string, ...args: string[]) =>
      app.run({ node, args: ['node_modules/.bin/jest', ...args], env: { REDIS_URL: redis.url } });

    it(
      'needs one line of configuration',
      async () => {
        const node = await nodeOf(22, app.directory);
        await redis.command('FLUSHALL'); // of what the applications before have left there
        const without = await jest(node, '--transformIgnorePatterns', '/node_modules/');
        expect(without.code).toBe(1);
        expect(await jest(node)).toMatchObject({
          code: 0,
          stderr: expect.stringContaining('2 passed'),
        });
      },
      INSTALL_MS,
    );

    it('finds that line in the README', async () => {
      const read = (url: string) => readFile(fileURLToPath(new URL(url, import.meta.url)), 'utf8');
      const manifest = await read('fixtures/nest11-commonjs/package.json');
      const { jest } = JSON.parse(manifest) as { jest: { transformIgnorePatterns: string[] } };
      const line = `"transformIgnorePatterns": ${JSON.stringify(jest.transformIgnorePatterns)}`;
      expect(await read('../../README.md')).toContain(line);
    });
  });
});
