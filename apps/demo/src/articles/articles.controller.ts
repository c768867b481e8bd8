import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { ParseIdPipe } from '../parse-id.pipe.js';
import { ArticleListItem, ArticlePage, type Article } from './article.js';
import { ArticlesService } from './articles.service.js';
import { CreateArticleDto } from './dto/create-article.dto.js';
import { ListArticlesQuery } from './dto/list-articles.query.js';
import { UpdateArticleDto } from './dto/update-article.dto.js';

@ApiTags('articles')
@ApiBadRequestResponse()
@Controller('articles')
export class ArticlesController {
  constructor(private readonly articles: ArticlesService) {}

  @Get()
  @ApiOkResponse({ type: [ArticleListItem] })
  async list(@Query() { skip, limit }: ListArticlesQuery): Promise<ArticleListItem[]> {
    return this.articles.withAuthors(await this.articles.list(skip, limit));
  }

  @Get(':id')
  @ApiOkResponse({ type: ArticlePage })
  @ApiNotFoundResponse()
  async findOne(@Param('id', ParseIdPipe) id: number): Promise<ArticlePage> {
    return this.page(await this.articles.findOne(id));
  }

  @Post()
  @ApiCreatedResponse({ type: ArticlePage })
  async create(@Body() draft: CreateArticleDto): Promise<ArticlePage> {
    return this.page(await this.articles.create(draft));
  }

  @Put(':id')
  @ApiOkResponse({ type: ArticlePage })
  @ApiNotFoundResponse()
  async update(
    @Param('id', ParseIdPipe) id: number,
    @Body() changes: UpdateArticleDto,
  ): Promise<ArticlePage> {
    return this.page(await this.articles.update(id, changes));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiNotFoundResponse()
  remove(@Param('id', ParseIdPipe) id: number): Promise<void> {
    return this.articles.remove(id);
  }

  private async page(article: Article): Promise<ArticlePage> {
    const [page] = await this.articles.withAuthors([article]);
    return page!;
  }
}
