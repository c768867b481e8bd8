/** What does a miss cost, with the load (which takes no time here) and the store? Every call another article of 1 KB. */
import { decorated, inRedis } from './elasticache.subject.js';
import type { Question } from './question.js';
import { getThenSet, layeredLoader, peers } from './redis.peers.js';

const pipelined = { enableAutoPipelining: true };

export default {
  title: 'A miss, the load and the store',
  needsRedis: true,
  calls: 'misses',
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 256 },
    { name: '64 in flight', inFlight: 64, batch: 1024 },
  ],
  contenders: [
    { name: 'ioredis GET, then SET', create: getThenSet },
    { name: 'ioredis GET, then SET, auto-pipelined', create: (w) => getThenSet(w, pipelined) },
    { name: '**@Cacheable**, msgpack (the default)', create: decorated(inRedis('msgpack')) },
    { name: '**@Cacheable**, json', create: decorated(inRedis('json')) },
    {
      name: '**@Cacheable** with copies in memory',
      create: decorated(inRedis('msgpack', { memory: {} })),
    },
    {
      name: '**@Cacheable** with three tags',
      create: decorated(inRedis('msgpack'), (id) => ['all', 'news', `article:${id}`]),
    },
    ...peers,
    {
      name: 'layered-loader `get`, auto-pipelined',
      peer: 'layered-loader',
      create: (world) => layeredLoader(world, pipelined),
    },
  ],
} satisfies Question;
