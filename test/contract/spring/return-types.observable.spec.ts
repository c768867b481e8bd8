import { describe, expect, it } from '@jest/globals';
import { CacheConfigurationError, Cacheable } from 'nestjs-elasticache';
import {
  Observable,
  Subject,
  concat,
  defer,
  firstValueFrom,
  from,
  lastValueFrom,
  range,
  take,
  throwError,
  toArray,
} from 'rxjs';
import type { Observable as UnseenObservable } from 'rxjs';
import { gate, onTier, tiers, times } from '../../support/cache.application.js';

class Streams {
  /** How often a source has been subscribed to. */
  subscriptions = 0;
  readonly subscribed = gate();
  readonly source = new Subject<string>();

  @Cacheable('streams')
  list(length: number): Observable<number> {
    return this.counted(() => range(1, length));
  }
  @Cacheable('failing')
  failing(length: number): Observable<number> {
    return this.counted(() =>
      concat(
        range(1, length),
        throwError(() => error),
      ),
    );
  }
  @Cacheable('judged', {
    unless: (result: number | number[]) => result === 1 || Array.isArray(result),
  })
  judged(length: number): Observable<number> {
    return this.counted(() => range(1, length));
  }
  @Cacheable('live')
  live(id: number): Observable<string> {
    return this.counted(() => this.source.pipe(take(id)));
  }
  @Cacheable(['first', 'second'])
  either(length: number): Observable<number> {
    return this.counted(() => range(1, length));
  }
  @Cacheable('second', { key: (length: number) => length })
  intoSecond(length: number): Observable<number> {
    return this.counted(() => range(1, length));
  }

  private counted<T>(source: () => Observable<T>): Observable<T> {
    return defer(() => {
      this.subscriptions++;
      this.subscribed.open();
      return source();
    });
  }
}

const error = new Error('own');

function all<T>(stream: Observable<T>): Promise<T[]> {
  return firstValueFrom(stream.pipe(toArray()));
}

describe.each(tiers)('Observables, %s', (name) => {
  const tier = onTier(name);

  it('140: emissions are stored on completion and replayed; an empty stream is a stored one', async () => {
    const { service } = await tier.start(Streams);
    expect([await all(service.list(3)), await all(service.list(3))]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(service.subscriptions).toBe(1);
    expect([await all(service.list(0)), await all(service.list(0))]).toEqual([[], []]);
    expect(service.subscriptions).toBe(2);
  });

  it('140: a subscriber that takes one element does not truncate what is stored', async () => {
    const { service } = await tier.start(Streams);
    expect(await firstValueFrom(service.list(3).pipe(take(1)))).toBe(1);
    expect([await all(service.list(3)), await all(service.list(3))]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('140: what fails is not stored; emissions before the error and the error itself pass through', async () => {
    const { service } = await tier.start(Streams);
    const seen: number[] = [];
    const attempt = () =>
      new Promise<unknown>((resolve) =>
        service.failing(2).subscribe({ next: (value) => seen.push(value), error: resolve }),
      );
    expect([await attempt(), await attempt()]).toEqual([error, error]);
    expect(seen).toEqual([1, 2, 1, 2]);
    expect(service.subscriptions).toBe(2);
  });

  it('140: emissions pass through as they come', async () => {
    const { service } = await tier.start(Streams);
    const stream = service.live(2);
    const first = firstValueFrom(stream);
    const everything = all(stream);
    await service.subscribed.opened;
    service.source.next('a');
    expect(await first).toBe('a');
    service.source.next('b');
    service.source.complete();
    expect(await everything).toEqual(['a', 'b']);
    expect(await all(service.live(2))).toEqual(['a', 'b']);
  });

  it('140: more than 1,000 emissions pass through and are not stored (api.md)', async () => {
    const { service } = await tier.start(Streams);
    expect((await all(service.list(1000))).length).toBe(1000);
    expect((await all(service.list(1000))).length).toBe(1000);
    expect(service.subscriptions).toBe(1);
    expect((await all(service.list(1001))).length).toBe(1001);
    expect(await all(service.list(1001))).toEqual(times(1001, (index) => index + 1));
    expect(service.subscriptions).toBe(3);
  });

  it('140: unless sees the single emission, else the array (api.md)', async () => {
    const { service } = await tier.start(Streams);
    for (const length of [1, 1, 2, 2]) await all(service.judged(length));
    expect(service.subscriptions).toBe(4);
  });

  it('141: one put per miss, one subscription to the source, however many subscribers', async () => {
    const { service, cache } = await tier.start(Streams);
    const stream = service.list(3);
    expect([await all(stream), await all(stream)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(service.subscriptions).toBe(1);
    expect(cache('streams').stats()).toMatchObject({ puts: 1 });
    const concurrent = service.list(4);
    const everybody = [all(concurrent), all(concurrent), all(service.list(4))];
    expect(await Promise.all(everybody)).toEqual(times(3, () => [1, 2, 3, 4]));
    expect(service.subscriptions).toBe(2);
    expect(cache('streams').stats()).toMatchObject({ puts: 2 });
  });

  it('143: every cache is asked', async () => {
    const { service } = await tier.start(Streams);
    await all(service.intoSecond(3));
    expect(await all(service.either(3))).toEqual([1, 2, 3]);
    expect(service.subscriptions).toBe(1);
  });

  it("api.md: one marked returns: 'observable' is cached as any", async () => {
    class Marked {
      calls = 0;
      @Cacheable('marked', { returns: 'observable' })
      list(length: number): UnseenObservable<number> {
        this.calls++;
        return range(1, length);
      }
    }
    const { service } = await tier.start(Marked);
    expect([await all(service.list(2)), await all(service.list(2))]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(service.calls).toBe(1);
  });

  it('api.md: an unmarked method found to return an Observable is an error naming the remedy', async () => {
    class Unmarked {
      // A type-only import leaves no `design:returntype` behind.
      @Cacheable('unmarked')
      list(length: number): UnseenObservable<number> {
        return range(1, length);
      }
    }
    const { service } = await tier.start(Unmarked);
    // What it answers with is no Observable: it could not know that it had to be one.
    const outcome = await lastValueFrom(from(service.list(3))).catch((reason: unknown) => reason);
    expect(outcome).toBeInstanceOf(CacheConfigurationError);
    expect(String(outcome)).toContain("returns: 'observable'");
  });
});
