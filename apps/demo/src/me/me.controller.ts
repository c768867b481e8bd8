import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { ArticleListItem } from '../articles/article.js';
import { ArticlesService } from '../articles/articles.service.js';
import { FeedsService, type OrganisationSummary } from '../articles/feeds.service.js';
import { type SignedInRequest, TokenGuard } from '../auth/token.guard.js';

@ApiTags('me')
@ApiBearerAuth()
@ApiUnauthorizedResponse()
@UseGuards(TokenGuard)
@Controller('me')
export class MeController {
  constructor(
    private readonly feeds: FeedsService,
    private readonly articles: ArticlesService,
  ) {}

  /** What your colleagues wrote last: cached for you alone. */
  @Get('feed')
  @ApiOkResponse({ type: [ArticleListItem] })
  async feed(@Req() { user: { tid, oid } }: SignedInRequest): Promise<ArticleListItem[]> {
    return this.articles.withAuthors(await this.feeds.newest(tid, Number(oid)));
  }

  /** Your organisation in numbers: cached for its people. */
  @Get('organisation')
  @ApiOkResponse({ description: 'Its name, and how many people and articles it has.' })
  organisation(@Req() { user }: SignedInRequest): Promise<OrganisationSummary | undefined> {
    return this.feeds.organisation(user.tid);
  }
}
