import { ApiProperty, IntersectionType, OmitType } from '@nestjs/swagger';

class Author {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly name!: string;
}

class Authored {
  @ApiProperty()
  readonly author!: Author;
}

/** An article as it is stored and cached: it names its author by id only, so a renamed user concerns no article. */
export class Article {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly title!: string;

  @ApiProperty()
  readonly body!: string;

  @ApiProperty()
  readonly authorId!: number;

  @ApiProperty({ type: [String] })
  readonly tags!: string[];

  @ApiProperty()
  readonly createdAt!: Date;

  @ApiProperty()
  readonly updatedAt!: Date;
}

/** An article as a list shows it. */
export class ArticleSummary extends OmitType(Article, ['body']) {}

/** An article with its author, as it is answered. */
export class ArticlePage extends IntersectionType(OmitType(Article, ['authorId']), Authored) {}

export class ArticleListItem extends IntersectionType(
  OmitType(ArticleSummary, ['authorId']),
  Authored,
) {}
