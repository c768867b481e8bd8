import { Inject, Injectable } from '@nestjs/common';
import { count, desc, eq } from 'drizzle-orm';
import { Cacheable } from 'nestjs-elasticache';
import { DATABASE, type Database } from '../database/database.js';
import { articleTags, tags } from '../database/schema.js';
import type { Tag } from './tag.js';

@Injectable()
export class TagsService {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** The most used first. */
  @Cacheable('tags')
  async findAll(): Promise<Tag[]> {
    const used = count(articleTags.articleId);
    return this.db
      .select({ name: tags.name, articles: used })
      .from(tags)
      .leftJoin(articleTags, eq(articleTags.tagId, tags.id))
      .groupBy(tags.id)
      .orderBy(desc(used), tags.name);
  }
}
