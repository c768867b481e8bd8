import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CacheEvict, CachePut, Cacheable } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Observable, Subject, defer, firstValueFrom, from, lastValueFrom, toArray } from 'rxjs';
import { onTier, tiers, times } from '../support/cache.application.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

class Streams {
  subscriptions = 0;
  /** How many sources are subscribed to now. */
  open = 0;
  source = new Subject<unknown>();
  resolved = 0;
  resolve: () => string[] = () => ['resolved'];

  @Cacheable('streams')
  live(_id: number): Observable<unknown> {
    return this.counted(this.source);
  }
  @Cacheable({
    cacheResolver({ target }) {
      (target as Streams).resolved++;
      return (target as Streams).resolve();
    },
  })
  resolving(_id: number): Observable<number> {
    return this.counted(from([1, 2, 3]));
  }
  @CacheEvict('articles', { allEntries: true })
  update(): Observable<unknown> {
    return this.counted(this.source);
  }
  @CacheEvict('articles')
  @CachePut('saved')
  save(_id: number): Observable<unknown> {
    return this.counted(this.source);
  }

  private counted<T>(source: Observable<T>): Observable<T> {
    return defer(() => {
      this.subscriptions++;
      return new Observable<T>((subscriber) => {
        this.open++;
        subscriber.add(() => this.open--);
        return source.subscribe(subscriber);
      });
    });
  }
}

describe.each(tiers)('A method that returns an Observable, %s', (name) => {
  const tier = onTier(name);

  async function start() {
    const running = await tier.start(Streams);
    const elsewhere = running.cache('elsewhere');
    const [articles, saved] = [running.cache('articles'), running.cache('saved')];
    return { ...running, articles, saved, turn: () => lookedUp(elsewhere) };
  }

  /** Resolves when every lookup sent before has been answered, and what came of it has run. */
  async function lookedUp(cache: Cache): Promise<void> {
    for (let i = 0; i < 10; i++) {
      await cache.get('nothing');
      await new Promise(setImmediate);
    }
  }

  it('stops its source when all have left, those first who had joined', async () => {
    const { service, turn } = await start();
    const leader = service.live(7).subscribe();
    await turn();
    const joiners = times(2, () => service.live(7).subscribe());
    await turn();
    for (const subscription of [...joiners, leader]) {
      expect(service.open).toBe(1);
      subscription.unsubscribe();
    }
    await turn();
    expect(service.open).toBe(0);
    service.source = from(['anew']) as never;
    expect(await lastValueFrom(service.live(7))).toBe('anew');
    expect(service.subscriptions).toBe(2);
  });

  it('asks a cacheResolver once a call, however many emissions there are', async () => {
    const { service } = await start();
    for (const call of [1, 2]) {
      expect(await lastValueFrom(service.resolving(7).pipe(toArray()))).toEqual([1, 2, 3]);
      expect([service.resolved, service.subscriptions]).toEqual([call, 1]);
    }
  });

  it('fails for its subscriber where the cacheResolver does, and does not run', async () => {
    const { service } = await start();
    service.resolve = () => {
      throw new Error('own');
    };
    await expect(lastValueFrom(service.resolving(7))).rejects.toMatchObject({
      code: 'CACHE_OPTION_FAILED',
    });
    expect(service.subscriptions).toBe(0);
  });

  it('evicts for a subscriber that took the first emission and left', async () => {
    const { service, articles, saved, turn } = await start();
    for (const write of [() => service.update(), () => service.save(7)]) {
      await articles.put(7, 'old');
      const first = firstValueFrom(write());
      await turn();
      service.source.next('written');
      expect(await first).toBe('written');
      await turn();
      expect(await articles.get(7)).toBeUndefined();
    }
    expect(service.open).toBe(0);
    expect(await saved.getEntry(7)).toBeUndefined();
  });

  it('evicts nothing for one that left before anything came, nor where the source failed', async () => {
    const { service, articles, turn } = await start();
    await articles.put(7, 'old');
    const subscription = service.update().subscribe();
    await turn();
    subscription.unsubscribe();
    const failing = lastValueFrom(service.update()).catch((error: unknown) => error);
    await turn();
    service.source.next('written');
    service.source.error(new Error('own'));
    expect(await failing).toEqual(new Error('own'));
    await turn();
    expect(await articles.get(7)).toBe('old');
  });
});

/** Emits far more than is stored through a method that only evicts, and tells how many emissions are still in memory. */
const PROGRAM = `
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { CacheEvict, ElastiCacheModule } from 'nestjs-elasticache';
import { Subject } from 'rxjs';
class Streams {
  source = new Subject();
  update() {
    return this.source;
  }
}
const update = Object.getOwnPropertyDescriptor(Streams.prototype, 'update');
CacheEvict('articles', { allEntries: true, returns: 'observable' })(Streams.prototype, 'update', update);
Object.defineProperty(Streams.prototype, 'update', update);
class App {}
const app = await NestFactory.createApplicationContext(
  { module: App, imports: [ElastiCacheModule.forRoot()], providers: [Streams] },
  { logger: false },
);
const streams = app.get(Streams);
let passed = 0;
streams.update().subscribe(() => passed++);
const turn = () => new Promise(setImmediate);
await turn();
const seen = [];
for (let i = 0; i < 1500; i++) {
  const emission = { i };
  seen.push(new WeakRef(emission));
  streams.source.next(emission);
}
await turn();
gc();
console.log(JSON.stringify({ passed, kept: seen.filter((one) => one.deref()).length }));
streams.source.complete();
await app.close();
`;

describe('A method that returns an Observable and only evicts', () => {
  it('lets go of its emissions once they are too many to be stored', async () => {
    const args = ['--expose-gc', '--input-type=module', '-e', PROGRAM];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const { passed, kept } = JSON.parse(stdout) as { passed: number; kept: number };
    expect(passed).toBe(1_500);
    expect(kept).toBeLessThan(10);
  });
});
