import type { Database } from './database.js';
import { hashPassword } from './password.js';
import { articles, articleTags, organisations, tags, users } from './schema.js';
import { createWriter, TAG_NAMES } from './seed.text.js';

export interface SeedSize {
  readonly articles: number;
  readonly users: number;
}

/** PostgreSQL takes at most 65,535 parameters in one statement. */
const BATCH = 2_000;
/** Entra calls a tenant by a GUID. */
const ORGANISATIONS = ['Acme', 'Globex', 'Initech'].map((name, i) => ({
  name,
  tenantId: `00000000-0000-4000-8000-00000000000${i + 1}`,
}));
const EPOCH = Date.UTC(2024, 0, 1);
const HOUR_MS = 3_600_000;

/** Fills an empty database, all or nothing; the same people and texts every time. */
export async function seed(db: Database, size: SeedSize): Promise<void> {
  const present = await db.select({ id: users.id }).from(users).limit(1);
  if (present.length > 0) return;
  await db.transaction(async (tx) => {
    const userIds = await seedUsers(tx, size.users);
    const tagIds = await tx
      .insert(tags)
      .values(TAG_NAMES.map((name) => ({ name })))
      .returning({ id: tags.id });
    await seedArticles(tx, size.articles, { userIds, tagIds: tagIds.map(({ id }) => id) });
  });
}

async function seedUsers(db: Database, count: number): Promise<number[]> {
  const { name, sentence } = createWriter(1);
  const employers = await db
    .insert(organisations)
    .values(ORGANISATIONS)
    .returning({ id: organisations.id });
  // One hash for all: 500 of them would hold up every start for half a minute.
  const passwordHash = hashPassword('demo');
  const people = Array.from({ length: count }, (_, i) => ({
    name: name(),
    bio: sentence(),
    email: `user${i + 1}@example.com`,
    passwordHash,
    joinedAt: new Date(EPOCH + i * HOUR_MS),
    organisationId: employers[i % employers.length]!.id,
    role: i < employers.length ? 'editor' : null,
  }));
  const ids: number[] = [];
  for (const batch of batches(people)) {
    const rows = await db.insert(users).values(batch).returning({ id: users.id });
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

async function seedArticles(
  db: Database,
  count: number,
  { userIds, tagIds }: { userIds: number[]; tagIds: number[] },
): Promise<void> {
  const { title, paragraph, pick, some } = createWriter(2);
  const texts = Array.from({ length: count }, (_, i) => {
    const createdAt = new Date(EPOCH + i * HOUR_MS);
    return {
      title: title(),
      body: paragraph(),
      authorId: pick(userIds),
      createdAt,
      updatedAt: createdAt,
    };
  });
  for (const batch of batches(texts)) {
    const rows = await db.insert(articles).values(batch).returning({ id: articles.id });
    const links = rows.flatMap(({ id }) => some(tagIds).map((tagId) => ({ articleId: id, tagId })));
    await db.insert(articleTags).values(links);
  }
}

function* batches<T>(rows: T[]): Generator<T[]> {
  for (let start = 0; start < rows.length; start += BATCH) yield rows.slice(start, start + BATCH);
}
