import { BadRequestException, Injectable } from '@nestjs/common';
import { UnitOfWork } from '../database/unit-of-work.js';
import { UsersService } from '../users/users.service.js';
import type { ArticlePage } from './article.js';
import { ArticlesService } from './articles.service.js';
import type { ReviseArticleDto } from './dto/revise-article.dto.js';

@Injectable()
export class RevisionsService {
  constructor(
    private readonly unit: UnitOfWork,
    private readonly articles: ArticlesService,
    private readonly users: UsersService,
  ) {}

  /**
   * An article and its author's profile, both or neither. What the two services evict they evict
   * together, after the commit: until then everybody reads the old state, and nobody caches half of the new.
   */
  revise(id: number, { author, ...changes }: ReviseArticleDto): Promise<ArticlePage> {
    return this.unit.run(async () => {
      await this.users.update(author.id, author);
      const article = await this.articles.update(id, changes);
      if (article.author.id === author.id) return article;
      throw new BadRequestException(`author: user ${author.id} did not write article ${id}.`);
    });
  }
}
