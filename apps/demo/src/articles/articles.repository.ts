import { Injectable } from '@nestjs/common';
import { desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../database/database.js';
import { articles, articleTags, tags, users } from '../database/schema.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { ArticlePage, ArticleSummary } from './article.js';
import type { CreateArticleDto } from './dto/create-article.dto.js';
import type { UpdateArticleDto } from './dto/update-article.dto.js';

/** The articles' SQL. It caches nothing. */
@Injectable()
export class ArticlesRepository {
  constructor(private readonly unit: UnitOfWork) {}

  /** The newest first. */
  list(skip: number, limit: number): Promise<ArticleSummary[]> {
    const { db } = this.unit;
    return db
      .select(summaryColumns(db))
      .from(articles)
      .orderBy(desc(articles.id))
      .offset(skip)
      .limit(limit);
  }

  async find(id: number): Promise<ArticlePage | undefined> {
    const { db } = this.unit;
    const author = { id: users.id, name: users.name };
    const [article] = await db
      .select({ ...columns(db), body: articles.body, author })
      .from(articles)
      .innerJoin(users, eq(users.id, articles.authorId))
      .where(eq(articles.id, id));
    return article;
  }

  create({ title, body, authorId, tags }: CreateArticleDto): Promise<ArticlePage> {
    return this.unit.run(async () => {
      const [created] = await this.unit.db
        .insert(articles)
        .values({ title, body, authorId })
        .returning({ id: articles.id });
      await replaceTags(this.unit.db, created!.id, tags);
      return (await this.find(created!.id))!;
    });
  }

  update(id: number, { title, body, tags }: UpdateArticleDto): Promise<ArticlePage | undefined> {
    return this.unit.run(async () => {
      const updated = await this.unit.db
        .update(articles)
        .set({ title, body, updatedAt: new Date() })
        .where(eq(articles.id, id))
        .returning({ id: articles.id });
      if (updated.length > 0) await replaceTags(this.unit.db, id, tags);
      return this.find(id);
    });
  }

  /** Who wrote it, if there was one. */
  async remove(id: number): Promise<number | undefined> {
    const [removed] = await this.unit.db
      .delete(articles)
      .where(eq(articles.id, id))
      .returning({ authorId: articles.authorId });
    return removed?.authorId;
  }
}

/** An article's line in a list. */
export function summaryColumns(db: Database) {
  return { ...columns(db), authorId: articles.authorId };
}

/** What an article and its line in a list have in common. */
function columns(db: Database) {
  const names = db
    .select({ name: tags.name })
    .from(articleTags)
    .innerJoin(tags, eq(tags.id, articleTags.tagId))
    .where(eq(articleTags.articleId, articles.id))
    .orderBy(tags.name);
  return {
    id: articles.id,
    title: articles.title,
    tags: sql<string[]>`array(${names})`,
    createdAt: articles.createdAt,
    updatedAt: articles.updatedAt,
  };
}

/** A tag nobody used yet is created. */
async function replaceTags(db: Database, articleId: number, names: string[]): Promise<void> {
  await db.delete(articleTags).where(eq(articleTags.articleId, articleId));
  if (names.length === 0) return;
  // In one order for all, or two writers could each wait for the other's tag.
  const rows = names.toSorted().map((name) => ({ name }));
  await db.insert(tags).values(rows).onConflictDoNothing();
  const links = db
    .select({ articleId: sql<number>`${articleId}::int`.as('article_id'), tagId: tags.id })
    .from(tags)
    .where(inArray(tags.name, names));
  await db.insert(articleTags).select(links);
}
