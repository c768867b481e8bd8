import { index, integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

const id = () => integer().primaryKey().generatedAlwaysAsIdentity();
const instant = (name: string) => timestamp(name, { withTimezone: true }).notNull().defaultNow();

/** A tenant: what its people have cached is theirs alone. */
export const organisations = pgTable('organisations', {
  id: id(),
  name: text().notNull(),
  /** What tokens call it. */
  tenantId: text('tenant_id').notNull().unique(),
});

export const users = pgTable('users', {
  id: id(),
  name: text().notNull(),
  bio: text().notNull(),
  email: text().notNull().unique(),
  passwordHash: text('password_hash').notNull(),
  joinedAt: instant('joined_at'),
  organisationId: integer('organisation_id').references(() => organisations.id),
  /** `editor`, or null for those who only read. */
  role: text(),
});

export const articles = pgTable(
  'articles',
  {
    id: id(),
    title: text().notNull(),
    body: text().notNull(),
    authorId: integer('author_id')
      .notNull()
      .references(() => users.id),
    createdAt: instant('created_at'),
    updatedAt: instant('updated_at'),
  },
  (table) => [index().on(table.authorId)],
);

export const tags = pgTable('tags', {
  id: id(),
  name: text().notNull().unique(),
});

export const articleTags = pgTable(
  'article_tags',
  {
    articleId: integer('article_id')
      .notNull()
      .references(() => articles.id, { onDelete: 'cascade' }),
    tagId: integer('tag_id')
      .notNull()
      .references(() => tags.id),
  },
  (table) => [primaryKey({ columns: [table.articleId, table.tagId] }), index().on(table.tagId)],
);
