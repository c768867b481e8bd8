import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { ParseIdPipe } from '../parse-id.pipe.js';
import { ArticleListItem, ArticlePage } from './article.js';
import { ArticlesService } from './articles.service.js';
import { CreateArticleDto } from './dto/create-article.dto.js';
import { ListArticlesQuery } from './dto/list-articles.query.js';
import { ReviseArticleDto } from './dto/revise-article.dto.js';
import { UpdateArticleDto } from './dto/update-article.dto.js';
import { RevisionsService } from './revisions.service.js';

@ApiTags('articles')
@ApiBadRequestResponse()
@UseInterceptors(CacheInterceptor)
@Controller('articles')
export class ArticlesController {
  constructor(
    private readonly articles: ArticlesService,
    private readonly revisions: RevisionsService,
  ) {}

  /** As long as the list it is made of; renaming an author evicts it, too: it has the tags of the calls within. */
  @Get()
  @CacheResponse({ cacheName: 'articleLists' })
  @ApiOkResponse({ type: [ArticleListItem] })
  async list(@Query() { skip, limit }: ListArticlesQuery): Promise<ArticleListItem[]> {
    return this.articles.withAuthors(await this.articles.list(skip, limit));
  }

  @Get(':id')
  @CacheResponse({ cacheName: 'articles' })
  @ApiOkResponse({ type: ArticlePage })
  @ApiNotFoundResponse()
  findOne(@Param('id', ParseIdPipe) id: number): Promise<ArticlePage> {
    return this.articles.findOne(id);
  }

  @Post()
  @ApiCreatedResponse({ type: ArticlePage })
  create(@Body() draft: CreateArticleDto): Promise<ArticlePage> {
    return this.articles.create(draft);
  }

  @Put(':id')
  @ApiOkResponse({ type: ArticlePage })
  @ApiNotFoundResponse()
  update(
    @Param('id', ParseIdPipe) id: number,
    @Body() changes: UpdateArticleDto,
  ): Promise<ArticlePage> {
    return this.articles.update(id, changes);
  }

  /**
   * The article and its author's profile in one transaction: both are changed, or neither. What it
   * answers is the article: so it says, and responses cached for that are evicted.
   */
  @Put(':id/revision')
  @ApiOkResponse({ type: ArticlePage })
  @ApiNotFoundResponse()
  revise(
    @Param('id', ParseIdPipe) id: number,
    @Body() revision: ReviseArticleDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ArticlePage> {
    response.setHeader('Content-Location', `/articles/${id}`);
    return this.revisions.revise(id, revision);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiNotFoundResponse()
  remove(@Param('id', ParseIdPipe) id: number): Promise<void> {
    return this.articles.remove(id);
  }
}
