/** Connections over TLS that are closed before they are made. */
import { afterAll, beforeAll, it } from '@jest/globals';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

let ours: Authority;
let server: RedisServer;
let port: number;

beforeAll(async () => {
  ours = await createAuthority();
  const { settings } = await ours.issue('IP:127.0.0.1');
  port = await freePort();
  const open = ['--tls-auth-clients', 'no'];
  server = await startRedis({ args: ['--tls-port', `${port}`, ...settings, ...open] });
});
afterAll(async () => {
  await server.stop();
  await ours.remove();
});

const clients = async () =>
  Number(/connected_clients:(\d+)/.exec(String(await server.command('INFO', 'clients')))![1]);

it('a connection may be closed while it shakes hands', async () => {
  const before = await clients();
  for (let i = 0; i < 200; i++) {
    const at = { host: '127.0.0.1', port, tls: i % 2 === 0 ? { ca: ours.ca } : true };
    const connection = await RedisConnection.open(at, { random: Math.random });
    connection.start();
    for (let turn = 0; turn < i % 20; turn++) await new Promise(setImmediate);
    connection.cut();
  }
  // An error that nobody listens for fails whatever test is running.
  await until('all are gone', async () => (await clients()) === before);
});
