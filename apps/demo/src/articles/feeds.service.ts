import { Injectable } from '@nestjs/common';
import { and, count, desc, eq, ne } from 'drizzle-orm';
import { Cacheable, CacheContext, CacheManager } from 'nestjs-elasticache';
import { articles, organisations, users } from '../database/schema.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { UsersService } from '../users/users.service.js';
import type { ArticleSummary } from './article.js';
import { summaryColumns } from './articles.repository.js';

/** Borne by all that shows an organisation's articles to its own people. */
const TAG = 'feeds';
const LENGTH = 20;

/** Who edits sees the database, as nobody edits what is a minute old. */
export const isNoEditor = (): boolean => !CacheContext.current()?.roles?.includes('editor');

export interface OrganisationSummary {
  readonly name: string;
  readonly people: number;
  readonly articles: number;
}

/** What the people of an organisation see of their own. */
@Injectable()
export class FeedsService {
  constructor(
    private readonly unit: UnitOfWork,
    private readonly users: UsersService,
    private readonly caches: CacheManager,
  ) {}

  /** What a reader's colleagues wrote last. Each reader has one, so it needs no other key. */
  @Cacheable('feeds', { key: () => 'newest', tags: [TAG], condition: isNoEditor })
  async newest(tenantId: string, readerId: number): Promise<ArticleSummary[]> {
    const { db } = this.unit;
    return db
      .select(summaryColumns(db))
      .from(articles)
      .innerJoin(users, eq(users.id, articles.authorId))
      .innerJoin(organisations, eq(organisations.id, users.organisationId))
      .where(and(eq(organisations.tenantId, tenantId), ne(users.id, readerId)))
      .orderBy(desc(articles.id))
      .limit(LENGTH);
  }

  @Cacheable('organisations', { key: () => 'summary', tags: [TAG], condition: isNoEditor })
  async organisation(tenantId: string): Promise<OrganisationSummary | undefined> {
    const { db } = this.unit;
    const people = db.$count(users, eq(users.organisationId, organisations.id));
    const [summary] = await db
      .select({ name: organisations.name, people, articles: count(articles.id) })
      .from(organisations)
      .leftJoin(users, eq(users.organisationId, organisations.id))
      .leftJoin(articles, eq(articles.authorId, users.id))
      .where(eq(organisations.tenantId, tenantId))
      .groupBy(organisations.id);
    return summary;
  }

  /** The author's colleagues see what changed, whoever changed it: a tag is the tenant's, for all its people. */
  async changed(authorId: number): Promise<void> {
    const tenant = await this.users.tenantOf(authorId);
    if (tenant === undefined) return;
    await CacheContext.run({ tenant }, () => this.caches.evictTags(TAG));
  }
}
