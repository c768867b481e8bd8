import { describe, expect, it } from '@jest/globals';
import { Cacheable } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import {
  NEVER,
  Observable,
  Subject,
  concat,
  firstValueFrom,
  lastValueFrom,
  of,
  range,
  take,
  toArray,
} from 'rxjs';
import type { Subscription } from 'rxjs';
import { onTier, tiers, times } from '../support/cache.application.js';

class Unrevivable {
  constructor() {
    throw new Error('own');
  }
}

class Streams {
  subscriptions = 0;
  /** How many sources are subscribed to now. */
  open = 0;
  source = new Subject<string>();

  @Cacheable('streams')
  live(_id: number): Observable<string> {
    return this.counted(this.source);
  }
  @Cacheable('streams')
  eager(_id: number): Observable<string> {
    return this.counted(concat(of('a'), NEVER));
  }
  @Cacheable('streams')
  endless(_id: number): Observable<number> {
    return this.counted(range(1, Infinity));
  }
  @Cacheable('small', { maxEmissions: 2 })
  small(_id: number): Observable<string> {
    return this.counted(this.source);
  }
  @Cacheable('streams')
  async value(_id: number): Promise<string> {
    return 'of the promise';
  }
  @Cacheable('typed', { type: Unrevivable })
  typed(_id: number): Observable<object> {
    return this.counted(of({ n: 1 }));
  }

  private counted<T>(source: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      this.subscriptions++;
      this.open++;
      subscriber.add(() => this.open--);
      return source.subscribe(subscriber);
    });
  }
}

/** What a subscriber has seen. */
function watch<T>(stream: Observable<T>) {
  const seen: { values: T[]; end: unknown; subscription?: Subscription } = {
    values: [],
    end: undefined,
  };
  seen.subscription = stream.subscribe({
    next: (value) => seen.values.push(value),
    error: (error: unknown) => (seen.end = error),
    complete: () => (seen.end = 'complete'),
  });
  return Object.assign(seen, { leave: () => seen.subscription?.unsubscribe() });
}

describe.each(tiers)('Single flight of Observables, %s', (name) => {
  const tier = onTier(name);

  async function start() {
    const running = await tier.start(Streams);
    const elsewhere = running.cache('elsewhere');
    return { ...running, streams: running.cache('streams'), turn: () => lookedUp(elsewhere) };
  }

  /** Resolves when every lookup sent before has been answered, and what came of it has run. */
  async function lookedUp(cache: Cache): Promise<void> {
    for (let i = 0; i < 10; i++) {
      await cache.get('nothing');
      await new Promise(setImmediate);
    }
  }

  it('a leader that leaves keeps the source going for those who joined', async () => {
    const { service, turn } = await start();
    const leader = watch(service.live(7));
    await turn();
    const joiner = watch(service.live(7));
    await turn();
    service.source.next('a');
    leader.leave();
    await turn();
    expect(service.open).toBe(1);
    service.source.next('b');
    service.source.complete();
    await turn();
    expect([leader.values, leader.end]).toEqual([['a'], undefined]);
    expect([joiner.values, joiner.end]).toEqual([['a', 'b'], 'complete']);
    expect(await firstValueFrom(service.live(7).pipe(toArray()))).toEqual(['a', 'b']);
    expect(service.subscriptions).toBe(1);
  });

  it('a leader that leaves alone takes the source with it, and nothing is stored', async () => {
    const { service, streams, turn } = await start();
    const leader = watch(service.live(7));
    await turn();
    service.source.next('a');
    leader.leave();
    await turn();
    expect(service.open).toBe(0);
    expect(await streams.getEntry(7)).toBeUndefined();
    expect(streams.stats()).toMatchObject({ puts: 0, errors: 0 });
  });

  it('nobody is left: the source goes too, whoever left last', async () => {
    const { service, turn } = await start();
    const leader = watch(service.live(7));
    await turn();
    const joiners = times(2, () => watch(service.live(7)));
    await turn();
    joiners[0]!.leave();
    leader.leave();
    await turn();
    expect(service.open).toBe(1);
    joiners[1]!.leave();
    await turn();
    expect(service.open).toBe(0);
    const next = watch(service.live(7));
    await turn();
    service.source.next('b');
    service.source.complete();
    await turn();
    expect([next.values, next.end]).toEqual([['b'], 'complete']);
  });

  it('who comes while a leader is leaving is not lost, at whatever moment', async () => {
    const { service, turn } = await start();
    for (const moment of times(30, (i) => i)) {
      service.source = new Subject();
      const leader = watch(service.live(moment));
      await turn();
      const next = watch(service.live(moment));
      for (let i = 0; i < moment; i++) await Promise.resolve();
      leader.leave();
      await turn();
      while (!service.source.observed) await turn(); // who has to load for himself takes longer
      service.source.next('a');
      service.source.complete();
      await turn();
      expect([moment, next.values, next.end]).toEqual([moment, ['a'], 'complete']);
    }
  });

  it('nor is a call that returns a promise', async () => {
    const { service, turn } = await start();
    for (const moment of times(30, (i) => i)) {
      service.source = new Subject();
      const leader = watch(service.live(moment));
      await turn();
      const value = service.value(moment);
      for (let i = 0; i < moment; i++) await Promise.resolve();
      leader.leave();
      await turn();
      service.source.next('of the stream');
      service.source.complete();
      expect(await value).toMatch(/^of the (promise|stream)$/);
    }
  });

  it('a subscriber that leaves on an emission made while subscribing takes the source with it', async () => {
    const { service, turn } = await start();
    expect(await firstValueFrom(service.eager(7))).toBe('a');
    expect(await firstValueFrom(service.endless(8).pipe(take(3), toArray()))).toEqual([1, 2, 3]);
    await turn();
    expect(service.open).toBe(0);
  });

  it('too many emissions: those who joined run the source themselves, as soon as that is known', async () => {
    const { service, cache, turn } = await start();
    const leader = watch(service.small(7));
    await turn();
    const joiner = watch(service.small(7));
    await turn();
    for (const value of ['a', 'b', 'c']) service.source.next(value);
    await turn();
    service.source.next('d');
    expect(leader.values).toEqual(['a', 'b', 'c', 'd']);
    expect(joiner.values).toEqual(['d']);
    service.source.complete();
    await turn();
    expect([leader.end, joiner.end]).toEqual(['complete', 'complete']);
    expect(service.subscriptions).toBe(2);
    expect(cache('small').stats().coalesced).toBe(0);
  });

  it('as many as maxEmissions are stored, one more is not', async () => {
    const { service, cache, turn } = await start();
    for (const [id, count] of [
      [1, 2],
      [2, 3],
    ] as const) {
      service.source = new Subject();
      const leader = watch(service.small(id));
      await turn();
      for (const value of times(count, String)) service.source.next(value);
      service.source.complete();
      await turn();
      expect(leader.values).toHaveLength(count);
    }
    expect((await cache('small').getMany([1, 2])).size).toBe(1);
  });

  it('a hit that cannot be revived is a miss: the source runs again', async () => {
    const { service, cache } = await start();
    await lastValueFrom(service.typed(7));
    expect(await lastValueFrom(service.typed(7))).toEqual({ n: 1 });
    expect([service.subscriptions, cache('typed').stats().errors]).toEqual([2, 1]);
  });
});
