/** A service whose caches are strict, over a database whose truth the spec changes; its writes wait at a door. */
import { CacheEvict, CachePut, Cacheable, Caching, fromResult, glob } from 'nestjs-elasticache';
import { gate } from './cache.application.js';

export class StrictArticles {
  truth = 'old';
  loads = 0;
  writes = 0;
  error: Error | undefined;
  readDoor: Promise<void> = Promise.resolve();
  reading = gate();
  door = gate();
  started = gate();

  /** Answers with what is true when it begins. */
  async load(): Promise<string> {
    this.loads++;
    const seen = this.truth;
    this.reading.open();
    await this.readDoor;
    return seen;
  }

  async write(): Promise<string> {
    this.writes++;
    const { door, error } = this;
    this.started.open();
    await door.opened;
    if (error) throw error;
    return (this.truth = 'new');
  }

  @Cacheable('articles', { tags: ['news'] })
  find(_id: number): Promise<string> {
    return this.load();
  }
  @CacheEvict('articles')
  remove(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { key: fromResult((_: string, id: number) => id) })
  removeByResult(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { allEntries: true })
  removeAll(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { pattern: '7*' })
  removeMatching(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { pattern: fromResult((_: string, id: number) => glob`${id}*`) })
  removeMatchingResult(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: ['news'] })
  removeTag(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { tags: fromResult(() => ['news']) })
  removeTagOfResult(_id: number): Promise<string> {
    return this.write();
  }
  @Caching({ evict: [{ cacheNames: 'others' }, { cacheNames: 'articles' }] })
  removeInTwo(_id: number): Promise<string> {
    return this.write();
  }
  @CachePut('articles')
  save(_id: number): Promise<string> {
    return this.write();
  }
  @CachePut('articles', { key: fromResult((_: string, id: number) => id) })
  create(_id: number): Promise<string> {
    return this.write();
  }
}
