/** What does a hit in Redis cost? 10,000 articles of 1 KB, asked for as Zipf has it, on one connection of its own. */
import { decorated, inRedis } from './elasticache.subject.js';
import type { Question } from './question.js';
import { getThenSet, peers } from './redis.peers.js';

export default {
  title: 'A hit in Redis',
  needsRedis: true,
  calls: 'hits',
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 256 },
    { name: '64 in flight', inFlight: 64, batch: 1024 },
    { name: '512 in flight', inFlight: 512, batch: 2048 },
  ],
  contenders: [
    { name: 'ioredis GET and JSON.parse', create: getThenSet },
    { name: '**@Cacheable**, msgpack (the default)', create: decorated(inRedis('msgpack')) },
    { name: '**@Cacheable**, json', create: decorated(inRedis('json')) },
    ...peers,
  ],
} satisfies Question;
