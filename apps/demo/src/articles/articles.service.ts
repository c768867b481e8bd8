import { BadRequestException, Injectable, NotFoundException } from '@nestjs/common';
import { Cacheable, CacheEvict, CachePut, fromResult } from 'nestjs-elasticache';
import { tagOfUser } from '../users/user.js';
import { UsersService } from '../users/users.service.js';
import type { ArticleListItem, ArticlePage, ArticleSummary } from './article.js';
import { ArticlesRepository } from './articles.repository.js';
import type { CreateArticleDto } from './dto/create-article.dto.js';
import type { UpdateArticleDto } from './dto/update-article.dto.js';
import { FeedsService } from './feeds.service.js';

/** A page shows its author's name: who renames the author evicts it, and every response made of it, by this tag. */
const ofItsAuthor = fromResult(({ author }: ArticlePage) => [tagOfUser(author.id)]);

/** Any write may move an article within any list, and change how often a tag is used. */
const EvictListings = () => CacheEvict(['articleLists', 'tags'], { allEntries: true });

@Injectable()
export class ArticlesService {
  constructor(
    private readonly articles: ArticlesRepository,
    private readonly users: UsersService,
    private readonly feeds: FeedsService,
  ) {}

  @Cacheable('articleLists')
  async list(skip: number, limit: number): Promise<ArticleSummary[]> {
    return this.articles.list(skip, limit);
  }

  @Cacheable('articles', { key: (id: number) => id, tags: ofItsAuthor })
  async findOne(id: number): Promise<ArticlePage> {
    return (await this.articles.find(id)) ?? unknown(id);
  }

  async create(draft: CreateArticleDto): Promise<ArticlePage> {
    const created = await this.add(draft);
    // Not within: what evicts tags while a put runs whose tags its result names keeps the put out.
    await this.feeds.changed(created.author.id);
    return created;
  }

  /** The new article is cached at once, under the id the database gave it. */
  @CachePut('articles', { key: fromResult(({ id }: ArticlePage) => id), tags: ofItsAuthor })
  @EvictListings()
  async add(draft: CreateArticleDto): Promise<ArticlePage> {
    const [author] = await this.users.findMany([draft.authorId]);
    if (!author) throw new BadRequestException(`authorId: there is no user ${draft.authorId}.`);
    return this.articles.create(draft);
  }

  @CacheEvict('articles', { key: (id: number) => id })
  @EvictListings()
  async update(id: number, changes: UpdateArticleDto): Promise<ArticlePage> {
    const updated = (await this.articles.update(id, changes)) ?? unknown(id);
    await this.feeds.changed(updated.author.id);
    return updated;
  }

  @CacheEvict('articles', { key: (id: number) => id })
  @EvictListings()
  async remove(id: number): Promise<void> {
    await this.feeds.changed((await this.articles.remove(id)) ?? unknown(id));
  }

  /** Authors come from the users' cache, all in one look: a user who changes is changed in every list. */
  async withAuthors(summaries: ArticleSummary[]): Promise<ArticleListItem[]> {
    const ids = [...new Set(summaries.map(({ authorId }) => authorId))];
    const users = new Map((await this.users.findMany(ids)).map((user) => [user?.id, user]));
    return summaries.map(({ authorId, ...summary }) => {
      const author = { id: authorId, name: users.get(authorId)?.name ?? '' };
      return { ...summary, author };
    });
  }
}

function unknown(id: number): never {
  throw new NotFoundException(`There is no article ${id}.`);
}
