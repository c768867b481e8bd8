import { Injectable } from '@nestjs/common';
import { count, desc, eq } from 'drizzle-orm';
import { Cacheable } from 'nestjs-elasticache';
import { articleTags, tags } from '../database/schema.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { Tag } from './tag.js';

@Injectable()
export class TagsService {
  constructor(private readonly unit: UnitOfWork) {}

  /** The most used first. */
  @Cacheable('tags')
  async findAll(): Promise<Tag[]> {
    const used = count(articleTags.articleId);
    return this.unit.db
      .select({ name: tags.name, articles: used })
      .from(tags)
      .leftJoin(articleTags, eq(articleTags.tagId, tags.id))
      .groupBy(tags.id)
      .orderBy(desc(used), tags.name);
  }
}
