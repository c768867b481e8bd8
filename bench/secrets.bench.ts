/** What do names that nobody can read, and sealed values, add to a hit in Redis of an article of 1 KB? */
import { createHash } from 'node:crypto';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { decorated, inRedis } from './elasticache.subject.js';
import type { Question, World } from './question.js';

const key = { id: 'k', key: createHash('sha256').update('bench').digest() };
const plain = inRedis('msgpack');
const withSecrets = (more: ElastiCacheModuleOptions) => (world: World) => ({
  ...plain(world),
  ...more,
});
const keys = { secret: [key] };
const encryption = { keys: [key] };

export default {
  title: 'A hit in Redis with secret keys and sealed values',
  needsRedis: true,
  calls: 'hits',
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 256 },
    { name: '64 in flight', inFlight: 64, batch: 1024 },
  ],
  contenders: [
    { name: '**@Cacheable**', create: decorated(plain) },
    { name: '**@Cacheable**, secret keys', create: decorated(withSecrets({ keys })) },
    { name: '**@Cacheable**, sealed values', create: decorated(withSecrets({ encryption })) },
    { name: '**@Cacheable**, both', create: decorated(withSecrets({ keys, encryption })) },
  ],
} satisfies Question;
