/** What do tags known from the call add to a hit in Redis? Three of them, one of which no other article bears. */
import { decorated, inRedis } from './elasticache.subject.js';
import type { Contender, Question } from './question.js';
import { bentocache, groupLoader, mgetWithVersions } from './redis.peers.js';

const tags = (id: number) => ['all', 'news', `article:${id}`];

const peers: Contender[] = [
  {
    name: 'layered-loader `GroupLoader`, one group',
    peer: 'layered-loader',
    create: groupLoader,
  },
  {
    name: 'bentocache `getOrSet`, three tags',
    peer: 'bentocache',
    create: (world) => bentocache(world, tags),
  },
];

export default {
  title: 'A hit in Redis of what bears tags',
  needsRedis: true,
  calls: 'hits',
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 256 },
    { name: '64 in flight', inFlight: 64, batch: 1024 },
    { name: '512 in flight', inFlight: 512, batch: 2048 },
  ],
  contenders: [
    { name: '**@Cacheable**, no tags', create: decorated(inRedis('msgpack')) },
    {
      name: '**@Cacheable**, one tag',
      create: decorated(inRedis('msgpack'), ['all']),
    },
    { name: '**@Cacheable**, three tags', create: decorated(inRedis('msgpack'), tags) },
    { name: 'ioredis MGET with one version, by hand', create: mgetWithVersions },
    ...peers,
  ],
} satisfies Question;
