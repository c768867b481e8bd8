import { Inject, Injectable } from '@nestjs/common';
import { desc, eq, inArray, sql } from 'drizzle-orm';
import { DATABASE, type Database } from '../database/database.js';
import { articles, articleTags, tags } from '../database/schema.js';
import type { Article, ArticleSummary } from './article.js';
import type { CreateArticleDto } from './dto/create-article.dto.js';
import type { UpdateArticleDto } from './dto/update-article.dto.js';

/** The articles' SQL. It knows no cache. */
@Injectable()
export class ArticlesRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** The newest first. */
  list(skip: number, limit: number): Promise<ArticleSummary[]> {
    const { body: _, ...summary } = columns(this.db);
    return this.db
      .select(summary)
      .from(articles)
      .orderBy(desc(articles.id))
      .offset(skip)
      .limit(limit);
  }

  async find(id: number, db = this.db): Promise<Article | undefined> {
    const [article] = await db.select(columns(db)).from(articles).where(eq(articles.id, id));
    return article;
  }

  create({ title, body, authorId, tags }: CreateArticleDto): Promise<Article> {
    return this.db.transaction(async (tx) => {
      const [created] = await tx
        .insert(articles)
        .values({ title, body, authorId })
        .returning({ id: articles.id });
      await replaceTags(tx, created!.id, tags);
      return (await this.find(created!.id, tx))!;
    });
  }

  update(id: number, { title, body, tags }: UpdateArticleDto): Promise<Article | undefined> {
    return this.db.transaction(async (tx) => {
      const updated = await tx
        .update(articles)
        .set({ title, body, updatedAt: new Date() })
        .where(eq(articles.id, id))
        .returning({ id: articles.id });
      if (updated.length > 0) await replaceTags(tx, id, tags);
      return this.find(id, tx);
    });
  }

  /** Whether there was one. */
  async remove(id: number): Promise<boolean> {
    const removed = await this.db
      .delete(articles)
      .where(eq(articles.id, id))
      .returning({ id: articles.id });
    return removed.length > 0;
  }
}

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
    body: articles.body,
    authorId: articles.authorId,
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
