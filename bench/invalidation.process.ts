/** One contender with a hundred thousand entries, told step by step what to do with them. */
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { serve } from './child.js';
import { invalidationContenders } from './invalidation.contenders.js';
import { median } from './table.js';

export interface InvalidationRequest {
  readonly step: 'fill' | 'ping' | 'invalidate' | 'verify';
}

/** How long the step's command took; 0 where nothing is measured. */
export interface Timing {
  readonly ms: number;
}

const ENTRIES = 100_000;
const PUT_AT_ONCE = 500;
/** With nothing to invalidate: an application that runs for long has compiled the way there. */
const WARM_UP_CALLS = 100;
/** Who goes by the time of day forgets what is put in the millisecond of an invalidation. */
const CLOCK_MS = 10;
const PING_FOR_MS = 300;
const PING_EVERY_MS = 5;
/** What an invalidation leaves to be done by the server may hold others up as well. */
const AFTERMATH_MS = 100;
const LOOKED_AT = [1, ENTRIES / 2, ENTRIES];

const [name, redisUrl = ''] = process.argv.slice(2);

await serve<InvalidationRequest>(async () => {
  const contender = invalidationContenders.find((one) => one.name === name)!;
  const target = await contender.create(redisUrl);
  const redis = new Redis(redisUrl);
  const found = async () => {
    const values = await Promise.all(LOOKED_AT.map((id) => target.get(id)));
    return values.filter((value) => value !== undefined && value !== null).length;
  };
  const steps = {
    async fill() {
      for (let i = 0; i < WARM_UP_CALLS; i++) await target.invalidate();
      await delay(CLOCK_MS);
      for (let id = 1; id <= ENTRIES; id += PUT_AT_ONCE) {
        await target.put(Array.from({ length: PUT_AT_ONCE }, (_, i) => id + i));
      }
      if ((await found()) < LOOKED_AT.length) throw new Error('it does not hold what was put');
      return 0;
    },
    ping: () => pingFor(redis),
    async invalidate() {
      const ms = await timeOf(() => target.invalidate());
      await delay(AFTERMATH_MS);
      return ms;
    },
    async verify() {
      if ((await found()) > 0) throw new Error('it holds what was invalidated');
      await redis.flushdb();
      return 0;
    },
  };
  return async ({ step }): Promise<Timing> => ({ ms: await steps[step]() });
});

async function pingFor(redis: Redis): Promise<number> {
  const times: number[] = [];
  const end = performance.now() + PING_FOR_MS;
  while (performance.now() < end) {
    times.push(await timeOf(() => redis.ping()));
    await delay(PING_EVERY_MS);
  }
  return median(times);
}

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}
