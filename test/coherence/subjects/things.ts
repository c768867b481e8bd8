/** A provider whose methods are decorated, by the library it is given: the built one, or a mutant. */
import { type Commit, groupOf, type Register } from '../subject.js';

export type Library = typeof import('nestjs-elasticache');

export const CACHE = 'things';

/** `isNear`: where there are copies in memory, which may be all that is kept. */
export function declareThings(library: Library, register: Register, isNear: boolean) {
  const here = isNear ? { shared: false as const } : {};
  const { Cacheable, CacheableMany, CacheConfig, CacheEvict, CachePut, fromResult } = library;
  const key = (id: number) => id;
  const tags = (id: number) => [groupOf(id)];
  const keyOfResult = fromResult((row: Row) => row.key);
  const tagsOfResult = fromResult((row: Row) => [groupOf(row.key)]);

  @CacheConfig({ cacheNames: CACHE })
  class Things {
    @Cacheable({ key, tags })
    async find(id: number): Promise<Row> {
      return { key: id, version: await register.load(id) };
    }

    @Cacheable({ key, tags: tagsOfResult })
    async findTagged(id: number): Promise<Row> {
      return { key: id, version: await register.load(id) };
    }

    @CacheableMany(CACHE, { keys: (ids: number[]) => ids, tags })
    findMany(ids: number[]): Promise<Row[]> {
      return Promise.all(ids.map(async (id) => ({ key: id, version: await register.load(id) })));
    }

    @Cacheable('pages', { key })
    page(id: number): Promise<Row> {
      return this.find(id);
    }

    @Cacheable('pages', { key: (id) => ['of', id] })
    pageOfTagged(id: number): Promise<Row> {
      return this.findTagged(id);
    }

    @Cacheable('sites', { key })
    site(id: number): Promise<Row> {
      return this.page(id);
    }

    @CachePut({ key, tags })
    async save(id: number, commit: Commit): Promise<Row> {
      return { key: id, version: await commit() };
    }

    @CachePut({ key: keyOfResult, tags: tagsOfResult })
    async create(id: number, commit: Commit): Promise<Row> {
      return { key: id, version: await commit() };
    }

    @Cacheable({ key, tags, ...here })
    async findHere(id: number): Promise<Row> {
      return { key: id, version: await register.load(id) };
    }

    @CachePut({ key: keyOfResult, tags, ...here })
    async saveHere(id: number, commit: Commit): Promise<Row> {
      return { key: id, version: await commit() };
    }

    @CacheEvict({ key })
    async change(id: number, commit: Commit): Promise<Row> {
      return { key: id, version: await commit() };
    }

    @CacheEvict({ key: keyOfResult })
    async changeNamed(id: number, commit: Commit): Promise<Row> {
      return { key: id, version: await commit() };
    }

    @CacheEvict({ tags })
    async changeGroup(_id: number, commit: Commit): Promise<void> {
      await commit();
    }

    @CacheEvict({ allEntries: true })
    async changeAll(_id: number, commit: Commit): Promise<void> {
      await commit();
    }
  }
  return Things;
}

export type Things = InstanceType<ReturnType<typeof declareThings>>;

/** What is cached. */
export interface Row {
  readonly key: number;
  readonly version: number;
}
