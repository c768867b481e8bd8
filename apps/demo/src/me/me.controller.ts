import { Controller, Get, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { CacheContext, CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { ArticleListItem } from '../articles/article.js';
import { ArticlesService } from '../articles/articles.service.js';
import { FeedsService, isNoEditor, type OrganisationSummary } from '../articles/feeds.service.js';
import { type SignedInRequest, TokenGuard } from '../auth/token.guard.js';

/** A reader's own; who edits has no scope, and reads the database. */
const reader = () => (isNoEditor() ? CacheContext.current()?.user : undefined);
/** Everybody's at the organisation who does not edit. */
const readers = () => (isNoEditor() ? 'readers' : undefined);

@ApiTags('me')
@ApiBearerAuth()
@ApiUnauthorizedResponse()
@UseGuards(TokenGuard)
@UseInterceptors(CacheInterceptor)
@Controller('me')
export class MeController {
  constructor(
    private readonly feeds: FeedsService,
    private readonly articles: ArticlesService,
  ) {}

  /** What your colleagues wrote last: cached for you alone. */
  @Get('feed')
  @CacheResponse({ cacheName: 'feeds', scope: reader })
  @ApiOkResponse({ type: [ArticleListItem] })
  async feed(@Req() { user: { tid, oid } }: SignedInRequest): Promise<ArticleListItem[]> {
    return this.articles.withAuthors(await this.feeds.newest(tid, Number(oid)));
  }

  /** Your organisation in numbers: cached for its people. */
  @Get('organisation')
  @CacheResponse({ cacheName: 'organisations', scope: readers })
  @ApiOkResponse({ description: 'Its name, and how many people and articles it has.' })
  organisation(@Req() { user }: SignedInRequest): Promise<OrganisationSummary | undefined> {
    return this.feeds.organisation(user.tid);
  }
}
