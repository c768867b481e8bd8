/** The store contract on Redis with copies in memory in front, and what of the copies is a matter of order. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import { gate } from '../support/gate.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';
import { storeContract } from './store.contract.js';
import { ask, fill, fresh, freshTag, loadOf, writeOf } from './store.subject.js';
import { type ConnectedTiers, connectTiers, type Process } from './tiered.stores.js';

describe('The Redis store with copies in memory', () => {
  let server: RedisServer;
  let connected: ConnectedTiers;
  beforeAll(async () => {
    server = await startRedis();
    connected = await connectTiers(server.url);
  });
  afterAll(async () => {
    await connected.close();
    await server.stop();
  });

  storeContract(async () => connected);

  it('has given every key a lifetime, the stream included', async () => {
    const keys = await server.keys();
    expect(keys).toContain('test:~bus');
    const lifetimes = await Promise.all(keys.map((key) => server.command('PTTL', key)));
    expect(keys.filter((_key, i) => Number(lifetimes[i]) === -1)).toEqual([]);
  });

  describe('between two processes', () => {
    const tag = freshTag();

    /** Both follow the bus; the entry is in Redis, and in no memory. */
    async function startTwo() {
      const names = fresh();
      const [a, b] = [connected.start(names), connected.start(names)];
      for (const { bus } of [a, b]) {
        bus.follow(1_000);
        await until('the bus', () => bus.confirmedAt > 0);
      }
      await fill(b.store, ask('7', tag));
      b.near.drop();
      return { a, b };
    }
    const isCopied = ({ near }: Process) => near.get('7', Date.now()) !== undefined;
    const invalidations: [string, (by: Process) => Promise<unknown>][] = [
      ['an eviction', ({ store }) => store.evict(['7'])],
      ['a put', ({ store }) => store.putMany([writeOf('7', 'new', tag)])],
      ['clearing', ({ store }) => store.clear()],
      ['a pattern', ({ store }) => store.evictMatching(glob`7*`)],
      ['a tag', ({ tags }) => tags.evict([tag])],
      ['a strict write', ({ store }) => store.guard({ texts: ['7'] })],
    ];

    it.each(invalidations)('a read that %s overtakes leaves no copy', async (_, invalidate) => {
      for (const writer of ['here', 'elsewhere']) {
        const { a, b } = await startTwo();
        const [look, answer] = [a.shared.look.bind(a.shared), gate()];
        const read = gate();
        a.shared.look = async (...asked) => {
          const found = await look(...asked);
          read.open();
          await answer.opened;
          return found;
        };
        const before = a.near.count;
        const looking = a.store.look(ask('7', tag));
        await read.opened;
        await invalidate(writer === 'here' ? a : b);
        await until('the message', () => a.near.count > before);
        answer.open();
        expect((await looking).entry).toBeDefined();
        expect([writer, isCopied(a)]).toEqual([writer, false]);
      }
    });

    it.each(invalidations)('a load that %s overtakes leaves no copy', async (_, invalidate) => {
      const { a, b } = await startTwo();
      await b.store.evict(['7']);
      const lease = await loadOf(a.store, ask('7', tag));
      const before = a.near.count;
      await invalidate(b);
      await until('the message', () => a.near.count > before);
      await a.store.keep(lease, writeOf('7', 'old', tag));
      expect(isCopied(a)).toBe(false);
    });

    it('a read that nothing overtakes leaves a copy, and so does a load', async () => {
      const { a } = await startTwo();
      await a.store.look(ask('7', tag));
      expect(isCopied(a)).toBe(true);
      await a.store.evict(['7']);
      expect(isCopied(a)).toBe(false);
      await fill(a.store, ask('7', tag));
      expect(isCopied(a)).toBe(true);
    });

    it('Redis acknowledges first, then the stream, and then our own copy goes', async () => {
      const { a } = await startTwo();
      await a.store.look(ask('7', tag));
      const [evict, publish] = [a.shared.evict.bind(a.shared), a.bus.publish.bind(a.bus)];
      const [evicted, published] = [gate(), gate()];
      const order: string[] = [];
      a.shared.evict = async (texts) => {
        const removed = await evict(texts);
        await evicted.opened;
        order.push(`evicted, copied: ${isCopied(a)}`);
        return removed;
      };
      a.bus.publish = async (invalidation) => {
        order.push('publishing');
        await publish(invalidation);
        await published.opened;
        order.push(`published, copied: ${isCopied(a)}`);
      };
      const evicting = a.store.evict(['7']);
      evicted.open();
      published.open();
      await evicting;
      order.push(`returned, copied: ${isCopied(a)}`);
      expect(order).toEqual([
        'evicted, copied: true',
        'publishing',
        'published, copied: true',
        'returned, copied: false',
      ]);
    });
  });
});
