import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type ReplicatedRedis, startReplicatedRedis } from './redis.sentinel.js';
import { until } from './waiting.js';

let servers: ReplicatedRedis | undefined;
beforeAll(async () => {
  servers = await startReplicatedRedis();
});
afterAll(() => servers?.stop());

it('a replica that is promoted lacks what it was not told', async () => {
  const { primary, replica, sentinels } = servers!;
  const { name, ...sentinel } = sentinels;
  const client = new Redis({ name, sentinels: [sentinel], maxRetriesPerRequest: null });
  client.on('error', () => {});
  await client.set('before', '1');
  await until('it is replicated', async () => (await replica.keys()).includes('before'));
  await servers!.breakReplication();
  await client.del('before');
  await primary.kill();
  await servers!.promoted();
  expect(await client.get('before')).toBe('1');
  client.disconnect();
});
