import { Injectable, NotFoundException } from '@nestjs/common';
import { eq, inArray } from 'drizzle-orm';
import { Cacheable, CacheableMany, CacheConfig, CacheEvict } from 'nestjs-elasticache';
import { organisations, users } from '../database/schema.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { UpdateUserDto } from './update-user.dto.js';
import { tagOfUser, userColumns, type User } from './user.js';

@Injectable()
@CacheConfig({ cacheNames: 'users' })
export class UsersService {
  constructor(private readonly unit: UnitOfWork) {}

  @Cacheable({ key: (id: number) => id, tags: (id: number) => [tagOfUser(id)] })
  async findOne(id: number): Promise<User> {
    const [user] = await this.unit.db.select(userColumns).from(users).where(eq(users.id, id));
    // An exception is never cached: an unknown id is looked up again each time.
    if (!user) throw new NotFoundException(`There is no user ${id}.`);
    return user;
  }

  /** In the order asked, null where there is none. One look at the cache, then one query for what it lacks. */
  @CacheableMany({ keys: (ids: number[]) => ids, tags: (id: number) => [tagOfUser(id)] })
  async findMany(ids: number[]): Promise<(User | null)[]> {
    const found = await this.unit.db.select(userColumns).from(users).where(inArray(users.id, ids));
    const byId = new Map(found.map((user) => [user.id, user]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  /** The tenant that a user works for, where there is one. It never changes. */
  @Cacheable('tenants', { key: (id: number) => id })
  async tenantOf(id: number): Promise<string | undefined> {
    const [employer] = await this.unit.db
      .select({ tenantId: organisations.tenantId })
      .from(users)
      .innerJoin(organisations, eq(organisations.id, users.organisationId))
      .where(eq(users.id, id));
    return employer?.tenantId;
  }

  /** The user's own entry, and every page that names them. */
  @CacheEvict({ tags: (id: number) => [tagOfUser(id)] })
  async update(id: number, changes: UpdateUserDto): Promise<User> {
    const { name, bio } = changes;
    const [user] = await this.unit.db
      .update(users)
      .set({ name, bio })
      .where(eq(users.id, id))
      .returning(userColumns);
    if (!user) throw new NotFoundException(`There is no user ${id}.`);
    return user;
  }
}
