import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { onTier } from '../support/cache.application.js';
import { freePort } from '../support/redis.server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** An application that does its work, closes, says when, and then has nothing left to do. */
const PROGRAM = `
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
const [connection] = process.argv.slice(1);
class App {}
const imports = [ElastiCacheModule.forRoot(connection ? { connection } : {})];
const app = await NestFactory.createApplicationContext({ module: App, imports }, { logger: false });
const cache = app.get(CacheManager).getCache('articles');
await cache.put(7, 'seven');
console.log(await cache.get(7));
await app.close();
console.log(JSON.stringify({ closedAt: Date.now() }));
`;

describe('A process', () => {
  const tier = onTier('redis');

  const connections: Record<string, () => Promise<string>> = {
    'on memory': async () => '',
    'on Redis': async () => tier.redis.url,
    'on a Redis that is not there': async () => `redis://127.0.0.1:${await freePort()}`,
  };

  it.each(Object.keys(connections))(
    '%s ends by itself once the application is closed',
    async (name) => {
      const connection = await connections[name]!();
      const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, connection], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
        const [code] = (await once(child, 'close')) as [number | null];
        const ended = Date.now();
        const [value = '', closed = '{}'] = output.trim().split('\n');
        expect([code, value]).toEqual([0, name.includes('not there') ? 'undefined' : 'seven']);
        const { closedAt } = JSON.parse(closed) as { closedAt: number };
        expect(ended - closedAt).toBeLessThan(1_500);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );
});
