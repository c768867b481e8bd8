/** A client that reads one key, again and again, and takes the time of each GET: who is held up, and for how long? */
import { Redis } from 'ioredis';
import { articleOf } from './articles.js';
import { serve } from './child.js';

export interface ReaderRequest {
  readonly reading: boolean;
}

/** Of the GETs since it was told to begin. */
export interface Readings {
  readonly p50Us: number;
  readonly p99Us: number;
}

const [redisUrl = ''] = process.argv.slice(2);

await serve<ReaderRequest>(async () => {
  const redis = new Redis(redisUrl);
  await redis.set('key', JSON.stringify(articleOf(1)));
  let isReading = false;
  let readings: Promise<number[]> = Promise.resolve([]);
  const readOn = async () => {
    const times: number[] = [];
    while (isReading) {
      const start = performance.now();
      await redis.get('key');
      times.push((performance.now() - start) * 1000);
    }
    return times;
  };
  return async ({ reading }) => {
    isReading = reading;
    if (!reading) return summaryOf(await readings);
    readings = readOn();
    return {};
  };
});

function summaryOf(times: number[]): Readings {
  times.sort((a, b) => a - b);
  const percentile = (share: number) => times[Math.floor(times.length * share)]!;
  return { p50Us: percentile(0.5), p99Us: percentile(0.99) };
}
