import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { transformFileSync } from '@swc/core';
import { Redis } from 'ioredis';
import { freePort, startRedis, type RedisServer } from './redis.server.js';

describe('a Redis server of one test', () => {
  const servers: RedisServer[] = [];
  const start = async (args: string[] = []) => {
    const server = await startRedis({ args });
    servers.push(server);
    return server;
  };

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  it('answers as soon as it is handed out, and shows its keys', async () => {
    const server = await start();
    await server.command('SET', 'b', Buffer.from([0, 255]));
    await server.command('SET', 'a', '1');

    expect(await server.command('STRLEN', 'b')).toBe(2);
    expect(await server.keys()).toEqual(['a', 'b']);
    expect(await server.keys('a*')).toEqual(['a']);
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
  });

  it('gives every test a port of its own', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    await one.command('SET', 'k', 'v');

    expect(one.port).not.toBe(other.port);
    expect(await other.keys()).toEqual([]);
  });

  it('takes the arguments of redis-server, a password included', async () => {
    const server = await start(['--requirepass', 's3cret', '--maxmemory', '10mb']);

    expect(await server.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '10485760']);
    expect(await server.command('CONFIG', 'GET', 'requirepass')).toContain('s3cret');
  });

  it('says what the server printed when it will not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(/no-such-option/);
  });

  it('keeps a command waiting while it is paused', async () => {
    const server = await start();
    server.pause();
    const order: string[] = [];
    const pong = server.command('PING').then(() => order.push('answered'));
    order.push('resumed');
    server.resume();
    await pong;

    expect(order).toEqual(['resumed', 'answered']);
  });

  it('is gone when killed, and empty on the same port when restarted', async () => {
    const server = await start();
    const { port, pid } = server;
    await server.command('SET', 'k', 'v');
    await server.kill();

    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow(/ECONNREFUSED/);
    await expect(server.command('PING')).rejects.toThrow(/not running/);

    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await server.keys()).toEqual([]);
  });

  it('does not outlive the process that started it, however that ends', async () => {
    const source = fileURLToPath(new URL('redis.process.ts', import.meta.url));
    const { code } = transformFileSync(source, { jsc: { parser: { syntax: 'typescript' } } });
    const port = await freePort();
    const options = JSON.stringify({ port, directory: '/tmp', args: [] });
    const script = `${code}\nawait launch(${options});\nconsole.log('up');`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script]);
    await once(owner.stdout, 'data');
    const client = new Redis(port, {
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
      disconnectTimeout: 20,
    });
    client.on('error', () => {});
    await client.ping();

    // Nobody but the end of the server closes this connection.
    const closed = once(client, 'close');
    owner.kill('SIGKILL');
    await expect(closed).resolves.toBeDefined();
    client.disconnect();
  });
});
