import { ApiProperty, OmitType } from '@nestjs/swagger';

class Author {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly name!: string;
}

/** An article as it is answered and cached, its author's name included: the entry bears the tag of that user. */
export class ArticlePage {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly title!: string;

  @ApiProperty()
  readonly body!: string;

  @ApiProperty()
  readonly author!: Author;

  @ApiProperty({ type: [String] })
  readonly tags!: string[];

  @ApiProperty()
  readonly createdAt!: Date;

  @ApiProperty()
  readonly updatedAt!: Date;
}

/** An article as a list shows it. */
export class ArticleListItem extends OmitType(ArticlePage, ['body']) {}

/** The same as it is cached: it names its author by id only, so a renamed user concerns no list. */
export type ArticleSummary = Omit<ArticleListItem, 'author'> & { readonly authorId: number };
